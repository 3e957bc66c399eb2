// From all samples of one series, floats and histograms mixed, to the chunks that Prometheus' head and the block cut from it
// would have.
internal import CTSDB
public import TSModel

/// Encodes the samples of one series, in ascending order of time, into chunks as Prometheus would. A sample of another kind
/// than the last one starts a new chunk; a stale marker takes the kind of the sample before it.
public struct SeriesChunkBuilder: ~Copyable {
  /// How chunks are encoded and cut.
  public struct Options: Sendable {
    /// `.xor`, or `.xor2`, which keeps start timestamps.
    public var floatEncoding: ChunkEncoding
    /// Whether histograms are encoded with start timestamps.
    public var histogramStartTimestamps: Bool
    /// No chunk crosses a multiple of this, milliseconds.
    public var chunkRangeMs: Int64
    /// Whether the last chunk is the open one of a head that a block is cut from. Prometheus encodes that chunk again,
    /// sample by sample, and so its reset header becomes "unknown", unless it is a gauge's.
    public var reencodesLast: Bool

    /// The encodings and the chunk range of Prometheus' defaults; the last chunk as in a block cut from the head.
    public init(
      floatEncoding: ChunkEncoding = .xor, histogramStartTimestamps: Bool = false, chunkRangeMs: Int64 = 7_200_000,
      reencodesLast: Bool = true
    ) {
      self.floatEncoding = floatEncoding
      self.histogramStartTimestamps = histogramStartTimestamps
      self.chunkRangeMs = chunkRangeMs
      self.reencodesLast = reencodesLast
    }
  }

  private enum Kind {
    case float, intHistogram, floatHistogram
  }

  /// How this builder encodes and cuts.
  public let options: Options
  private var chunks: [EncodedChunk] = []
  private var kind: Kind?
  private var lastTimeMs: Int64?
  private var floats: FloatChunkBuilder
  private var ints: HistogramChunkBuilder
  private var floatHistograms: HistogramChunkBuilder

  /// An empty builder. Throws `.memory`.
  public init(_ options: Options = Options()) throws(StorageError) {
    let ints = try HistogramChunkBuilder(
      encoding: options.histogramStartTimestamps ? .histogramST : .histogram, chunkRangeMs: options.chunkRangeMs)
    let floatHistograms = try HistogramChunkBuilder(
      encoding: options.histogramStartTimestamps ? .floatHistogramST : .floatHistogram,
      chunkRangeMs: options.chunkRangeMs)
    self.options = options
    self.floats = FloatChunkBuilder(encoding: options.floatEncoding, chunkRangeMs: options.chunkRangeMs)
    self.ints = ints
    self.floatHistograms = floatHistograms
  }

  /// Appends a float sample. A stale marker that follows a histogram becomes a stale histogram of its kind.
  ///
  /// Throws `.order` unless it is later than the sample before.
  public mutating func append(
    timestampMs: Int64, value: Double, startTimestampMs: Int64 = 0
  ) throws(StorageError) {
    if value.bitPattern == Histogram.staleSumBits, let kind, kind != .float {
      try append(
        timestampMs: timestampMs, .stale(kind == .intHistogram ? .int : .float), startTimestampMs: startTimestampMs)
      return
    }
    try turn(to: .float, timestampMs)
    try floats.append(timestampMs: timestampMs, value: value, startTimestampMs: startTimestampMs)
    lastTimeMs = timestampMs
  }

  /// Appends a histogram sample.
  ///
  /// Throws `.order` unless it is later than the sample before, `.argument` where its parts do not fit together, `.memory`.
  public mutating func append(
    timestampMs: Int64, _ histogram: Histogram, startTimestampMs: Int64 = 0
  ) throws(StorageError) {
    switch histogram.kind {
    case .int:
      try turn(to: .intHistogram, timestampMs)
      try ints.append(timestampMs: timestampMs, histogram, startTimestampMs: startTimestampMs)
    case .float:
      try turn(to: .floatHistogram, timestampMs)
      try floatHistograms.append(timestampMs: timestampMs, histogram, startTimestampMs: startTimestampMs)
    }
    lastTimeMs = timestampMs
  }

  /// Ends the open chunk where the next sample is of another kind.
  private mutating func turn(to next: Kind, _ timestampMs: Int64) throws(StorageError) {
    if let last = lastTimeMs, timestampMs <= last {
      throw StorageError(.order, "append a sample at \(timestampMs) ms to a series that has one at \(last) ms")
    }
    if next == kind { return }
    collect()
    kind = next
  }

  private mutating func collect() {
    switch kind {
    case .float: chunks += floats.finish()
    case .intHistogram: chunks += ints.finish()
    case .floatHistogram: chunks += floatHistograms.finish()
    case nil: break
    }
  }

  /// Ends the last chunk, hands all chunks over in order of time and leaves the builder empty, as new.
  public mutating func finish() -> [EncodedChunk] {
    collect()
    (kind, lastTimeMs) = (nil, nil)
    var finished = chunks
    chunks = []
    if options.reencodesLast, !finished.isEmpty {
      let last = finished.count - 1
      let encoding = finished[last].encoding.rawValue
      unsafe finished[last].bytes.withUnsafeMutableBufferPointer { bytes in
        unsafe tsdb_histogram_chunk_forget_reset(encoding, bytes.baseAddress, bytes.count)
      }
    }
    return finished
  }
}
