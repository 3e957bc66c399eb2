// What Prometheus 3.5, the peer that can be had, answers otherwise than 3.14, whose answers are ours; and the one thing that
// two right answers may differ in. Each says which part of a query it is about, and why.
import Foundation

enum Exemptions {
  private struct Exemption: Sendable {
    var reason: String
    /// A regular expression that the query must contain.
    var pattern: String
    var holds: @Sendable (_ ours: QueryAnswer, _ theirs: QueryAnswer) -> Bool
  }

  /// The functions whose last bits depend on the library of mathematics.
  private static let ofPowers = "a?(sin|cos|tan)h?|exp|ln|log2|log10"

  /// The functions that tell where in a period a number is.
  private static let ofRemainders =
    "sin|cos|tan|exp|sinh|cosh|minute|hour|day_of_(week|month|year)|days_in_month|month|year|floor|ceil|round|sgn"

  private static let all = [
    Exemption(
      reason: "remarks about buckets name the metric in 3.5 and tell more in 3.14", pattern: "histogram_"
    ) { ours, theirs in
      var (ours, theirs) = (ours, theirs)
      (ours.warnings, ours.infos) = (withoutDetails(ours.warnings), withoutDetails(ours.infos))
      (theirs.warnings, theirs.infos) = (withoutDetails(theirs.warnings), withoutDetails(theirs.infos))
      return difference(ours, theirs) == nil
    },
    Exemption(reason: "only 3.14 remarks that sort does nothing in ranges", pattern: #"\bsort(_desc)?\("#) {
      ours, theirs in
      var ours = ours
      ours.warnings = ours.warnings.filter { !$0.contains("sort is ineffective for range queries") }
      return difference(ours, theirs) == nil
    },
    Exemption(
      reason: "3.14 merges series that become alike where their values lie at different steps",
      pattern: #"label_(replace|join)|-.*\bor\b"#
    ) { ours, theirs in
      ours.status == 200 && theirs.error?.contains("vector cannot contain metrics with the same labelset") == true
    },
    Exemption(
      reason: "rate and increase of native histograms do not go below zero in 3.14",
      pattern: #"\b(rate|increase)\([^\]]*\b(nh|nhg|nhcb|mixed)\b"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "histogram_fraction of classic histograms is interpolated otherwise in 3.14",
      pattern: #"histogram_fraction\(.*ch_bucket"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "3.14 looks for several matches before it drops what compares as false",
      pattern: "==|!=|<|>"
    ) { ours, theirs in
      theirs.status == 200 && ours.error?.contains("multiple matches for labels") == true
    },
    Exemption(
      reason: "in 3.14 remarks point at what is within parentheses", pattern: #"[(,]\s*\("#
    ) { ours, theirs in
      var (ours, theirs) = (ours, theirs)
      (ours.warnings, ours.infos) = (withoutPlaces(ours.warnings), withoutPlaces(ours.infos))
      (theirs.warnings, theirs.infos) = (withoutPlaces(theirs.warnings), withoutPlaces(theirs.infos))
      return difference(ours, theirs) == nil
    },
    Exemption(
      reason: "in 3.14 a native histogram times a negative number is a gauge", pattern: #"-.*\b(nh|nhg|nhcb|mixed)\b"#
    ) { ours, theirs in
      var (ours, theirs) = (ours, theirs)
      ours.warnings = ours.warnings.filter { !$0.contains("this native histogram metric is not a counter") }
      theirs.warnings = theirs.warnings.filter { !$0.contains("this native histogram metric is not a gauge") }
      return difference(ours, theirs) == nil
    },
    Exemption(
      reason: "the variance of large numbers that lie close together has few bits that count",
      pattern: #"\bstd(dev|var)(_over_time)?\b"#
    ) { ours, theirs in difference(ours, theirs, relativeTolerance: 1e-3) == nil },
    Exemption(
      reason: "sums of native histograms are exact in more bits in 3.14: no bucket is left where they cancel out",
      pattern: #"\b(sum|avg|sum_over_time|avg_over_time)\b.*\b(nh|nhg|nhcb|mixed)\b"#
    ) { ours, theirs in difference(ours.withoutTinyBuckets, theirs.withoutTinyBuckets) == nil },
    Exemption(
      reason: "a difference brings out the last bits of a logarithm, a power or an angle",
      pattern: #"\^|atan2|\b(a?(sin|cos|tan)h?|exp|ln|log2|log10)\("#
    ) { ours, theirs in difference(ours, theirs, absoluteTolerance: 1e-9) == nil },
    Exemption(
      reason:
        "what is left of a large number, such as a remainder, an angle or a date, brings out the last bits of a power",
      pattern:
        #"(%|\b(\#(ofRemainders))\().*(\^|atan2|\b(\#(ofPowers))\()|(\^|atan2|\b(\#(ofPowers))\().*%"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "sums of native histograms are exact in more bits in 3.14, which count_values shows",
      pattern: #"count_values.*\b(sum|avg|sum_over_time|avg_over_time)\b.*\b(nh|nhg|nhcb|mixed)\b"#
    ) { ours, theirs in ours.series.count == theirs.series.count },
    Exemption(
      reason: "sums of native histograms are exact in more bits in 3.14, and so fall or do not",
      pattern: #"\b(i?rate|increase|resets|changes)\(.*\b(sum|avg)(_over_time)?\b.*\b(nh|nhg|nhcb|mixed)\b"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "averages of native histograms without end are no number in 3.5",
      pattern: #"(?=.*\bavg\b)(?=.*\bInf\b)(?=.*\b(nh|nhg|nhcb|mixed)\b)"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "3.14 tells of conflicting counter resets also where counts and sums alone are read",
      pattern: #"histogram_(sum|count|avg)\(.*\b(nh|nhcb|mixed)\b"#
    ) { ours, theirs in
      func without(_ answer: QueryAnswer) -> QueryAnswer {
        var answer = answer
        answer.warnings = answer.warnings.filter { !$0.contains("conflicting counter resets") }
        return answer
      }
      return difference(without(ours), without(theirs)) == nil
    },
    Exemption(
      reason: "3.14 reads counts and sums of gauge histograms alone, and so sees no reset of a bucket",
      pattern: #"histogram_(sum|count|avg)\(.*\b(nhg|mixed)\b"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(
      reason: "count_values shows the last bits of a logarithm, a power or an angle",
      pattern: #"count_values.*(\^|atan2|\b(\#(ofPowers))\()"#
    ) { ours, theirs in areAlikeButForValues(ours, theirs) },
    Exemption(reason: "count_values shows the last bits of a sum or a quotient", pattern: "count_values") {
      ours, theirs in
      func rounded(_ answer: QueryAnswer) -> [String] { answer.series.keys.map(withRoundedNumbers).sorted() }
      return ours.status == 200 && theirs.status == 200 && rounded(ours) == rounded(theirs)
    },
  ]

  /// Why these two answers to `query` may differ; nil where they may not.
  static func reason(_ query: String, _ ours: QueryAnswer, _ theirs: QueryAnswer) -> String? {
    all.first { exemption in
      query.range(of: exemption.pattern, options: .regularExpression) != nil && exemption.holds(ours, theirs)
    }?.reason
  }

  private static func withoutPlaces(_ texts: Set<String>) -> Set<String> {
    Set(texts.map { $0.replacingOccurrences(of: #" \(\d+:\d+\)$"#, with: "", options: .regularExpression) })
  }

  /// Remarks about buckets without the metric, without what was found, and without their place; others as they are.
  private static func withoutDetails(_ texts: Set<String>) -> Set<String> {
    Set(
      texts.map { text in
        guard text.contains("bucket label") || text.contains("fixed for monotonicity") else { return text }
        return text.replacingOccurrences(
          of: #"( for metric name ".*")?(, from buckets .*)? \(\d+:\d+\)$"#, with: "", options: .regularExpression)
      })
  }

  /// Whether both are answers of one type: which series and values there are may follow from values within.
  private static func areAlikeButForValues(_ ours: QueryAnswer, _ theirs: QueryAnswer) -> Bool {
    ours.status == 200 && theirs.status == 200 && ours.resultType == theirs.resultType
  }

  private static func withRoundedNumbers(_ labels: String) -> String {
    labels.split(separator: ",").map { pair in
      guard pair.hasPrefix("value="), let number = Double(pair.dropFirst(6)) else { return String(pair) }
      return String(format: "value=%.6g", number)
    }.joined(separator: ",")
  }
}
