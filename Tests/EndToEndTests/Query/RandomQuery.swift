// Queries from a grammar, over the series of RandomData. A query knows its parts, so that one that fails can be made smaller.
import TestSupport

/// A query and the vectors and scalars that it was made of.
struct RandomQuery: CustomStringConvertible {
  enum Kind { case vector, scalar }

  var kind: Kind
  var text: String
  var parts: [RandomQuery] = []

  var description: String { text }

  /// All parts, parts of parts included, the smallest last.
  var allParts: [RandomQuery] { parts.flatMap { [$0] + $0.allParts } }
}

/// Makes queries.
struct QueryGenerator {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func query() -> RandomQuery { random.below(12) == 0 ? scalar(3) : vector(3) }

  private mutating func one(_ texts: [String]) -> String { texts[random.below(texts.count)] }
  private mutating func chance(_ of: Int) -> Bool { random.below(of) == 0 }

  // MARK: Leaves

  private static let floats = [
    "c_total", "g", "other", "ch_bucket", "ch_count", "ch_sum", "special", "mixed", "lonely",
  ]
  private static let histograms = ["nh", "nhg", "nhcb", "mixed"]

  private mutating func matchers(_ name: String) -> String {
    var matchers: [String] = []
    if chance(3) {
      matchers.append(
        one(["job=\"api\"", "job!=\"db\"", "job=~\"api|web\"", "job!~\"w.*\"", "job=~\".+\"", "job=\"\""]))
    }
    if chance(4) { matchers.append(one(["instance=\"1\"", "instance=~\"[12]\"", "instance!=\"3\""])) }
    if name == "ch_bucket", chance(3) { matchers.append(one(["le=\"+Inf\"", "le!=\"5\"", "le=~\"0.*\""])) }
    return matchers.isEmpty ? "" : "{\(matchers.joined(separator: ","))}"
  }

  private mutating func modifiers() -> String {
    var text = ""
    if chance(8) { text += " @ " + one(["1748824200", "1748825500.5", "start()", "end()"]) }
    if chance(8) { text += " offset " + one(["1m", "7m30s", "-2m"]) }
    return text
  }

  private mutating func selector(_ names: [String]) -> String {
    let name = one(names)
    return name + matchers(name)
  }

  private mutating func range() -> String { one(["30s", "1m", "2m", "5m", "10m", "45s"]) }

  // MARK: Scalars

  mutating func scalar(_ depth: Int) -> RandomQuery {
    switch random.below(depth > 0 ? 9 : 5) {
    case 0: return RandomQuery(kind: .scalar, text: one(["0", "1", "-1", "2.5", "1e3", "0.3", "NaN", "+Inf", "-Inf"]))
    case 1: return RandomQuery(kind: .scalar, text: "time()")
    case 2: return RandomQuery(kind: .scalar, text: "pi()")
    case 3, 4: return RandomQuery(kind: .scalar, text: "\(random.below(20))")
    case 5, 6:
      let part = vector(depth - 1)
      return RandomQuery(kind: .scalar, text: "scalar(\(part))", parts: [part])
    case 7:
      let (left, right) = (scalar(depth - 1), scalar(depth - 1))
      let symbol = one(["+", "-", "*", "/", "%", "^", "atan2"])
      return RandomQuery(kind: .scalar, text: "(\(left) \(symbol) \(right))", parts: [left, right])
    default:
      let (left, right) = (scalar(depth - 1), scalar(depth - 1))
      let symbol = one(["==", "!=", "<", ">", "<=", ">="])
      return RandomQuery(kind: .scalar, text: "(\(left) \(symbol) bool \(right))", parts: [left, right])
    }
  }

  // MARK: Vectors

  mutating func vector(_ depth: Int) -> RandomQuery {
    if depth <= 0 { return leaf() }
    switch random.below(24) {
    case 0, 1: return leaf()
    case 2, 3, 4, 5: return rangeCall()
    case 6, 7: return call(depth)
    case 8: return histogramCall(depth)
    case 9, 10, 11, 12, 13: return aggregation(depth)
    case 14, 15: return withScalar(depth)
    case 16, 17, 18: return join(depth)
    case 19: return set(depth)
    case 20: return subquery(depth)
    case 21: return relabelled(depth)
    case 22:
      let part = vector(depth - 1)
      return RandomQuery(kind: .vector, text: "-(\(part))", parts: [part])
    default:
      let part = chance(2) ? scalar(depth - 1) : vector(depth - 1)
      let text = part.kind == .scalar ? "vector(\(part))" : one(["absent(\(part))", "(\(part))"])
      return RandomQuery(kind: .vector, text: text, parts: [part])
    }
  }

  private mutating func leaf() -> RandomQuery {
    let names = chance(4) ? Self.histograms : Self.floats
    return RandomQuery(kind: .vector, text: selector(names) + modifiers())
  }

  private static let rangeFunctions = [
    "rate", "increase", "delta", "irate", "idelta", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time",
    "count_over_time", "last_over_time", "present_over_time", "stddev_over_time", "stdvar_over_time", "changes",
    "resets", "deriv", "absent_over_time",
  ]
  private static let histogramRangeFunctions = [
    "rate", "increase", "delta", "irate", "idelta", "avg_over_time", "sum_over_time", "count_over_time",
    "last_over_time", "present_over_time", "changes", "resets",
  ]

  private mutating func rangeCall() -> RandomQuery {
    let isHistogram = chance(4)
    let operand = "\(selector(isHistogram ? Self.histograms : Self.floats))[\(range())]\(modifiers())"
    switch random.below(12) {
    case 0 where !isHistogram:
      return RandomQuery(
        kind: .vector, text: "quantile_over_time(\(one(["0", "0.5", "0.9", "1", "2", "-1", "NaN"])), \(operand))")
    case 1 where !isHistogram:
      return RandomQuery(kind: .vector, text: "predict_linear(\(operand), \(one(["60", "-300", "3600"])))")
    default:
      let name = one(isHistogram ? Self.histogramRangeFunctions : Self.rangeFunctions)
      return RandomQuery(kind: .vector, text: "\(name)(\(operand))")
    }
  }

  private mutating func call(_ depth: Int) -> RandomQuery {
    let part = vector(depth - 1)
    let simple = [
      "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "timestamp", "sin", "cos", "tan",
      "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad", "minute", "hour",
      "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year",
    ]
    switch random.below(8) {
    case 0:
      return RandomQuery(
        kind: .vector, text: "clamp(\(part), \(one(["0", "-5", "10"])), \(one(["20", "5", "NaN"])))", parts: [part])
    case 1:
      return RandomQuery(
        kind: .vector, text: "clamp_\(one(["min", "max"]))(\(part), \(one(["0", "7.5"])))", parts: [part])
    case 2: return RandomQuery(kind: .vector, text: "round(\(part), \(one(["0.1", "5", "2"])))", parts: [part])
    default: return RandomQuery(kind: .vector, text: "\(one(simple))(\(part))", parts: [part])
    }
  }

  private mutating func histogramCall(_ depth: Int) -> RandomQuery {
    let part: RandomQuery
    switch random.below(4) {
    case 0: part = RandomQuery(kind: .vector, text: "rate(\(selector(["nh", "nhcb", "ch_bucket"]))[\(range())])")
    case 1: part = RandomQuery(kind: .vector, text: selector(["nh", "nhcb", "nhg", "ch_bucket", "mixed"]))
    case 2:
      part = RandomQuery(
        kind: .vector, text: "sum by (\(one(["le", "le, job", "job"]))) (rate(\(selector(["ch_bucket", "nh"]))[5m]))")
    default: part = vector(depth - 1)
    }
    switch random.below(6) {
    case 0, 1, 2:
      let quantile = one(["0", "0.5", "0.9", "0.99", "1", "-1", "1.5", "NaN"])
      return RandomQuery(kind: .vector, text: "histogram_quantile(\(quantile), \(part))", parts: [part])
    case 3:
      let bounds = one(["0, 0.5", "0.2, 3", "-Inf, 1", "1, +Inf", "2, 1"])
      return RandomQuery(kind: .vector, text: "histogram_fraction(\(bounds), \(part))", parts: [part])
    default:
      let name = one(["histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"])
      return RandomQuery(kind: .vector, text: "\(name)(\(part))", parts: [part])
    }
  }

  private mutating func grouping() -> String {
    switch random.below(5) {
    case 0, 1: return ""
    case 2: return " without (\(one(["instance", "job", "instance, path", "le"])))"
    default: return " by (\(one(["job", "instance", "job, instance", "path", "le", "zone", "nothing"])))"
    }
  }

  private mutating func aggregation(_ depth: Int) -> RandomQuery {
    let group = grouping()
    if chance(7) {
      // Of equal values Prometheus takes those of the series that it happens to come to first, except of selected ones.
      let part = chance(2) ? leaf() : rangeCall()
      let (name, count) = (one(["topk", "bottomk"]), one(["1", "2", "5"]))
      return RandomQuery(kind: .vector, text: "\(name)\(group) (\(count), \(part))", parts: [part])
    }
    let part = vector(depth - 1)
    switch random.below(12) {
    case 0:
      return RandomQuery(
        kind: .vector, text: "quantile\(group) (\(one(["0.5", "0.9", "0", "1", "-2"])), \(part))", parts: [part])
    case 1: return RandomQuery(kind: .vector, text: "count_values\(group) (\"value\", \(part))", parts: [part])
    default:
      let name = one(["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum", "sum"])
      return RandomQuery(kind: .vector, text: "\(name)\(group) (\(part))", parts: [part])
    }
  }

  private static let arithmetic = ["+", "-", "*", "/", "%", "^", "atan2"]
  private static let comparisons = ["==", "!=", "<", ">", "<=", ">="]

  private mutating func symbol() -> String {
    chance(3) ? one(Self.comparisons) + (chance(2) ? " bool" : "") : one(Self.arithmetic)
  }

  private mutating func withScalar(_ depth: Int) -> RandomQuery {
    let (part, number) = (vector(depth - 1), scalar(depth - 2))
    let symbol = symbol()
    let text = chance(2) ? "(\(part)) \(symbol) (\(number))" : "(\(number)) \(symbol) (\(part))"
    return RandomQuery(kind: .vector, text: text, parts: [part, number])
  }

  private mutating func join(_ depth: Int) -> RandomQuery {
    switch random.below(4) {
    case 0:
      let (left, right) = (vector(depth - 1), vector(depth - 1))
      return RandomQuery(kind: .vector, text: "(\(left)) \(symbol()) (\(right))", parts: [left, right])
    case 1:
      let matching = one(["on (job, instance)", "ignoring (path, zone, version)", "on (job)", "on (instance)", "on ()"])
      let (left, right) = (vector(depth - 1), vector(depth - 1))
      return RandomQuery(kind: .vector, text: "(\(left)) \(symbol()) \(matching) (\(right))", parts: [left, right])
    case 2:
      let left = vector(depth - 1)
      let text = "(\(left)) * on (job, instance) group_left (\(one(["", "version"]))) info_metric"
      return RandomQuery(kind: .vector, text: text, parts: [left])
    default:
      let right = vector(depth - 1)
      let text = "sum by (job) (\(one(["g", "other"]))) \(symbol()) on (job) group_right () (\(right))"
      return RandomQuery(kind: .vector, text: text, parts: [right])
    }
  }

  private mutating func set(_ depth: Int) -> RandomQuery {
    let (left, right) = (vector(depth - 1), vector(depth - 1))
    let matching = one(["", "", "on (job)", "ignoring (instance)", "on (job, instance)"])
    let text = "(\(left)) \(one(["and", "or", "unless"])) \(matching) (\(right))"
    return RandomQuery(kind: .vector, text: text, parts: [left, right])
  }

  private mutating func subquery(_ depth: Int) -> RandomQuery {
    let part = vector(depth - 1)
    let window = "[\(one(["2m", "5m", "3m"])):\(one(["", "30s", "1m", "20s"]))]"
    return RandomQuery(
      kind: .vector, text: "\(one(Self.rangeFunctions))((\(part))\(window)\(modifiers()))", parts: [part])
  }

  private mutating func relabelled(_ depth: Int) -> RandomQuery {
    let part = vector(depth - 1)
    let text =
      chance(2)
      ? "label_replace(\(part), \"\(one(["new", "job"]))\", \"$1-x\", \"\(one(["job", "instance"]))\", \"\(one(["(.*)", "(a.*)", "none"]))\")"
      : "label_join(\(part), \"new\", \"-\", \"job\", \"instance\")"
    return RandomQuery(kind: .vector, text: text, parts: [part])
  }
}
