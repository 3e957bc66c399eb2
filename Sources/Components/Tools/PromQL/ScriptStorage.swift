// The series of a test script, in memory: what its queries read.
internal import Locking
internal import PromQL
internal import Storage
internal import Synchronization
internal import TSModel

/// One sample of a script.
struct ScriptSample: Sendable {
  enum Value: Sendable {
    case float(Double)
    case histogram(Histogram)
  }

  var timeMs: Int64
  var startMs: Int64 = 0
  var value: Value
}

/// Series by labels. Filled by one task, then read by any number.
final class ScriptStorage: Queryable, Sendable {
  private let series = Guarded<[Labels: [ScriptSample]]>([:])

  /// Forgets all series.
  func removeAll() { series.withLock { $0.removeAll() } }

  /// Adds samples behind those that the series has; one at a time that is there already is left out.
  func append(_ samples: [ScriptSample], to labels: Labels) {
    series.withLock { series in
      var all = series[labels, default: []]
      let known = Set(all.map(\.timeMs))
      all += samples.filter { !known.contains($0.timeMs) }
      all.sort { $0.timeMs < $1.timeMs }
      series[labels] = all
    }
  }

  func select(_ request: SelectRequest) async throws -> any SeriesStream {
    let found = series.withLock { series in
      series.filter { labels, _ in request.matchers.allSatisfy { $0.matches(labels[$0.name] ?? "") } }
    }
    let range = request.timeRange
    let chosen = found.sorted { $0.key < $1.key }.compactMap { labels, samples -> ScriptPart.Series? in
      let isInside = samples.contains { range.contains($0.timeMs) }
      return isInside ? ScriptPart.Series(labels: labels, samples: samples) : nil
    }
    return ScriptStream(ScriptPart(series: chosen))
  }
}

/// All series of one selector at once.
private final class ScriptStream: SeriesStream {
  private let part: Guarded<ScriptPart?>
  var warnings: [String] { [] }

  init(_ part: ScriptPart) { self.part = Guarded(part) }

  func next() async throws -> (any SeriesPart)? {
    part.withLock { part in
      defer { part = nil }
      return part
    }
  }
}

private struct ScriptPart: SeriesPart {
  struct Series: Sendable {
    var labels: Labels
    var samples: [ScriptSample]
  }

  var series: [Series]
  var count: Int { series.count }

  func appendLabels(to sets: inout LabelSets) { for one in series { sets.append(one.labels) } }

  /// By way of chunks: what these say of counter resets is part of the samples.
  func decode(_ index: Int, into columns: inout SampleColumns) throws {
    columns.removeAll()
    var builder = try SeriesChunkBuilder(
      SeriesChunkBuilder.Options(
        floatEncoding: .xor2, histogramStartTimestamps: true, chunkRangeMs: 86_400_000, reencodesLast: false))
    for sample in series[index].samples {
      switch sample.value {
      case .float(let value):
        try builder.append(timestampMs: sample.timeMs, value: value, startTimestampMs: sample.startMs)
      case .histogram(let histogram):
        try builder.append(timestampMs: sample.timeMs, histogram, startTimestampMs: sample.startMs)
      }
    }
    var decoder = SampleDecoder()
    for chunk in builder.finish() {
      unsafe try decoder.append(chunk.bytes.span.bytes, encoding: chunk.encoding, to: &columns)
    }
  }
}
