// The syntax tree of a query. Nodes never change once they are made, so a tree is shared freely between tasks, and a node's
// identity can be the key of what an engine knows about it.
//
//   sum by (job) (rate(http_requests_total{code="500"}[5m]))
//
//   aggregation sum, grouping [job]
//     call rate
//       matrixSelector 5m
//         vectorSelector http_requests_total, matchers [code="500", __name__="http_requests_total"]
//
// No tree is higher than `ParserOptions.heightMax`: whoever walks it may recurse.
public import TSModel

/// A part of a query's text: bytes from `start` up to `end`. As in Prometheus a range may end late where a modifier follows.
public struct PositionRange: Hashable, Sendable {
  /// First byte, counted from 0.
  public var start: Int
  /// The byte after the last one.
  public var end: Int

  /// The bytes from `start` up to `end`.
  public init(_ start: Int, _ end: Int) {
    self.start = start
    self.end = end
  }

  /// Line and column of `start` as `1:6`, both counted from 1, columns in bytes; `unknown position` where `query` is empty.
  public func lineAndColumn(in query: String) -> String { lineAndColumn(in: Array(query.utf8)) }

  func lineAndColumn(in query: [UInt8]) -> String {
    guard !query.isEmpty else { return "unknown position" }
    guard start >= 0, start <= query.count else { return "invalid position" }
    var (line, column) = (1, 1)
    for byte in query.prefix(start) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
    return "\(line):\(column)"
  }
}

/// What an expression evaluates to.
public enum ValueType: String, Hashable, Sendable, CaseIterable {
  /// One number at each time.
  case scalar
  /// An instant vector: for each series one sample at each time.
  case vector
  /// A range vector: for each series many samples at each time.
  case matrix
  /// A text.
  case string

  /// As the documentation, and messages, call it: `instant vector`.
  public var documentedName: String {
    switch self {
    case .vector: "instant vector"
    case .matrix: "range vector"
    case .scalar, .string: rawValue
    }
  }
}

/// A node of the syntax tree with all that is below it.
public enum Expression: Sendable {
  /// `12.5`, `0x1F`, `NaN`, `5m`
  case numberLiteral(NumberLiteral)
  /// `"text"`
  case stringLiteral(StringLiteral)
  /// `up{job="api"} offset 5m`
  case vectorSelector(VectorSelector)
  /// `up{job="api"}[5m] @ end()`
  case matrixSelector(MatrixSelector)
  /// `rate(x[5m])[1h:1m]`
  case subquery(Subquery)
  /// `rate(x[5m])`
  case call(Call)
  /// `sum by (job) (x)`
  case aggregation(Aggregation)
  /// `a / on (job) b`
  case binary(BinaryOperation)
  /// `-x`
  case unary(UnaryOperation)
  /// `(x)`
  case parenthesized(Parenthesized)

  /// Where it stands in the query's text.
  public var position: PositionRange {
    switch self {
    case .numberLiteral(let node): node.position
    case .stringLiteral(let node): node.position
    case .vectorSelector(let node): node.position
    case .matrixSelector(let node): node.position
    case .subquery(let node): node.position
    case .call(let node): node.position
    case .aggregation(let node): node.position
    case .binary(let node): node.position
    case .unary(let node): node.position
    case .parenthesized(let node): node.position
    }
  }

  /// What it evaluates to.
  public var valueType: ValueType {
    switch self {
    case .numberLiteral: .scalar
    case .stringLiteral: .string
    case .vectorSelector, .aggregation: .vector
    case .matrixSelector, .subquery: .matrix
    case .call(let node): node.function.returnType
    case .binary(let node): node.valueType
    case .unary(let node): node.valueType
    case .parenthesized(let node): node.valueType
    }
  }

  /// Height of the tree: 1 for a node with nothing below it.
  var height: Int {
    switch self {
    case .numberLiteral, .stringLiteral, .vectorSelector: 1
    case .matrixSelector: 2
    case .subquery(let node): node.height
    case .call(let node): node.height
    case .aggregation(let node): node.height
    case .binary(let node): node.height
    case .unary(let node): node.height
    case .parenthesized(let node): node.height
    }
  }

  /// The nodes directly below, in the order of evaluation: an aggregation's expression before its parameter.
  public var children: [Expression] {
    switch self {
    case .numberLiteral, .stringLiteral, .vectorSelector: []
    case .matrixSelector(let node): [.vectorSelector(node.selector)]
    case .subquery(let node): [node.expression]
    case .call(let node): node.arguments
    case .aggregation(let node): node.parameter.map { [node.expression, $0] } ?? [node.expression]
    case .binary(let node): [node.lhs, node.rhs]
    case .unary(let node): [node.expression]
    case .parenthesized(let node): [node.expression]
    }
  }

  /// The matchers of each selector in it, from left to right.
  public var selectors: [[LabelMatcher]] {
    var found: [[LabelMatcher]] = []
    var rest = [self]
    while let next = rest.popLast() {
      if case .vectorSelector(let node) = next { found.append(node.matchers) }
      rest += next.children.reversed()
    }
    return found
  }

  /// How many subqueries are nested in one another.
  public var subqueryDepth: Int {
    var (deepest, rest) = (0, [(self, 0)])
    while let (expression, outer) = rest.popLast() {
      var depth = outer
      if case .subquery = expression { depth += 1 }
      deepest = max(deepest, depth)
      for child in expression.children { rest.append((child, depth)) }
    }
    return deepest
  }

  /// The expression inside any number of parentheses.
  public var withoutParentheses: Expression {
    var result = self
    while case .parenthesized(let node) = result { result = node.expression }
    return result
  }
}

/// A number, or a duration in the place of one.
public final class NumberLiteral: Sendable {
  /// The number; of a duration its seconds.
  public let value: Double
  /// Whether it was written as a duration, `5m`.
  public let isDuration: Bool
  /// Where it stands.
  public let position: PositionRange

  init(value: Double, isDuration: Bool, position: PositionRange) {
    self.value = value
    self.isDuration = isDuration
    self.position = position
  }
}

/// A text in quotes.
public final class StringLiteral: Sendable {
  /// The text. Bytes that are not UTF-8 show as U+FFFD here.
  public let value: String
  /// The bytes of the text.
  public let bytes: [UInt8]
  /// Where it stands.
  public let position: PositionRange

  init(bytes: [UInt8], position: PositionRange) {
    self.bytes = bytes
    self.value = String(decoding: bytes, as: UTF8.self)
    self.position = position
  }
}

/// What `@` fixes the evaluation to.
public enum AtModifier: Hashable, Sendable {
  /// `@ 1609746000`: milliseconds since the Unix epoch.
  case timestampMs(Int64)
  /// `@ start()`: the first time of the query.
  case start
  /// `@ end()`: the last time of the query.
  case end
}

/// How samples at the borders of a range are treated.
public enum RangeBoundaries: Hashable, Sendable {
  /// Samples in the range only.
  case standard
  /// `anchored`: the last sample at or before the start belongs to it.
  case anchored
  /// `smoothed`: values at both borders are interpolated.
  case smoothed
}

/// A selector of series, evaluated to one sample of each.
public final class VectorSelector: Sendable {
  /// The metric's name where it was given before the braces, else empty.
  public let name: String
  /// All conditions. The name before the braces is one of them, the last.
  public let matchers: [LabelMatcher]
  /// What `offset` said; nil without one.
  public let offset: DurationValue?
  /// What `@` said; nil without one.
  public let at: AtModifier?
  /// What `anchored` or `smoothed` said.
  public let boundaries: RangeBoundaries
  /// Where it stands.
  public let position: PositionRange

  init(
    name: String, matchers: [LabelMatcher], offset: DurationValue? = nil, at: AtModifier? = nil,
    boundaries: RangeBoundaries = .standard, position: PositionRange
  ) {
    self.name = name
    self.matchers = matchers
    self.offset = offset
    self.at = at
    self.boundaries = boundaries
    self.position = position
  }
}

/// A selector of series, evaluated to all samples of a range. Offset, `@`, `anchored` and `smoothed` are the selector's.
public final class MatrixSelector: Sendable {
  /// The series, with offset, `@` and the boundaries.
  public let selector: VectorSelector
  /// How far it looks back; 0 where the query does not say it.
  public let range: DurationValue
  /// Whether the query does not say how far: a step of the query, or the lookback of an instant query. With `promql-extras` only.
  public let isImplicit: Bool
  /// Where it stands, with its modifiers.
  public let position: PositionRange

  init(selector: VectorSelector, range: DurationValue, position: PositionRange) {
    self.selector = selector
    self.range = range
    self.position = position
    isImplicit = false
  }

  /// The range of a selector that stands, without one, where a range is wanted.
  init(implicitOf selector: VectorSelector) {
    self.selector = selector
    range = .nanoseconds(0)
    position = selector.position
    isImplicit = true
  }
}

/// An expression evaluated at many times of a range.
public final class Subquery: Sendable {
  /// What is evaluated.
  public let expression: Expression
  /// How far it looks back.
  public let range: DurationValue
  /// The distance of the times; nil: the default evaluation interval.
  public let step: DurationValue?
  /// What `offset` said; nil without one.
  public let offset: DurationValue?
  /// What `@` said; nil without one.
  public let at: AtModifier?
  /// Where it stands, with its modifiers.
  public let position: PositionRange
  let height: Int

  init(
    expression: Expression, range: DurationValue, step: DurationValue?, offset: DurationValue? = nil,
    at: AtModifier? = nil, position: PositionRange
  ) {
    self.expression = expression
    self.range = range
    self.step = step
    self.offset = offset
    self.at = at
    self.position = position
    self.height = expression.height + 1
  }
}

/// A function with its arguments, checked in number and type.
public final class Call: Sendable {
  /// The function.
  public let function: FunctionSignature
  /// Its arguments, as many as were written.
  public let arguments: [Expression]
  /// Whether its series keep their names: `keep_metric_names`.
  public let keepsMetricNames: Bool
  /// Where it stands, from the name to the parenthesis.
  public let position: PositionRange
  let height: Int

  init(
    function: FunctionSignature, arguments: [Expression], keepsMetricNames: Bool = false, position: PositionRange
  ) {
    self.function = function
    self.arguments = arguments
    self.keepsMetricNames = keepsMetricNames
    self.position = position
    self.height = (arguments.lazy.map(\.height).max() ?? 0) + 1
  }
}

/// An operator that makes one series of many.
public enum AggregationOperator: String, Hashable, Sendable, CaseIterable {
  case avg, bottomk, count, group, max, min, quantile, stddev, stdvar, sum, topk, limitk
  case countValues = "count_values"
  case limitRatio = "limit_ratio"
  /// With `promql-extras`: the value in the middle.
  case median
  /// With `promql-extras`: each value by the sum of its group.
  case share
  /// With `promql-extras`: the series that are farthest from the median of their group.
  case outliersk

  /// Whether it has a parameter before its expression.
  public var hasParameter: Bool {
    switch self {
    case .bottomk, .countValues, .quantile, .topk, .limitk, .limitRatio, .outliersk: true
    case .avg, .count, .group, .max, .min, .stddev, .stdvar, .sum, .median, .share: false
    }
  }

  /// Whether it needs `promql-experimental-functions`.
  public var isExperimental: Bool { self == .limitk || self == .limitRatio }
}

/// An aggregation: `topk by (job) (3, x)`.
public final class Aggregation: Sendable {
  /// What is computed.
  public let operation: AggregationOperator
  /// The instant vector that is aggregated.
  public let expression: Expression
  /// The parameter: a scalar, of `count_values` a string literal in any number of parentheses; nil where the operator has none.
  public let parameter: Expression?
  /// The labels after `by` or `without`, as written; empty without either.
  public let grouping: [String]
  /// Whether it was `without`: all labels but those.
  public let isWithout: Bool
  /// Where it stands.
  public let position: PositionRange
  let height: Int

  init(
    operation: AggregationOperator, expression: Expression, parameter: Expression?, grouping: [String], isWithout: Bool,
    position: PositionRange
  ) {
    self.operation = operation
    self.expression = expression
    self.parameter = parameter
    self.grouping = grouping
    self.isWithout = isWithout
    self.position = position
    self.height = Swift.max(expression.height, parameter?.height ?? 0) + 1
  }
}

/// An operator between two expressions.
public enum BinaryOperator: String, Hashable, Sendable, CaseIterable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case modulo = "%"
  case power = "^"
  case atan2
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  /// Keeps what lies below a bound in a histogram.
  case trimUpper = "</"
  /// Keeps what lies above a bound in a histogram.
  case trimLower = ">/"
  case and
  case or
  case unless
  /// With `promql-extras`: what the left side lacks is taken from the right one.
  case defaultTo = "default"

  /// Whether it is one of `== != < <= > >=`.
  public var isComparison: Bool {
    switch self {
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: true
    default: false
    }
  }

  /// Whether it is one of `and or unless`.
  public var isSetOperator: Bool { self == .and || self == .or || self == .unless }

  /// Whether it looks at which values there are, and leaves them as they are.
  var isAboutPresence: Bool { isSetOperator || self == .defaultTo }
}

/// How many series of one side stand against how many of the other.
public enum MatchCardinality: String, Hashable, Sendable {
  case oneToOne = "one-to-one"
  /// `group_left`
  case manyToOne = "many-to-one"
  /// `group_right`
  case oneToMany = "one-to-many"
  /// Of `and`, `or` and `unless`.
  case manyToMany = "many-to-many"
}

/// How the series of two vectors find each other.
public struct VectorMatching: Sendable {
  /// How many stand against how many.
  public var cardinality: MatchCardinality
  /// The labels after `on` or `ignoring`, as written.
  public var labels: [String]
  /// Whether it was `on`: only those labels count. Otherwise all labels but those and the name.
  public var isOn: Bool
  /// The labels after `group_left` or `group_right`, taken from the side with one.
  public var include: [String]
  /// The value that stands in for a missing series of the left side; nil: none does.
  public var fillLeft: Double?
  /// The value that stands in for a missing series of the right side; nil: none does.
  public var fillRight: Double?

  init(
    cardinality: MatchCardinality = .oneToOne, labels: [String] = [], isOn: Bool = false, include: [String] = [],
    fillLeft: Double? = nil, fillRight: Double? = nil
  ) {
    self.cardinality = cardinality
    self.labels = labels
    self.isOn = isOn
    self.include = include
    self.fillLeft = fillLeft
    self.fillRight = fillRight
  }
}

/// An operator between two scalars or instant vectors.
public final class BinaryOperation: Sendable {
  /// The operator.
  public let operation: BinaryOperator
  /// Left side.
  public let lhs: Expression
  /// Right side.
  public let rhs: Expression
  /// How series find each other; nil unless both sides are instant vectors.
  public let matching: VectorMatching?
  /// The same as the query says it.
  let written: VectorMatching
  /// Whether a comparison says 0 or 1 (`bool`) instead of choosing.
  public let returnsBool: Bool
  /// Whether its series keep their names: `(a / b) keep_metric_names`.
  public let keepsMetricNames: Bool
  /// From the start of the left side to the end of the right one.
  public let position: PositionRange
  /// A scalar where both sides are, else an instant vector.
  public let valueType: ValueType
  let height: Int

  init(
    operation: BinaryOperator, lhs: Expression, rhs: Expression, written: VectorMatching, returnsBool: Bool,
    keepsMetricNames: Bool = false
  ) {
    var matching: VectorMatching?
    if lhs.valueType == .vector, rhs.valueType == .vector {
      matching = written
      if operation.isAboutPresence, written.cardinality == .oneToOne { matching?.cardinality = .manyToMany }
    }
    self.operation = operation
    self.lhs = lhs
    self.rhs = rhs
    self.matching = matching
    self.written = written
    self.returnsBool = returnsBool
    self.keepsMetricNames = keepsMetricNames
    self.position = PositionRange(lhs.position.start, rhs.position.end)
    self.valueType = lhs.valueType == .scalar && rhs.valueType == .scalar ? .scalar : .vector
    self.height = max(lhs.height, rhs.height) + 1
  }
}

/// A sign before an expression that is no number.
public final class UnaryOperation: Sendable {
  /// Whether it is `-`; else it is `+`, which does nothing.
  public let isNegation: Bool
  /// What the sign stands before.
  public let expression: Expression
  /// From the sign to the end of the expression.
  public let position: PositionRange
  /// That of the expression: scalar or instant vector.
  public let valueType: ValueType
  let height: Int

  init(isNegation: Bool, expression: Expression, start: Int) {
    self.isNegation = isNegation
    self.expression = expression
    self.position = PositionRange(start, expression.position.end)
    self.valueType = expression.valueType
    self.height = expression.height + 1
  }
}

/// An expression in parentheses.
public final class Parenthesized: Sendable {
  /// What is inside.
  public let expression: Expression
  /// From parenthesis to parenthesis.
  public let position: PositionRange
  /// That of the expression.
  public let valueType: ValueType
  let height: Int

  init(expression: Expression, position: PositionRange) {
    self.expression = expression
    self.position = position
    self.valueType = expression.valueType
    self.height = expression.height + 1
  }
}
