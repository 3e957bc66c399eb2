// Durations of a query: plain ones, and expressions such as `step() * 2` whose value is known once the query's step and
// range are.
internal import CTSDB

/// A range, an offset or a step.
public enum DurationValue: Sendable {
  /// A plain duration, in nanoseconds, as text gives them; evaluation counts in milliseconds.
  case nanoseconds(Int64)
  /// An expression.
  case expression(DurationOperation)

  /// Its value in milliseconds for a query with this step and from its first time to its last one this range, both in
  /// milliseconds. An instant query has the step 0 and the range 0.
  ///
  /// Throws, with Prometheus' text, where an expression divides by zero, is no number, is out of range, or, unless
  /// `allowingNegative` as for an offset, is not above 0.
  public func milliseconds(stepMs: Int64, rangeMs: Int64, allowingNegative: Bool = false) throws(DurationError) -> Int64
  {
    switch self {
    case .nanoseconds(let count): return count / 1_000_000
    case .expression(let operation):
      let seconds = try operation.seconds(step: Double(stepMs) / 1000, range: Double(rangeMs) / 1000)
      guard seconds.isFinite else { throw DurationError(operation.position, "duration is NaN or infinite") }
      guard seconds > 0 || allowingNegative else {
        throw DurationError(operation.position, "duration must be greater than 0")
      }
      guard seconds.magnitude <= Self.secondsMax else {
        throw DurationError(operation.position, "duration is out of range")
      }
      return Int64(exactly: (seconds * 1000).rounded(.towardZero)) ?? 0
    }
  }

  /// The longest duration, seconds: as many as nanoseconds fit 64 bits.
  static let secondsMax = 9_223_372_036.854775807

  /// Nanoseconds of so many seconds, rounded half away from zero. What 64 bits do not hold becomes the smallest, as in Prometheus.
  static func nanoseconds(ofSeconds seconds: Double) -> Int64 {
    Int64(exactly: (seconds * 1e9).rounded(.toNearestOrAwayFromZero)) ?? .min
  }
}

/// Why a duration expression has no value.
public struct DurationError: Error, Sendable, CustomStringConvertible {
  /// The expression it is about.
  public var position: PositionRange
  /// What is wrong.
  public var message: String

  init(_ position: PositionRange, _ message: String) {
    self.position = position
    self.message = message
  }

  /// The bytes it is about, then the message: `4:9: division by zero`.
  public var description: String { "\(position.start):\(position.end): \(message)" }
}

/// An operand of a duration expression.
public enum DurationExpression: Sendable {
  /// A number of seconds, or a plain duration.
  case literal(NumberLiteral)
  /// Anything else.
  case operation(DurationOperation)

  /// Where it stands.
  var position: PositionRange {
    switch self {
    case .literal(let literal): literal.position
    case .operation(let operation): operation.position
    }
  }

  var height: Int {
    switch self {
    case .literal: 1
    case .operation(let operation): operation.height
    }
  }

  func seconds(step: Double, range: Double) throws(DurationError) -> Double {
    switch self {
    case .literal(let literal): literal.value
    case .operation(let operation): try operation.seconds(step: step, range: range)
    }
  }
}

/// What a duration expression computes.
public enum DurationOperator: String, Hashable, Sendable, CaseIterable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case modulo = "%"
  case power = "^"
  /// The query's step, no operands.
  case step
  /// From the query's first time to its last one, no operands.
  case range
  case minOf = "min_of"
  case maxOf = "max_of"
}

/// A duration expression: an operator with two operands, a sign with a right one, or `step()` and `range()` without any.
public final class DurationOperation: Sendable {
  /// What is computed.
  public let operation: DurationOperator
  /// Left operand; nil of a sign.
  public let lhs: DurationExpression?
  /// Right operand.
  public let rhs: DurationExpression?
  /// Whether it stands in parentheses.
  public let isWrapped: Bool
  /// Where it stands.
  public let position: PositionRange
  let height: Int

  init(
    _ operation: DurationOperator, lhs: DurationExpression? = nil, rhs: DurationExpression? = nil,
    isWrapped: Bool = false,
    position: PositionRange
  ) {
    self.operation = operation
    self.lhs = lhs
    self.rhs = rhs
    self.isWrapped = isWrapped
    self.position = position
    self.height = max(lhs?.height ?? 0, rhs?.height ?? 0) + 1
  }

  /// Its value in seconds, for a query with this step and range in seconds.
  func seconds(step: Double, range: Double) throws(DurationError) -> Double {
    let left = try lhs?.seconds(step: step, range: range)
    let right = try rhs?.seconds(step: step, range: range) ?? 0
    switch operation {
    case .step: return step
    case .range: return range
    case .minOf: return smaller(left ?? 0, right)
    case .maxOf: return -smaller(-(left ?? 0), -right)
    case .add: return left.map { $0 + right } ?? right
    case .subtract: return left.map { $0 - right } ?? -right
    case .multiply: return (left ?? 0) * right
    case .divide:
      guard right != 0 else { throw DurationError(position, "division by zero") }
      return (left ?? 0) / right
    case .modulo:
      guard right != 0 else { throw DurationError(position, "modulo by zero") }
      return (left ?? 0).truncatingRemainder(dividingBy: right)
    case .power: return tsdb_scalar_pow(left ?? 0, right)
    }
  }

  /// The smaller of both; NaN where either is, -0 before 0.
  private func smaller(_ a: Double, _ b: Double) -> Double {
    if a == -.infinity || b == -.infinity { return -.infinity }
    if a.isNaN || b.isNaN { return .nan }
    if a == 0, b == 0 { return a.sign == .minus ? a : b }
    return min(a, b)
  }
}
