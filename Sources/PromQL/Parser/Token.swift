// The words of the language, and how messages call them.
internal import TSModel

/// A kind of token. The order of the groups does not matter, their members do: see the properties below.
enum TokenKind: UInt8 {
  case end, comma, colon, leftParen, rightParen, leftBrace, rightBrace, leftBracket, rightBracket, assign
  case string, number, duration, identifier, metricIdentifier

  // Operators.
  case add, subtract, multiply, divide, modulo, power, equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
  case trimUpper, trimLower, matchesRegex, matchesNotRegex, at, and, or, unless, atan2

  // Aggregations.
  case avg, bottomk, count, countValues, group, max, min, quantile, stddev, stdvar, sum, topk, limitk, limitRatio
  case median, share, outliersk

  // Keywords.
  case defaultTo, keepMetricNames, with
  case bool, by, groupLeft, groupRight, fill, fillLeft, fillRight, ignoring, offset, smoothed, anchored, on, without

  // Words that are functions elsewhere.
  case start, atEnd, step, range, maxOf, minOf

  /// The keyword that `word`, in small letters, is.
  static func keyword(_ word: String) -> TokenKind? { keywords[word] }

  private static let keywords: [String: TokenKind] = [
    "and": .and, "or": .or, "unless": .unless, "atan2": .atan2,
    "sum": .sum, "avg": .avg, "count": .count, "min": .min, "max": .max, "group": .group, "stddev": .stddev,
    "stdvar": .stdvar, "topk": .topk, "bottomk": .bottomk, "count_values": .countValues, "quantile": .quantile,
    "limitk": .limitk, "limit_ratio": .limitRatio,
    "offset": .offset, "smoothed": .smoothed, "anchored": .anchored, "by": .by, "without": .without, "on": .on,
    "ignoring": .ignoring, "group_left": .groupLeft, "group_right": .groupRight, "fill": .fill, "fill_left": .fillLeft,
    "fill_right": .fillRight, "bool": .bool,
    "start": .start, "end": .atEnd, "step": .step, "range": .range, "max_of": .maxOf, "min_of": .minOf,
    "inf": .number, "nan": .number,
  ]

  /// The same of the words that only `promql-extras` knows.
  static func extraKeyword(_ word: String) -> TokenKind? { extraKeywords[word] }

  private static let extraKeywords: [String: TokenKind] = [
    "default": .defaultTo, "keep_metric_names": .keepMetricNames, "median": .median, "share": .share,
    "outliersk": .outliersk, "with": .with,
  ]

  /// The longest keyword, bytes.
  static let keywordBytesMax = 17

  /// The aggregation that it begins, unless it names a metric.
  var aggregation: AggregationOperator? {
    switch self {
    case .avg: .avg
    case .bottomk: .bottomk
    case .count: .count
    case .countValues: .countValues
    case .group: .group
    case .max: .max
    case .min: .min
    case .quantile: .quantile
    case .stddev: .stddev
    case .stdvar: .stdvar
    case .sum: .sum
    case .topk: .topk
    case .limitk: .limitk
    case .limitRatio: .limitRatio
    case .median: .median
    case .share: .share
    case .outliersk: .outliersk
    default: nil
    }
  }

  /// The operator between two expressions, and how strongly it binds: more is stronger.
  var binaryOperator: (operation: BinaryOperator, precedence: Int)? {
    switch self {
    case .defaultTo: (.defaultTo, 0)
    case .or: (.or, 1)
    case .and: (.and, 2)
    case .unless: (.unless, 2)
    case .equal: (.equal, 3)
    case .notEqual: (.notEqual, 3)
    case .less: (.less, 3)
    case .lessOrEqual: (.lessOrEqual, 3)
    case .greater: (.greater, 3)
    case .greaterOrEqual: (.greaterOrEqual, 3)
    case .trimUpper: (.trimUpper, 3)
    case .trimLower: (.trimLower, 3)
    case .add: (.add, 4)
    case .subtract: (.subtract, 4)
    case .multiply: (.multiply, Self.precedenceOfSign)
    case .divide: (.divide, Self.precedenceOfSign)
    case .modulo: (.modulo, Self.precedenceOfSign)
    case .atan2: (.atan2, Self.precedenceOfSign)
    case .power: (.power, Self.precedenceOfPower)
    default: nil
    }
  }

  /// The same in durations.
  var durationOperator: (operation: DurationOperator, precedence: Int)? {
    switch self {
    case .add: (.add, 4)
    case .subtract: (.subtract, 4)
    case .multiply: (.multiply, Self.precedenceOfSign)
    case .divide: (.divide, Self.precedenceOfSign)
    case .modulo: (.modulo, Self.precedenceOfSign)
    case .power: (.power, Self.precedenceOfPower)
    default: nil
    }
  }

  /// A sign before an expression binds as multiplication does.
  static let precedenceOfSign = 5
  /// The only operator that is read from the right.
  static let precedenceOfPower = 6

  /// How a label is compared.
  var matcherKind: LabelMatcher.Kind? {
    switch self {
    case .assign: .equal
    case .notEqual: .notEqual
    case .matchesRegex: .regex
    case .matchesNotRegex: .notRegex
    default: nil
    }
  }

  /// Whether it can name a metric.
  var isMetricName: Bool {
    switch self {
    case .identifier, .metricIdentifier, .by, .without, .fill, .fillLeft, .fillRight, .and, .or, .unless, .offset,
      .start,
      .atEnd, .step, .range, .anchored, .smoothed, .maxOf, .minOf, .defaultTo, .keepMetricNames:
      true
    default: aggregation != nil
    }
  }

  /// Whether it can name a label in `by (…)` and the like.
  var isLabelName: Bool {
    switch self {
    case .bool, .groupLeft, .groupRight, .ignoring, .on, .atan2: true
    default: isMetricName
    }
  }

  /// Whether an expression can begin with it.
  var beginsExpression: Bool {
    switch self {
    case .number, .duration, .string, .leftParen, .leftBrace, .add, .subtract: true
    default: isMetricName
    }
  }

  /// Whether a duration can begin with it.
  var beginsDuration: Bool {
    switch self {
    case .number, .duration, .leftParen, .add, .subtract, .step, .range, .maxOf, .minOf: true
    default: false
    }
  }

  /// Whether an expression can end with it, so that its end is one of a modifier.
  var closes: Bool {
    switch self {
    case .rightBrace, .rightParen, .rightBracket, .duration, .number: true
    default: false
    }
  }

  fileprivate var isOperator: Bool {
    switch self {
    case .matchesRegex, .matchesNotRegex, .at: true
    default: binaryOperator != nil
    }
  }

  fileprivate var isKeyword: Bool {
    switch self {
    case .bool, .by, .groupLeft, .groupRight, .fill, .fillLeft, .fillRight, .ignoring, .offset, .smoothed, .anchored,
      .on,
      .without, .keepMetricNames:
      true
    default: false
    }
  }
}

/// A token: its kind and its bytes in the query.
struct Token {
  var kind: TokenKind
  var start: Int
  var end: Int

  var position: PositionRange { PositionRange(start, end) }

  /// What messages call it: `identifier "up"`, `<op:+>`, `end of input`.
  func description(in bytes: [UInt8]) -> String {
    let text = bytes[Swift.min(start, bytes.count)..<Swift.min(end, bytes.count)]
    let word = String(decoding: text, as: UTF8.self)
    switch kind {
    case .end: return "end of input"
    case .identifier: return "identifier " + quotedText(text)
    case .metricIdentifier: return "metric identifier " + quotedText(text)
    case .string: return "string " + shortened(text)
    case .number: return "number " + shortened(text)
    case .duration: return "duration " + shortened(text)
    default:
      if kind.isKeyword { return "<\(word)>" }
      if kind.isOperator { return "<op:\(word)>" }
      if kind.aggregation != nil { return "<aggr:\(word)>" }
      return shortened(text)
    }
  }

  /// In quotes; of more than ten bytes the first ten characters.
  private func shortened(_ text: ArraySlice<UInt8>) -> String {
    guard text.count > 10 else { return quotedText(text) }
    let first = String(String.UnicodeScalarView(String(decoding: text, as: UTF8.self).unicodeScalars.prefix(10)))
    return quotedText(Array(first.utf8)[...]) + "..."
  }
}
