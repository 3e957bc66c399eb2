// Operators and functions on numbers, by the C core.
internal import CTSDB

extension BinaryOperator {
  /// C's name of an arithmetic operator; nil of the others.
  var arithmetic: tsdb_binary? {
    switch self {
    case .add: TSDB_ADD
    case .subtract: TSDB_SUBTRACT
    case .multiply: TSDB_MULTIPLY
    case .divide: TSDB_DIVIDE
    case .modulo: TSDB_MODULO
    case .power: TSDB_POWER
    case .atan2: TSDB_ATAN2
    default: nil
    }
  }

  /// C's name of a comparison; nil of the others.
  var comparison: tsdb_comparison? {
    switch self {
    case .equal: TSDB_EQUAL
    case .notEqual: TSDB_NOT_EQUAL
    case .greater: TSDB_GREATER
    case .less: TSDB_LESS
    case .greaterOrEqual: TSDB_GREATER_OR_EQUAL
    case .lessOrEqual: TSDB_LESS_OR_EQUAL
    default: nil
    }
  }

  /// Whether its result is another metric than its operands.
  var changesMetric: Bool { arithmetic != nil }

  /// Whether a comparison holds.
  func holds(_ left: Double, _ right: Double) -> Bool {
    comparison.map { tsdb_comparison_holds($0, left, right) } ?? false
  }

  /// The result on two numbers: of a comparison 1 or 0.
  func apply(_ left: Double, _ right: Double) -> Double {
    if let arithmetic { return tsdb_binary_of(arithmetic, left, right) }
    return holds(left, right) ? 1 : 0
  }
}

/// C's name of the function of one value that is called `name`; nil where there is none.
func elementwiseFunction(_ name: String) -> tsdb_unary? {
  switch name {
  case "abs": TSDB_ABS
  case "ceil": TSDB_CEIL
  case "floor": TSDB_FLOOR
  case "exp": TSDB_EXP
  case "sqrt": TSDB_SQRT
  case "ln": TSDB_LN
  case "log2": TSDB_LOG2
  case "log10": TSDB_LOG10
  case "sgn": TSDB_SGN
  case "sin": TSDB_SIN
  case "cos": TSDB_COS
  case "tan": TSDB_TAN
  case "asin": TSDB_ASIN
  case "acos": TSDB_ACOS
  case "atan": TSDB_ATAN
  case "sinh": TSDB_SINH
  case "cosh": TSDB_COSH
  case "tanh": TSDB_TANH
  case "asinh": TSDB_ASINH
  case "acosh": TSDB_ACOSH
  case "atanh": TSDB_ATANH
  case "deg": TSDB_DEG
  case "rad": TSDB_RAD
  case "minute": TSDB_MINUTE
  case "hour": TSDB_HOUR
  case "day_of_week": TSDB_DAY_OF_WEEK
  case "day_of_month": TSDB_DAY_OF_MONTH
  case "day_of_year": TSDB_DAY_OF_YEAR
  case "days_in_month": TSDB_DAYS_IN_MONTH
  case "month": TSDB_MONTH
  case "year": TSDB_YEAR
  default: nil
  }
}
