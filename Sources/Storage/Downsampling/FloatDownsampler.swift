// The float samples of one series become aggregate chunks: Sources/CTSDB/downsample.c aggregates and encodes, this cuts batches.
internal import CTSDB
internal import TSModel

/// Aggregates the floats of one series after the other. The memory is kept.
@safe struct FloatDownsampler: ~Copyable {
  /// Distance of the points, milliseconds.
  let resolutionMs: Int64

  private var points: UnsafeMutableBufferPointer<Double>
  private var pointTimes: UnsafeMutableBufferPointer<Int64>
  private var bytes: UnsafeMutableBufferPointer<UInt8>

  init(resolutionMs: Int64) {
    self.resolutionMs = resolutionMs
    unsafe points = .allocate(capacity: 5 * 256)
    unsafe pointTimes = .allocate(capacity: 256)
    unsafe bytes = .allocate(capacity: 2 * max(tsdb_downsample_chunk_bound(256), 5 * tsdb_xor_bound(258)))
  }

  deinit {
    unsafe points.deallocate()
    unsafe pointTimes.deallocate()
    unsafe bytes.deallocate()
  }

  /// The distance that raw samples are taken to have, milliseconds.
  static let rawDistanceMs: Int64 = 60_000

  /// Adds the chunks of raw samples, ascending, to `encoder`. `samples` are changed. Throws `.full` where one batch has more
  /// windows than a chunk can hold samples.
  mutating func downsample(_ samples: inout FloatColumns, into encoder: inout ClusterEncoder) throws(StorageError) {
    let count = samples.count
    guard count > 0 else { return }
    let chunkCount = tsdb_downsample_chunk_count(
      samples.timestampsMs[0], samples.timestampsMs[count - 1], Self.rawDistanceMs, resolutionMs, count)
    let batchSize = count / chunkCount + 1
    var start = 0
    while start < count {
      var end = min(count, start + batchSize)
      // To the end of the last sample's window.
      let windowEndMs = tsdb_window_end(samples.timestampsMs[end - 1], resolutionMs)
      while end < count, samples.timestampsMs[end] <= windowEndMs { end += 1 }
      try downsampleBatch(&samples, start..<end, into: &encoder)
      start = end
    }
  }

  private mutating func downsampleBatch(
    _ samples: inout FloatColumns, _ range: Range<Int>, into encoder: inout ClusterEncoder
  ) throws(StorageError) {
    var result = (status: TSDB_OK, size: 0, minTimeMs: Int64(0), maxTimeMs: Int64(0), points: 0)
    unsafe samples.filter(from: 0) { times, values, _, all in
      let (time, value) = unsafe (times + range.lowerBound, values + range.lowerBound)
      // What is behind the samples that are left is not looked at again: the next batch begins behind it.
      let count = unsafe tsdb_nan_remove(time, value, range.count)
      guard count > 0 else { return all }
      let bound = unsafe tsdb_downsample_bound(time[0], time[count - 1], count, resolutionMs)
      reserve(bound)
      guard let point = unsafe points.baseAddress, let pointTime = unsafe pointTimes.baseAddress,
        let byte = unsafe bytes.baseAddress
      else { return all }
      var target = unsafe tsdb_downsample_points(
        timestamps_ms: pointTime, counts: point, sums: point + bound, mins: point + 2 * bound, maxs: point + 3 * bound,
        counters: point + 4 * bound)
      let written = unsafe tsdb_downsample_floats(time, value, count, resolutionMs, &target)
      let half = unsafe bytes.count / 2
      result.status = unsafe tsdb_downsample_chunk_write(
        &target, written, time[0], value[0], value[count - 1], byte + half, half, byte, half, &result.size)
      result.points = written
      result.minTimeMs = unsafe pointTime[0]
      result.maxTimeMs = unsafe pointTime[written - 1]
      return all
    }
    guard result.status == TSDB_OK else {
      throw StorageError(result.status, "downsample \(range.count) samples into one chunk")
    }
    guard result.points > 0 else { return }
    unsafe encoder.append(
      UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<result.size]), encoding: .aggregates,
      minTimeMs: result.minTimeMs, maxTimeMs: result.maxTimeMs)
  }

  /// Makes room for `count` points of a chunk.
  private mutating func reserve(_ count: Int) {
    guard unsafe count > pointTimes.count else { return }
    let capacity = unsafe max(count, 2 * pointTimes.count)
    unsafe points.deallocate()
    unsafe pointTimes.deallocate()
    unsafe bytes.deallocate()
    unsafe points = .allocate(capacity: 5 * capacity)
    unsafe pointTimes = .allocate(capacity: capacity)
    unsafe bytes = .allocate(capacity: 2 * max(tsdb_downsample_chunk_bound(capacity), 5 * tsdb_xor_bound(capacity + 2)))
  }

  /// Aggregates one aggregate of already downsampled data: the points of one batch, as (times, one column).
  mutating func windows(
    of samples: borrowing FloatColumns, _ slot: AggregateChunk.Slot
  ) -> (timestampsMs: [Int64], values: [Double]) {
    let count = samples.count
    guard count > 0 else { return ([], []) }
    let bound = tsdb_downsample_bound(
      samples.timestampsMs[0], samples.timestampsMs[count - 1], count, resolutionMs)
    reserve(bound)
    guard let point = unsafe points.baseAddress, let pointTime = unsafe pointTimes.baseAddress else { return ([], []) }
    var target = unsafe tsdb_downsample_points(
      timestamps_ms: pointTime, counts: point, sums: point + bound, mins: point + 2 * bound, maxs: point + 3 * bound,
      counters: point + 4 * bound)
    let written = unsafe samples.timestampsMs.withUnsafeBufferPointer { times in
      unsafe samples.values.withUnsafeBufferPointer { values in
        unsafe tsdb_downsample_floats(times.baseAddress, values.baseAddress, count, resolutionMs, &target)
      }
    }
    // How many samples there were is the sum of the counts.
    let column =
      switch slot {
      case .count, .sum: 1
      case .min: 2
      case .max: 3
      case .counter: 4
      }
    return unsafe (
      Array(pointTimes[..<written]), Array(points[column * bound..<column * bound + written])
    )
  }
}
