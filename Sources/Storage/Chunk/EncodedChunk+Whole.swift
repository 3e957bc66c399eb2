// One chunk of exactly the given samples, wherever the head would have cut: for data that says itself where its chunks end.
internal import CTSDB
public import TSModel

extension EncodedChunk {
  /// The given float samples as one chunk of encoding `.xor` or `.xor2`. Times may come in any order, even twice: a counter
  /// aggregate ends with two samples of one time. `startTimestampsMs` may be empty if there are none.
  ///
  /// Throws `.argument` for columns of different length or without a sample, `.full` for more samples than a chunk counts.
  public static func wholeFloats(
    encoding: ChunkEncoding, timestampsMs: [Int64], values: [Double], startTimestampsMs: [Int64] = []
  ) throws(StorageError) -> EncodedChunk {
    precondition(encoding.isFloat, "a float chunk's encoding is xor or xor2")
    let count = timestampsMs.count
    guard count > 0, values.count == count, startTimestampsMs.isEmpty || startTimestampsMs.count == count else {
      throw StorageError(
        .argument, "encode \(count) timestamps and \(values.count) values", disposition: .rejectRequest)
    }
    // A sample takes at most 9 bytes for each of its three fields, and their prefixes.
    var bytes = [UInt8](repeating: 0, count: 64 + count * 40)
    var limits = tsdb_append_limits(
      size_bytes_max: bytes.count, samples_max: UInt32.max, has_time_end: false, time_end_ms: 0)
    var (appended, size) = (0, 0)
    let status = unsafe bytes.withUnsafeMutableBufferPointer { dst in
      if encoding == .xor {
        var appender = tsdb_xor_appender()
        let started = unsafe tsdb_xor_appender_init(&appender, dst.baseAddress, dst.count, &size)
        guard started == TSDB_OK else { return started }
        return unsafe tsdb_xor_append(
          &appender, dst.baseAddress, dst.count, timestampsMs, values, count, &limits, &appended, &size)
      }
      var appender = tsdb_xor2_appender()
      let started = unsafe tsdb_xor2_appender_init(&appender, dst.baseAddress, dst.count, &size)
      guard started == TSDB_OK else { return started }
      let starts = startTimestampsMs.isEmpty ? [Int64](repeating: 0, count: count) : startTimestampsMs
      return unsafe tsdb_xor2_append(
        &appender, dst.baseAddress, dst.count, timestampsMs, values, starts, count, &limits, &appended, &size)
    }
    guard status == TSDB_OK, appended == count else {
      throw StorageError(
        .full, "encode \(count) float samples as one chunk: \(appended) fit", disposition: .rejectRequest)
    }
    return EncodedChunk(
      encoding: encoding, minTimeMs: timestampsMs.min() ?? 0, maxTimeMs: timestampsMs.max() ?? 0,
      bytes: Array(bytes[..<size]), sampleCount: count)
  }

  /// The given histogram samples, all of one kind, as one chunk whose header says `resetHeader`.
  ///
  /// Throws `.argument` where they do not fit into one chunk (another schema, a counter that starts anew), and what
  /// `HistogramChunkBuilder.append` throws.
  public static func wholeHistograms(
    encoding: ChunkEncoding, resetHeader: Histogram.ResetHint,
    samples: [(timestampMs: Int64, histogram: Histogram, startTimestampMs: Int64)]
  ) throws(StorageError) -> EncodedChunk {
    var builder = try HistogramChunkBuilder(encoding: encoding, chunkRangeMs: 1 << 62, cutsForSize: false)
    builder.begin(resetHeader: resetHeader.rawValue)
    for sample in samples {
      try builder.append(
        timestampMs: sample.timestampMs, sample.histogram, startTimestampMs: sample.startTimestampMs)
    }
    let chunks = builder.finish()
    guard chunks.count == 1, let chunk = chunks.first else {
      throw StorageError(
        .argument, "encode \(samples.count) histogram samples as one chunk: they make \(chunks.count)",
        disposition: .rejectRequest)
    }
    return chunk
  }
}
