// Durations in brackets and after `offset`: literals and arithmetic. Like expressions they are read with a stack of frames.

extension DurationValue {
  init(_ expression: DurationExpression) {
    switch expression {
    case .literal(let literal): self = .nanoseconds(Self.nanoseconds(ofSeconds: literal.value))
    case .operation(let operation): self = .expression(operation)
    }
  }
}

/// Something begun in a duration whose end is to come.
private enum DurationFrame {
  case parenthesis(Token)
  case sign(Token)
  case binary(lhs: DurationExpression, DurationOperator, sign: Token, precedence: Int)
  /// The first operand of `min_of` and `max_of` is to come, or the second.
  case choice(name: Token, first: DurationExpression?)
}

extension Parser {
  /// What follows `offset`. Without parentheses around all of it a first literal or call is all: `x offset 5m + y` is a sum.
  mutating func offset() throws(ParseError) -> DurationExpression {
    let token = try peek()
    switch token.kind {
    case .number, .duration: return .literal(try durationLiteral())
    case .step, .range, .maxOf, .minOf: return .operation(try enabled(try durationCall(.offset)))
    case .add, .subtract:
      try take()
      switch try peek().kind {
      case .number, .duration:
        let literal = try number(try take()).signed(isNegation: token.kind == .subtract, start: token.start)
        guard literal.isDurationInRange else { throw error("duration out of range", at: token.position) }
        return .literal(literal)
      case .step, .range, .maxOf, .minOf:
        let call = try durationCall(.offset)
        return .operation(
          try enabled(
            DurationOperation(
              token.kind == .subtract ? .subtract : .add, rhs: .operation(call),
              position: PositionRange(token.start, call.position.end))))
      case .leftParen:
        try take()
        let inner = try duration(.offset)
        try take(.rightParen, .offset)
        return try signed(.operation(wrapped(inner, inner.position)), token)
      default: return try duration(.offset, after: token)
      }
    default: return try duration(.offset)
    }
  }

  /// A duration up to the first token that cannot belong to it. With `sign`, one that was read already stands before it.
  mutating func duration(_ expectation: Expectation, after sign: Token? = nil) throws(ParseError) -> DurationExpression
  {
    var frames: [DurationFrame] = sign.map { [.sign($0)] } ?? []
    while true {
      var value = try durationOperand(expectation, &frames)
      while let operand = value {
        if let (operation, precedence) = try peek().kind.durationOperator {
          let lhs = try completeOperators(operand, before: precedence, &frames)
          frames.append(.binary(lhs: lhs, operation, sign: try take(), precedence: precedence))
          break
        }
        let whole = try completeOperators(operand, before: 0, &frames)
        switch frames.last {
        case nil: return whole
        case .choice(let name, first: nil):
          try take(.comma, expectation)
          frames[frames.count - 1] = .choice(name: name, first: whole)
          value = nil
        case .choice(let name, let first):
          try take(.rightParen, expectation)
          frames.removeLast()
          let operation = DurationOperation(
            name.kind == .maxOf ? .maxOf : .minOf, lhs: first, rhs: whole,
            position: PositionRange(first?.position.start ?? name.start, whole.position.end))
          value = .operation(try enabled(try limited(operation)))
        case .parenthesis(let opening):
          try take(.rightParen, expectation)
          frames.removeLast()
          try checkEnabled(whole)
          value = .operation(try limited(wrapped(whole, PositionRange(opening.start, whole.position.end))))
        case .sign, .binary: throw error("an operator without its operand", at: whole.position)
        }
      }
    }
  }

  /// Reads what stands before a value and, unless that only begins something, the value.
  private mutating func durationOperand(
    _ expectation: Expectation, _ frames: inout [DurationFrame]
  ) throws(ParseError) -> DurationExpression? {
    guard frames.count < ParserOptions.heightMax else { throw tooHigh(try peek().position) }
    switch try peek().kind {
    case .number, .duration: return .literal(try durationLiteral())
    case .step, .range: return .operation(try enabled(try durationCall(expectation)))
    case .add, .subtract: frames.append(.sign(try take()))
    case .leftParen:
      frames.append(.parenthesis(try take()))
    case .maxOf, .minOf:
      let name = try take()
      try take(.leftParen, expectation)
      frames.append(.choice(name: name, first: nil))
    default: throw try unexpected(expectation)
    }
    return nil
  }

  private mutating func completeOperators(
    _ value: DurationExpression, before precedence: Int, _ frames: inout [DurationFrame]
  ) throws(ParseError) -> DurationExpression {
    var value = value
    while let frame = frames.last {
      switch frame {
      case .sign(let token):
        guard precedence <= TokenKind.precedenceOfSign else { return value }
        frames.removeLast()
        value = try signed(value, token)
      case .binary(let lhs, let operation, let sign, let own):
        guard precedence < own || (precedence == own && own != TokenKind.precedenceOfPower) else { return value }
        frames.removeLast()
        value = .operation(try binary(operation, lhs, value, sign))
      case .parenthesis, .choice: return value
      }
    }
    return value
  }

  private func binary(
    _ operation: DurationOperator, _ lhs: DurationExpression, _ rhs: DurationExpression, _ sign: Token
  ) throws(ParseError) -> DurationOperation {
    try checkEnabled(lhs)
    if case .literal(let literal) = rhs, literal.value == 0 {
      if operation == .divide { throw error("division by zero", at: sign.position) }
      if operation == .modulo { throw error("modulo by zero", at: sign.position) }
    }
    return try limited(
      DurationOperation(
        operation, lhs: lhs, rhs: rhs, position: PositionRange(lhs.position.start, rhs.position.end)))
  }

  private func signed(_ value: DurationExpression, _ sign: Token) throws(ParseError) -> DurationExpression {
    let isNegation = sign.kind == .subtract
    switch value {
    case .literal(let literal):
      let literal = literal.signed(isNegation: isNegation, start: sign.start)
      guard literal.isDurationInRange else { throw error("duration out of range", at: sign.position) }
      return .literal(literal)
    case .operation(let operation):
      guard isNegation else { return value }
      return .operation(
        try limited(
          DurationOperation(.subtract, rhs: value, position: PositionRange(sign.start, operation.position.end))))
    }
  }

  /// `value` in parentheses. A literal has no place to say so: a plus sign takes it.
  private func wrapped(_ value: DurationExpression, _ position: PositionRange) -> DurationOperation {
    switch value {
    case .literal: DurationOperation(.add, rhs: value, isWrapped: true, position: position)
    case .operation(let operation):
      DurationOperation(
        operation.operation, lhs: operation.lhs, rhs: operation.rhs, isWrapped: true, position: operation.position)
    }
  }

  private mutating func durationLiteral() throws(ParseError) -> NumberLiteral {
    let literal = try number(try take())
    guard literal.isDurationInRange else { throw error("duration out of range", at: literal.position) }
    return literal
  }

  /// `step()`, `range()`, `min_of(…, …)` or `max_of(…, …)`, the name of which comes next.
  private mutating func durationCall(_ expectation: Expectation) throws(ParseError) -> DurationOperation {
    let name = try take()
    try take(.leftParen, expectation)
    switch name.kind {
    case .step, .range:
      let closing = try take(.rightParen, expectation)
      return DurationOperation(
        name.kind == .step ? .step : .range, position: PositionRange(name.start, closing.end))
    default:
      let first = try duration(expectation)
      try take(.comma, expectation)
      let second = try duration(expectation)
      try take(.rightParen, expectation)
      return try limited(
        DurationOperation(
          name.kind == .maxOf ? .maxOf : .minOf, lhs: first, rhs: second,
          position: PositionRange(first.position.start, second.position.end)))
    }
  }

  private func limited(_ operation: DurationOperation) throws(ParseError) -> DurationOperation {
    guard operation.height <= ParserOptions.heightMax else { throw tooHigh(operation.position) }
    return operation
  }

  private func enabled(_ operation: DurationOperation) throws(ParseError) -> DurationOperation {
    try checkEnabled(.operation(operation))
    return operation
  }

  private func checkEnabled(_ expression: DurationExpression) throws(ParseError) {
    guard options.durationExpressions else {
      throw error("experimental duration expression is not enabled", at: expression.position)
    }
  }
}

extension NumberLiteral {
  /// Whether nanoseconds of it fit 64 bits.
  fileprivate var isDurationInRange: Bool { value.magnitude <= DurationValue.secondsMax || value.isNaN }
}
