// Two answers of the query API, compared as users would: the same series, times and values, errors and remarks.
import Foundation
import TestSupport

/// An answer, parsed.
struct QueryAnswer {
  var status: Int
  var errorType: String?
  var error: String?
  var resultType: String?
  /// Series by their labels as text, each with its points in order.
  var series: [String: [(time: Double, value: Value)]] = [:]
  var duplicate: String?
  var warnings: Set<String> = []
  var infos: Set<String> = []

  enum Value {
    case text(String)
    case histogram(count: String, sum: String, buckets: [[String]])
  }

  init(status: Int, body: Data) throws {
    self.status = status
    guard let object = try JSONSerialization.jsonObject(with: body) as? [String: Any] else {
      throw TestSupportError("not an answer: \(String(decoding: body.prefix(200), as: UTF8.self))")
    }
    errorType = object["errorType"] as? String
    error = object["error"] as? String
    warnings = Set(object["warnings"] as? [String] ?? [])
    infos = Set(object["infos"] as? [String] ?? [])
    guard let data = object["data"] as? [String: Any] else { return }
    resultType = data["resultType"] as? String
    if let result = data["result"] as? [[String: Any]] {
      for entry in result {
        let labels = (entry["metric"] as? [String: String] ?? [:]).sorted { $0.key < $1.key }
          .map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        var points: [(time: Double, value: Value)] = []
        for name in ["value", "histogram"] {
          if let point = entry[name] as? [Any] { points.append(try Self.point(point)) }
        }
        for name in ["values", "histograms"] {
          for point in entry[name] as? [[Any]] ?? [] { points.append(try Self.point(point)) }
        }
        if series.updateValue(points.sorted { $0.time < $1.time }, forKey: labels) != nil { duplicate = labels }
      }
    } else if let point = data["result"] as? [Any] {
      series[""] = [try Self.point(point)]
    }
  }

  private static func point(_ point: [Any]) throws -> (time: Double, value: Value) {
    guard point.count == 2, let time = (point[0] as? NSNumber)?.doubleValue else {
      throw TestSupportError("not a point: \(point)")
    }
    if let text = point[1] as? String { return (time, .text(text)) }
    guard let histogram = point[1] as? [String: Any], let count = histogram["count"] as? String,
      let sum = histogram["sum"] as? String
    else { throw TestSupportError("not a value: \(point[1])") }
    let buckets = (histogram["buckets"] as? [[Any]] ?? []).map { $0.map { "\($0)" } }
    return (time, .histogram(count: count, sum: sum, buckets: buckets))
  }
}

extension QueryAnswer {
  /// The answer without buckets that hold next to nothing of their histogram.
  var withoutTinyBuckets: QueryAnswer {
    var answer = self
    for (labels, points) in series {
      answer.series[labels] = points.map { point in
        guard case .histogram(let count, let sum, let buckets) = point.value else { return point }
        let least = 1e-12 * max(1, abs(Double(count) ?? 1))
        let kept = buckets.filter { bucket in bucket.last.flatMap(Double.init).map { abs($0) > least } ?? true }
        return (point.time, .histogram(count: count, sum: sum, buckets: kept))
      }
    }
    return answer
  }
}

/// How near two floats must be to count as equal: within either.
struct Tolerance {
  var relative = 1e-9
  var absolute = 0.0
}

/// What is different, or nil.
func difference(
  _ ours: QueryAnswer, _ theirs: QueryAnswer, relativeTolerance: Double = 1e-9, absoluteTolerance: Double = 0
) -> String? {
  let tolerance = Tolerance(relative: relativeTolerance, absolute: absoluteTolerance)
  if ours.status != theirs.status || ours.errorType != theirs.errorType {
    return "status \(ours.status) \(ours.error ?? "") instead of \(theirs.status) \(theirs.error ?? "")"
  }
  if theirs.errorType != nil { return nil }
  if ours.resultType != theirs.resultType {
    return "type \(ours.resultType ?? "-") instead of \(theirs.resultType ?? "-")"
  }
  if let duplicate = ours.duplicate { return "series {\(duplicate)} twice" }
  for (labels, points) in theirs.series {
    guard let mine = ours.series[labels] else { return "no series {\(labels)}" }
    guard mine.map(\.time) == points.map(\.time) else {
      return "series {\(labels)}: \(mine.count) points instead of \(points.count), or at other times"
    }
    for (mine, theirs) in zip(mine, points) where !isEqual(mine.value, theirs.value, tolerance) {
      return "series {\(labels)} at \(theirs.time): \(mine.value) instead of \(theirs.value)"
    }
  }
  if let more = ours.series.keys.first(where: { theirs.series[$0] == nil }) { return "series {\(more)} too many" }
  if ours.warnings != theirs.warnings { return "warnings \(ours.warnings) instead of \(theirs.warnings)" }
  if ours.infos != theirs.infos { return "infos \(ours.infos) instead of \(theirs.infos)" }
  return nil
}

private func isEqual(_ a: QueryAnswer.Value, _ b: QueryAnswer.Value, _ tolerance: Tolerance) -> Bool {
  switch (a, b) {
  case (.text(let a), .text(let b)): return isClose(a, b, tolerance)
  case (.histogram(let countA, let sumA, let bucketsA), .histogram(let countB, let sumB, let bucketsB)):
    guard isClose(countA, countB, tolerance), isClose(sumA, sumB, tolerance), bucketsA.count == bucketsB.count else {
      return false
    }
    return zip(bucketsA, bucketsB).allSatisfy { a, b in
      a.count == b.count && zip(a, b).allSatisfy { isClose($0, $1, tolerance) }
    }
  default: return false
  }
}

private func isClose(_ a: String, _ b: String, _ tolerance: Tolerance) -> Bool {
  if a == b { return true }
  guard let x = Double(a.replacingOccurrences(of: "Inf", with: "inf")),
    let y = Double(b.replacingOccurrences(of: "Inf", with: "inf"))
  else { return false }
  if x.isNaN && y.isNaN { return true }
  return x == y || abs(x - y) <= max(tolerance.relative * max(abs(x), abs(y)), tolerance.absolute)
}
