// A finished chunk, as a block's writer takes it.

/// The bytes of one chunk with what an index says about it.
public struct EncodedChunk: Sendable, Equatable {
  /// How `bytes` are encoded.
  public var encoding: ChunkEncoding
  /// Timestamp of the first sample, milliseconds since the Unix epoch.
  public var minTimeMs: Int64
  /// Timestamp of the last sample (inclusive), milliseconds since the Unix epoch.
  public var maxTimeMs: Int64
  /// The chunk's data as it lies in a segment: without length, encoding byte and checksum.
  public var bytes: [UInt8]
  /// Samples in it.
  public var sampleCount: Int

  /// A chunk of `sampleCount` samples between the two times, both included.
  public init(encoding: ChunkEncoding, minTimeMs: Int64, maxTimeMs: Int64, bytes: [UInt8], sampleCount: Int) {
    self.encoding = encoding
    self.minTimeMs = minTimeMs
    self.maxTimeMs = maxTimeMs
    self.bytes = bytes
    self.sampleCount = sampleCount
  }
}
