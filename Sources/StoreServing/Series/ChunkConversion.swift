// Chunks that messages have no type for: those of newer encodings, with start timestamps. The StoreAPI knows only what there
// was before them, so that they are sent as chunks of the same samples without start timestamps.
internal import Storage
internal import TSModel

extension SeriesBatch {
  /// Puts chunks of the older encodings in the place of those with start timestamps. Returns the bytes of memory that takes.
  /// Throws what is wrong with a chunk.
  func convertForMessages() throws(StorageError) -> Int {
    guard hasChunkBytes else { return 0 }
    var floats = FloatColumns()
    var histograms = HistogramColumns()
    var sum = 0
    for index in 0..<chunkCount {
      guard let chunk = unsafe chunkBytes(index) else { continue }
      let encoding = unsafe ChunkEncoding(rawValue: chunk.encoding)
      guard encoding.hasStartTimestamps else { continue }
      let bytes = unsafe RawSpan(_unsafeBytes: chunk.bytes)
      let converted: EncodedChunk
      if encoding.isFloat {
        floats.removeAll()
        try floats.append(decoding: bytes, encoding: encoding)
        let (times, values) = (floats.timestampsMs, floats.values)
        converted = try .wholeFloats(
          encoding: .xor, timestampsMs: times.indices.map { times[$0] }, values: values.indices.map { values[$0] })
      } else {
        try histograms.decode(bytes, encoding: encoding)
        let times = histograms.timestampsMs
        var samples: [(timestampMs: Int64, histogram: Histogram, startTimestampMs: Int64)] = []
        for sample in 0..<histograms.count {
          samples.append((times[sample], histograms.histogram(at: sample), 0))
        }
        converted = try .wholeHistograms(
          encoding: encoding == .histogramST ? .histogram : .floatHistogram, resetHeader: histograms.resetHeader,
          samples: samples)
      }
      let region = ByteRegion(copying: converted.bytes)
      retain(region)
      unsafe region.withUnsafeBytes { bytes in
        unsafe setChunkBytes(index, encoding: converted.encoding.rawValue, bytes: bytes)
      }
      sum += converted.bytes.count
    }
    return sum
  }
}
