// Series in memory: what the API under test reads.
import PromQL
import Synchronization
import TSModel

/// One series with its samples, ascending by time.
struct MemorySeries: Sendable {
  enum Value: Sendable {
    case float(Double)
    case histogram(Histogram)
  }

  var labels: Labels
  var samples: [(timeMs: Int64, value: Value)]

  /// Floats at these times.
  init(_ labels: Labels, _ samples: [(Int64, Double)]) {
    self.labels = labels
    self.samples = samples.map { ($0.0, .float($0.1)) }
  }

  /// Any samples.
  init(_ labels: Labels, values: [(Int64, Value)]) {
    self.labels = labels
    samples = values
  }

  func isIn(_ range: TimeRange) -> Bool { samples.contains { range.contains($0.timeMs) } }

  func fulfils(_ matchers: [LabelMatcher]) -> Bool { matchers.allSatisfy { $0.matches(labels[$0.name] ?? "") } }
}

/// A source of these series, which can say, fail or wait.
final class MemorySource: Queryable, LabelQueryable {
  let series: [MemorySeries]
  let warnings: [String]
  /// Series that come at a time.
  let partSize: Int
  /// Called before each answer.
  let onAsk: @Sendable () async throws -> Void
  /// Called before each part of a stream but the first, with its number.
  let onPart: @Sendable (Int) async throws -> Void

  init(
    _ series: [MemorySeries] = [], warnings: [String] = [], partSize: Int = .max,
    onAsk: @escaping @Sendable () async throws -> Void = {},
    onPart: @escaping @Sendable (Int) async throws -> Void = { _ in }
  ) {
    self.partSize = partSize
    self.onPart = onPart
    self.series = series.sorted { $0.labels < $1.labels }
    self.warnings = warnings
    self.onAsk = onAsk
  }

  func select(_ request: SelectRequest) async throws -> any SeriesStream {
    try await onAsk()
    let found = series.filter { $0.fulfils(request.matchers) && $0.isIn(request.timeRange) }
    let parts = stride(from: 0, to: found.count, by: min(partSize, max(1, found.count))).map { start in
      MemoryPart(series: Array(found[start...].prefix(partSize)))
    }
    return MemoryStreamOfSeries(parts, warnings, onPart)
  }

  private func matching(_ request: LabelRequest) -> [MemorySeries] {
    series.filter { one in
      one.isIn(request.timeRange)
        && (request.matcherSets.isEmpty || request.matcherSets.contains { one.fulfils($0) })
    }
  }

  private func strings(_ all: Set<String>, _ request: LabelRequest) -> LabelStrings {
    let sorted = all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return LabelStrings(
      strings: request.limit > 0 ? Array(sorted.prefix(request.limit)) : sorted, warnings: warnings)
  }

  func labelNames(_ request: LabelRequest) async throws -> LabelStrings {
    try await onAsk()
    return strings(Set(matching(request).flatMap { $0.labels.map(\.name) }), request)
  }

  func labelValues(of name: String, _ request: LabelRequest) async throws -> LabelStrings {
    try await onAsk()
    return strings(Set(matching(request).compactMap { $0.labels[name] }), request)
  }
}

private final class MemoryStreamOfSeries: SeriesStream {
  private let parts: [MemoryPart]
  private let position = Mutex(0)
  private let onPart: @Sendable (Int) async throws -> Void
  let warnings: [String]

  init(_ parts: [MemoryPart], _ warnings: [String], _ onPart: @escaping @Sendable (Int) async throws -> Void) {
    self.parts = parts
    self.warnings = warnings
    self.onPart = onPart
  }

  func next() async throws -> (any SeriesPart)? {
    let index = position.withLock { position in
      defer { position += 1 }
      return position
    }
    guard index < parts.count else { return nil }
    if index > 0 { try await onPart(index) }
    return parts[index]
  }
}

private struct MemoryPart: SeriesPart {
  var series: [MemorySeries]
  var count: Int { series.count }

  func appendLabels(to sets: inout LabelSets) { for one in series { sets.append(one.labels) } }

  func decode(_ index: Int, into columns: inout SampleColumns) throws {
    columns.removeAll()
    for (timeMs, value) in series[index].samples {
      switch value {
      case .float(let number): columns.floats.append(timestampMs: timeMs, value: number)
      case .histogram(let histogram): columns.append(histogram, timestampMs: timeMs)
      }
    }
  }
}
