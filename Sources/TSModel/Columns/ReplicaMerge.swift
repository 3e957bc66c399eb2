// Samples of several replicas of one series become those of one.
internal import CTSDB

/// Where the samples of one replica lie in columns that hold those of several.
public struct ReplicaRange: Sendable {
  /// Its floats.
  public var floats: Range<Int>
  /// Its histograms.
  public var histograms: Range<Int>

  /// A replica with these samples, ascending by time.
  public init(floats: Range<Int>, histograms: Range<Int>) {
    self.floats = floats
    self.histograms = histograms
  }
}

extension SampleColumns {
  /// Adds the samples of `replicas`, which lie in `all`, as Thanos' penalty algorithm takes them (`tsdb/replica_samples.h`). For
  /// counters no value falls where one replica follows another.
  public mutating func append(
    replicas: [ReplicaRange], of all: borrowing SampleColumns, isCounter: Bool
  ) {
    let times = all.timeline(of: replicas)
    let total = times.count
    guard total > 0 else { return }
    let count = min(replicas.count, Int(TSDB_REPLICAS_MAX))
    var picked = PickedSamples(capacity: total)
    unsafe times.withUnsafeBufferPointers { timestamps, values, areFloats in
      unsafe withUnsafeTemporaryAllocation(of: tsdb_replica.self, capacity: count) { states in
        unsafe withUnsafeTemporaryAllocation(of: tsdb_replica_pair.self, capacity: count) { pairs in
          for index in 0..<count {
            let start = times.starts[index]
            unsafe states[index] = tsdb_replica(
              timestamps_ms: timestamps.baseAddress.map { unsafe $0 + start },
              values: values.baseAddress.map { unsafe $0 + start },
              is_float: areFloats.baseAddress.map { unsafe $0 + start }, count: times.starts[index + 1] - start,
              position: 0, offset: 0)
          }
          var merge = unsafe tsdb_replica_merge(
            replicas: states.baseAddress, pairs: pairs.baseAddress, count: count, is_counter: isCounter)
          unsafe tsdb_replica_merge_init(&merge)
          unsafe picked.fill(&merge)
        }
      }
    }
    take(picked, times, all)
  }

  mutating func take(_ picked: borrowing PickedSamples, _ times: ReplicaTimeline, _ all: borrowing SampleColumns) {
    let starts = all.floats.startTimestampsMs
    unsafe floats.append(upTo: picked.count) { timestamps, values, startTimes in
      var written = 0
      for index in 0..<picked.count {
        let place = times.starts[Int(picked.replicas[index])] + Int(picked.rows[index])
        guard times.areFloats[place] != 0 else { continue }
        unsafe timestamps[written] = times.timestampsMs[place]
        unsafe values[written] = picked.values[index]
        unsafe startTimes[written] = starts[Int(times.rows[place])]
        written += 1
      }
      return written
    }
    var last = -1
    let firstPlaces = Set(times.starts)
    for index in 0..<picked.count {
      let place = times.starts[Int(picked.replicas[index])] + Int(picked.rows[index])
      guard times.areFloats[place] == 0 else { continue }
      let row = Int(times.rows[place])
      var copy: Int32 = -1
      if index < picked.schemas.count, picked.schemas[index] < all.pool.headers[Int(all.histogramIndices[row])].schema {
        copy = HistogramMath.reduced(
          all.histogramIndices[row], all.pool, toSchema: picked.schemas[index], into: pool)
      }
      // A layout that cannot be reduced is not one that was compared.
      if copy < 0 { copy = pool.append(all.histogramIndices[row], of: all.pool) }
      // What another replica's histogram says of resets is about the one before it there.
      if place != last + 1 || firstPlaces.contains(place) { pool.forgetResetHint(copy) }
      append(
        histogram: copy, timestampMs: times.timestampsMs[place], startTimestampMs: all.histogramStartTimesMs[row])
      last = place
    }
  }

  /// The samples of all replicas, one after the other, each by time.
  borrowing func timeline(of replicas: [ReplicaRange]) -> ReplicaTimeline {
    var timeline = ReplicaTimeline()
    timeline.reserve(replicas.reduce(0) { $0 + $1.floats.count + $1.histograms.count })
    let (times, values) = (floats.timestampsMs, floats.values)
    for replica in replicas {
      var histogram = replica.histograms.lowerBound
      for row in replica.floats {
        while histogram < replica.histograms.upperBound, histogramTimesMs[histogram] < times[row] {
          timeline.append(histogramTimesMs[histogram], 0, isFloat: false, histogram)
          histogram += 1
        }
        timeline.append(times[row], values[row], isFloat: true, row)
      }
      while histogram < replica.histograms.upperBound {
        timeline.append(histogramTimesMs[histogram], 0, isFloat: false, histogram)
        histogram += 1
      }
      timeline.starts.append(timeline.count)
    }
    return timeline
  }
}

/// Samples as the merge looks at them.
struct ReplicaTimeline {
  var timestampsMs: [Int64] = []
  var values: [Double] = []
  var areFloats: [UInt8] = []
  var rows: [UInt32] = []
  var starts = [0]

  var count: Int { timestampsMs.count }

  mutating func reserve(_ count: Int) {
    timestampsMs.reserveCapacity(count)
    values.reserveCapacity(count)
    areFloats.reserveCapacity(count)
    rows.reserveCapacity(count)
  }

  mutating func append(_ timeMs: Int64, _ value: Double, isFloat: Bool, _ row: Int) {
    timestampsMs.append(timeMs)
    values.append(value)
    areFloats.append(isFloat ? 1 : 0)
    rows.append(UInt32(truncatingIfNeeded: row))
  }

  func withUnsafeBufferPointers(
    _ body: (UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Double>, UnsafeBufferPointer<UInt8>) -> Void
  ) {
    unsafe timestampsMs.withUnsafeBufferPointer { times in
      unsafe values.withUnsafeBufferPointer { values in
        unsafe areFloats.withUnsafeBufferPointer { unsafe body(times, values, $0) }
      }
    }
  }
}

/// What the merge took.
struct PickedSamples: ~Copyable {
  var replicas: [UInt32]
  var rows: [UInt32]
  var values: [Double]
  /// To which schema each histogram is to be reduced, if its own is finer; or nothing.
  var schemas: [Int32] = []
  var count = 0

  init(capacity: Int) {
    replicas = Array(repeating: 0, count: capacity)
    rows = Array(repeating: 0, count: capacity)
    values = Array(repeating: 0, count: capacity)
  }

  /// Samples by their places in the whole timeline.
  init(places: [UInt32], values: [Double], schemas: [Int32]) {
    replicas = Array(repeating: 0, count: places.count)
    rows = places
    self.values = values
    self.schemas = schemas
    count = places.count
  }

  mutating func fill(_ merge: inout tsdb_replica_merge) {
    let capacity = replicas.count
    unsafe replicas.withUnsafeMutableBufferPointer { replicas in
      unsafe rows.withUnsafeMutableBufferPointer { rows in
        unsafe values.withUnsafeMutableBufferPointer { values in
          unsafe count = tsdb_replica_merge_run(
            &merge, replicas.baseAddress, rows.baseAddress, values.baseAddress, capacity)
        }
      }
    }
  }
}

// MARK: Downsampled data

/// Where a counter that is put together from chunks stands.
public struct CounterTotal: Sendable {
  private var state = tsdb_counter_total()

  /// Before the first chunk.
  public init() {}

  /// Lets the floats from `start` on, those of the next chunk, never fall: resets are added up. What is no number, or not later than
  /// the ones before, is left out.
  public mutating func add(_ floats: inout FloatColumns, from start: Int) {
    unsafe floats.rewrite(from: start) { times, values, starts, count in
      unsafe tsdb_counter_samples_add(&state, times, values, starts, count)
    }
  }
}

extension FloatColumns {
  /// Divides the floats from `start` on by the counts of the same time; those without are left out.
  public mutating func divide(from start: Int, by counts: borrowing FloatColumns) {
    let (times, values) = (counts.timestampsMs, counts.values)
    unsafe times.withUnsafeBufferPointer { times in
      unsafe values.withUnsafeBufferPointer { values in
        unsafe rewrite(from: start) { own, sums, _, count in
          unsafe tsdb_averages(own, sums, count, times.baseAddress, values.baseAddress, times.count)
        }
      }
    }
  }
}
