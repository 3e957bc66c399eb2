// What a query has to tell beside its answer: warnings and infos, with the place in the query that they are about.
internal import CTSDB
internal import Locking
internal import Synchronization
internal import TSModel

/// A place in the query that an annotation is about.
struct QuerySite: Sendable {
  /// Byte of the query's text, from 0.
  var position: Int
  /// Place in the order of evaluation: of two annotations with the same text the one of the greater order is told.
  var order: Int
}

/// The warnings and infos of one query, each once. Any task may add to it.
public final class Annotations: Sendable {
  enum Kind: Hashable {
    case warning, info
  }

  private struct Key: Hashable {
    var kind: Kind
    var text: String
  }

  private struct Found {
    var sites: [Key: QuerySite] = [:]
    var forced: [String: ForcedMonotonicity] = [:]
    var overlaps: [String: (count: Int, site: QuerySite)] = [:]
    var ofSources: Set<String> = []
  }

  private let found = Guarded(Found())
  private let query: String

  /// None yet, for the query with this text.
  public init(query: String) { self.query = query }

  /// Adds a warning or an info about `site`.
  func add(_ kind: Kind, _ text: String, at site: QuerySite) {
    found.withLock { found in
      let key = Key(kind: kind, text: text)
      if let old = found.sites[key], old.order > site.order { return }
      found.sites[key] = site
    }
  }

  /// Adds that the buckets of a classic histogram had to be made monotonic: many such become one info.
  func add(_ forced: ForcedMonotonicity, metricName: String) {
    found.withLock { found in
      guard var old = found.forced[metricName] else {
        found.forced[metricName] = forced
        return
      }
      old.merge(forced)
      found.forced[metricName] = old
    }
  }

  /// Adds that start times of series `metricName` overlap samples before them.
  func addStartTimeOverlap(metricName: String, at site: QuerySite) {
    found.withLock { found in
      let count = found.overlaps[metricName]?.count ?? 0
      found.overlaps[metricName] = (count + 1, site)
    }
  }

  /// Adds what a source of series could not read.
  public func add(sourceWarning text: String) { found.withLock { _ = $0.ofSources.insert(text) } }

  /// All warnings and infos, sorted.
  public var texts: (warnings: [String], infos: [String]) {
    found.withLock { found in
      var (warnings, infos) = (Array(found.ofSources), [String]())
      for (key, site) in found.sites {
        let line = "PromQL \(key.kind == .warning ? "warning" : "info"): \(key.text) (\(place(site.position)))"
        if key.kind == .warning { warnings.append(line) } else { infos.append(line) }
      }
      for (name, overlap) in found.overlaps {
        let times = overlap.count > 1 ? " (\(overlap.count) occurrences)" : ""
        warnings.append(
          "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "
            + "\(quotedText(name))\(times) (\(place(overlap.site.position)))")
      }
      for (name, forced) in found.forced { infos.append(forced.text(metricName: name, place(forced.site.position))) }
      return (warnings.sorted(), infos.sorted())
    }
  }

  /// Line and column of byte `position`, both from 1; columns are counted in bytes.
  private func place(_ position: Int) -> String {
    var (line, column) = (1, 1)
    for byte in query.utf8.prefix(position) {
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

/// Buckets of a classic histogram that had to be made monotonic: over which times, between which bounds, by how much.
struct ForcedMonotonicity: Sendable {
  var site: QuerySite
  var minTimeMs: Int64
  var maxTimeMs: Int64
  var minBucket: Double
  var maxBucket: Double
  var maxDifference: Double
  var count = 1

  mutating func merge(_ other: ForcedMonotonicity) {
    if other.site.order >= site.order { site = other.site }
    minTimeMs = min(minTimeMs, other.minTimeMs)
    maxTimeMs = max(maxTimeMs, other.maxTimeMs)
    minBucket = min(minBucket, other.minBucket)
    maxBucket = max(maxBucket, other.maxBucket)
    maxDifference = max(maxDifference, other.maxDifference)
    count += other.count
  }

  func text(metricName: String, _ place: String) -> String {
    let name = metricName.isEmpty ? "" : " for metric name \(quotedText(metricName))"
    return "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
      + "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)\(name), from buckets "
      + "\(goText(minBucket)) to \(goText(maxBucket)), with a max diff of "
      + "\(goText(maxDifference, digits: 2)), over \(count) samples from \(utcText(minTimeMs)) to "
      + "\(utcText(maxTimeMs)) (\(place))"
  }
}

/// A time as `2025-06-02T00:00:00Z`, whole seconds.
private func utcText(_ timeMs: Int64) -> String {
  let seconds = timeMs / 1000
  func part(_ function: tsdb_unary, _ width: Int = 2) -> String {
    pad(Int64(tsdb_unary_of(function, Double(seconds))), width)
  }
  func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
  let second = (seconds % 60 + 60) % 60
  return "\(part(TSDB_YEAR, 4))-\(part(TSDB_MONTH))-\(part(TSDB_DAY_OF_MONTH))T\(part(TSDB_HOUR)):\(part(TSDB_MINUTE)):"
    + "\(pad(second, 2))Z"
}
