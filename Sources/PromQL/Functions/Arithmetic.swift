// Binary operators on numbers, with the special cases of the IEEE and of Prometheus' own arithmetic.
internal import CTSDB

extension BinaryOperator {
  /// Whether its result is another metric than its operands.
  var changesMetric: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .modulo, .power, .atan2: true
    default: false
    }
  }

  /// Whether a comparison holds.
  func holds(_ left: Double, _ right: Double) -> Bool {
    switch self {
    case .equal: left == right
    case .notEqual: left != right
    case .greater: left > right
    case .less: left < right
    case .greaterOrEqual: left >= right
    case .lessOrEqual: left <= right
    default: false
    }
  }

  /// The result on two numbers: of a comparison 1 or 0.
  func apply(_ left: Double, _ right: Double) -> Double {
    switch self {
    case .add: left + right
    case .subtract: left - right
    case .multiply: left * right
    case .divide: left / right
    case .modulo: ElementaryFunctions.remainder(left, right)
    case .power: ElementaryFunctions.power(left, right)
    case .atan2: ElementaryFunctions.atan2(left, right)
    case .trimUpper, .trimLower, .and, .or, .unless: .nan
    default: holds(left, right) ? 1 : 0
    }
  }
}
