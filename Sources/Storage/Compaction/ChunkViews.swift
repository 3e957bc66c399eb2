// The chunks of one series as columns: what a merge hands to a block's writer. No chunk is an object of its own.
internal import TSModel

/// Chunks where they lie: in mapped files, or in memory that whoever made this keeps until the series is written.
@safe struct ChunkViews {
  /// Times of the first and the last sample; the writer fills in the references.
  private(set) var metas: [ChunkMeta] = []
  /// Encodings, by the numbers of `ChunkEncoding`.
  private(set) var encodings: [UInt8] = []
  /// Bytes of data of each.
  private(set) var sizes: [UInt32] = []
  /// Where the data lies.
  private(set) var starts: [UnsafePointer<UInt8>?] = unsafe []

  /// How many chunks there are.
  var count: Int { metas.count }
  /// Whether there are none.
  var isEmpty: Bool { metas.isEmpty }

  /// Takes all chunks out; the memory stays.
  mutating func removeAll() {
    metas.removeAll(keepingCapacity: true)
    encodings.removeAll(keepingCapacity: true)
    sizes.removeAll(keepingCapacity: true)
    unsafe starts.removeAll(keepingCapacity: true)
  }

  /// Adds a chunk whose data lies at `start`.
  mutating func append(
    minTimeMs: Int64, maxTimeMs: Int64, encoding: UInt8, start: UnsafePointer<UInt8>?, size: UInt32
  ) {
    metas.append(ChunkMeta(minTimeMs: minTimeMs, maxTimeMs: maxTimeMs, ref: 0))
    encodings.append(encoding)
    sizes.append(size)
    unsafe starts.append(start)
  }

  /// Puts a chunk into a segment.
  mutating func setRef(_ index: Int, _ ref: UInt64) { metas[index].ref = ref }

  /// The data of a chunk.
  func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: starts[index], count: Int(sizes[index]))
  }

  /// Samples in a chunk, as it counts them itself. Throws what is wrong with one that does not.
  func sampleCount(_ index: Int) throws(StorageError) -> Int {
    let encoding = ChunkEncoding(rawValue: encodings[index])
    let bytes = unsafe RawSpan(_unsafeBytes: bytes(index))
    guard encoding == .aggregates else { return try chunkSampleCount(bytes, encoding) }
    return try AggregateChunk.parse(bytes).sampleCount(bytes)
  }
}
