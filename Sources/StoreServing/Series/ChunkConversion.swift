// Chunks that are not sent as they lie in a block. Those of newer encodings, with start timestamps, become chunks of the same
// samples without them, since the StoreAPI knows only what there was before; those of which a part is deleted become chunks of
// what is left.
internal import Storage
internal import TSModel

extension SeriesBatch {
  /// Puts chunks of the older encodings in the place of those with start timestamps. Returns the bytes of memory that takes.
  /// Throws what is wrong with a chunk.
  func convertForMessages() throws(StorageError) -> Int {
    guard hasChunkBytes else { return 0 }
    var samples = SeriesSamples()
    var sum = 0
    for index in 0..<chunkCount {
      guard let chunk = unsafe chunkBytes(index) else { continue }
      let encoding = unsafe ChunkEncoding(rawValue: chunk.encoding)
      guard encoding.hasStartTimestamps else { continue }
      let content = unsafe try samples.decode(RawSpan(_unsafeBytes: chunk.bytes), encoding: encoding)
      if let converted = try samples.encoded(content, encoding.withoutStartTimestamps) {
        sum += replace(index, with: converted)
      }
    }
    return sum
  }

  /// Puts chunks of what is left in the place of those of which a part is deleted; a chunk of which nothing is left must have
  /// been taken out before (`removeDeleted`). Returns the bytes of memory that takes. Throws what is wrong with a chunk.
  func cutDeleted(_ tombstones: Tombstones) throws(StorageError) -> Int {
    guard hasChunkBytes else { return 0 }
    var samples = SeriesSamples()
    var sum = 0
    for series in 0..<seriesCount {
      let seriesRef = UInt64(seriesRef(at: series))
      for index in chunkRange(at: series) {
        let meta = chunk(index)
        let range = TimeRange(minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs)
        guard tombstones.coverage(of: range, seriesRef: seriesRef) != .nothing, let chunk = unsafe chunkBytes(index)
        else {
          continue
        }
        let encoding = unsafe ChunkEncoding(rawValue: chunk.encoding)
        let content = unsafe try samples.decode(
          RawSpan(_unsafeBytes: chunk.bytes), encoding: encoding, tombstones: tombstones, seriesRef: seriesRef)
        if let left = try samples.encoded(content, encoding) { sum += replace(index, with: left) }
      }
    }
    return sum
  }

  private func replace(_ index: Int, with chunk: EncodedChunk) -> Int {
    let region = ByteRegion(copying: chunk.bytes)
    retain(region)
    unsafe region.withUnsafeBytes { bytes in
      unsafe setChunkBytes(index, encoding: chunk.encoding.rawValue, bytes: bytes)
    }
    return chunk.bytes.count
  }
}
