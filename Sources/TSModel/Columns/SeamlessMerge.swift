// Samples of several replicas become those of one without holes and without resets of their own (`tsdb/replica_seamless.h`).
internal import CTSDB

/// The samples of one replica, or of several merged: times strictly ascending, values, and the rows they come from.
public struct SeamlessColumn: Sendable {
  /// What `schemas` has of a sample that is taken as it is.
  public static let ownSchema = TSDB_SEAMLESS_OWN_SCHEMA

  /// Milliseconds since the Unix epoch.
  public private(set) var timestampsMs: [Int64] = []
  /// Values, lifted where one replica lagged behind another.
  public private(set) var values: [Double] = []
  /// Where each sample was.
  public private(set) var rows: [UInt32] = []
  /// To which schema each sample's histogram is to be reduced, if its own is finer; none in a series of floats.
  public private(set) var schemas: [Int32] = []
  /// Each sample's histogram in the pool, -1 for a float; none in a series of floats.
  private var histograms: [Int32] = []

  private init() {}

  /// The rows `places` of a table of times and values in order of time, each time once. `histograms` has of each row its index
  /// in a pool, or -1 where it is a float; it is empty where all are.
  public init(
    places: [Int], timestampsMs times: Span<Int64>, values: Span<Double>, histograms: [Int32] = []
  ) {
    var places = places
    let isAscending = places.indices.dropFirst().allSatisfy { times[places[$0 - 1]] < times[places[$0]] }
    if !isAscending { places.sort { (times[$0], $0) < (times[$1], $1) } }
    for row in places where timestampsMs.last != times[row] {
      timestampsMs.append(times[row])
      self.values.append(values[row])
      rows.append(UInt32(clamping: row))
      if !histograms.isEmpty { self.histograms.append(histograms[row]) }
    }
    schemas = Array(repeating: Self.ownSchema, count: self.histograms.count)
  }

  /// Both replicas as one. `isCounter`: floats are those of a counter, which does not fall where one follows the other; of
  /// histograms each tells itself. `pool` has the histograms of both.
  public func merged(with other: SeamlessColumn, isCounter: Bool, pool: HistogramPool? = nil) -> SeamlessColumn {
    guard let pool else { return unsafe merged(with: other, isCounter, nil) }
    return unsafe pool.withViews { unsafe merged(with: other, isCounter, $0) }
  }

  private func merged(
    with other: SeamlessColumn, _ isCounter: Bool, _ views: UnsafePointer<tsdb_histogram_view>?
  ) -> SeamlessColumn {
    var state = tsdb_seamless()
    unsafe tsdb_seamless_init(&state, isCounter)
    var runs = [tsdb_seamless_run](repeating: tsdb_seamless_run(), count: 64)
    var result = SeamlessColumn()
    unsafe withList(views) { a in
      unsafe other.withList(views) { b in
        var taken = 0
        repeat {
          taken = unsafe tsdb_seamless_run_lists(&state, a, b, &runs, runs.count)
          for run in runs[..<taken] { result.append(run, of: run.run.list == 0 ? self : other) }
        } while taken == runs.count
      }
    }
    return result
  }

  /// Calls `body` with the samples as the C core sees them.
  private func withList(
    _ views: UnsafePointer<tsdb_histogram_view>?, _ body: (UnsafePointer<tsdb_seamless_list>) -> Void
  ) {
    unsafe timestampsMs.withUnsafeBufferPointer { times in
      unsafe values.withUnsafeBufferPointer { values in
        guard unsafe views != nil else {
          var list = unsafe tsdb_seamless_list(
            timestamps_ms: times.baseAddress, values: values.baseAddress, count: times.count, views: nil,
            histograms: nil, schemas: nil, falls: nil)
          unsafe body(&list)
          return
        }
        unsafe histograms.withUnsafeBufferPointer { histograms in
          unsafe schemas.withUnsafeBufferPointer { schemas in
            unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, times.count)) { falls in
              guard let fall = falls.baseAddress else { return }
              var list = unsafe tsdb_seamless_list(
                timestamps_ms: times.baseAddress, values: values.baseAddress, count: times.count, views: views,
                histograms: histograms.baseAddress, schemas: schemas.baseAddress, falls: fall)
              unsafe tsdb_seamless_falls(&list, fall)
              unsafe body(&list)
            }
          }
        }
      }
    }
  }

  private mutating func append(_ run: tsdb_seamless_run, of source: SeamlessColumn) {
    let places = Int(run.run.first)..<Int(run.run.first + run.run.count)
    timestampsMs += source.timestampsMs[places]
    // Whoever adds to a stale marker, be it 0, has none any more.
    if run.lift == 0 {
      values += source.values[places]
    } else {
      values += source.values[places].lazy.map { $0.isNaN ? $0 : $0 + run.lift }
    }
    rows += source.rows[places]
    guard !source.histograms.isEmpty else { return }
    histograms += source.histograms[places]
    schemas += source.schemas[places].lazy.map { min($0, run.schema) }
  }
}

extension SampleColumns {
  /// Adds the samples of `replicas`, which lie in `all`, as `seamless` takes them.
  public mutating func append(seamless replicas: [ReplicaRange], of all: borrowing SampleColumns, isCounter: Bool) {
    let times = all.timeline(of: replicas)
    guard times.count > 0 else { return }
    let hasHistograms = times.areFloats.contains(0)
    var histograms: [Int32] = []
    if hasHistograms {
      histograms = (0..<times.count).map { times.areFloats[$0] != 0 ? -1 : all.histogramIndices[Int(times.rows[$0])] }
    }
    var merged: SeamlessColumn?
    for index in replicas.indices {
      let next = SeamlessColumn(
        places: Array(times.starts[index]..<times.starts[index + 1]), timestampsMs: times.timestampsMs.span,
        values: times.values.span, histograms: histograms)
      merged =
        merged.map { $0.merged(with: next, isCounter: isCounter, pool: hasHistograms ? all.pool : nil) } ?? next
    }
    guard let merged else { return }
    take(PickedSamples(places: merged.rows, values: merged.values, schemas: merged.schemas), times, all)
  }
}
