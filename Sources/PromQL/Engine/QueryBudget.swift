// What one query may hold at a time, bytes of memory and samples; and the series that it may read.
internal import CTSDB
internal import Synchronization
internal import TSModel

/// The limits of one query and what it holds. Any of its tasks may use it.
final class QueryBudget: Sendable {
  /// What memory is charged to.
  let bytes: MemoryBudget?
  private let samplesMax: Int
  private let seriesMax: Int
  private let series = Atomic<Int>(0)
  private let decoded = Atomic<Int>(0)
  private let held = Atomic<Int>(0)
  private let peak = Atomic<Int>(0)

  /// At most `samplesMax` samples and `seriesMax` series, 0 being no limit.
  init(bytes: MemoryBudget? = nil, samplesMax: Int64 = 0, seriesMax: Int64 = 0) {
    self.bytes = bytes
    self.samplesMax = samplesMax > 0 ? Int(clamping: samplesMax) : .max
    self.seriesMax = seriesMax > 0 ? Int(clamping: seriesMax) : .max
  }

  /// Bytes of memory that are charged now; 0 where memory is not.
  var usedBytes: Int { bytes?.usedBytes ?? 0 }

  /// Counts `count` series that a selector reads. Throws where these are more than the query may.
  func read(series count: Int) throws {
    let (_, now) = series.add(count, ordering: .relaxed)
    guard now > seriesMax else { return }
    throw QueryError.execution(
      "the query reads more than \(seriesMax) series, the limit of a query; ask for fewer by stricter matchers, or "
        + "raise the limit")
  }

  /// Counts `count` samples more.
  func hold(_ count: Int) {
    let (_, now) = held.add(count, ordering: .relaxed)
    peak.max(now, ordering: .relaxed)
  }

  /// Takes `count` samples, counted before, back out.
  func release(_ count: Int) { held.subtract(count, ordering: .relaxed) }

  /// Counts `count` samples that a selector decoded.
  func read(samples count: Int) { decoded.add(count, ordering: .relaxed) }

  /// Samples that selectors decoded so far.
  var samplesDecoded: Int { decoded.load(ordering: .relaxed) }

  /// Series that selectors read so far.
  var seriesRead: Int { series.load(ordering: .relaxed) }

  /// The most samples that were held at one time.
  var peakSamples: Int { peak.load(ordering: .relaxed) }

  /// Throws where more samples were held than may be.
  func checkSamples() throws {
    guard peakSamples > samplesMax else { return }
    throw QueryError.execution("query processing would load too many samples into memory in query execution")
  }
}

/// What histograms count for among samples: a float with its time is one.
enum SampleWeight {
  /// Of histogram `index` of `pool`.
  static func of(_ index: Int32, _ pool: HistogramPool) -> Int {
    let header = pool.headers[Int(index)]
    // In units of a float with its time, 16 bytes; 168 bytes are those of a histogram without buckets, 8 those of its time.
    return (168 + 8 * (header.spanCount + header.bucketCount + header.boundCount) + 8) / 16
  }

  /// Of all values of a row.
  static func of(row: Int, _ batch: VectorBatch) -> Int {
    let floats = unsafe batch.floats(row)
    var sum = unsafe tsdb_row_present_count(floats.baseAddress, floats.count)
    guard batch.hasHistograms else { return sum }
    for step in 0..<batch.stepCount {
      let index = batch.histogram(row, step)
      if index >= 0 { sum += of(index, batch.pool) }
    }
    return sum
  }
}
