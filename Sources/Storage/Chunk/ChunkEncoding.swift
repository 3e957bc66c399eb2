// The encodings of a chunk's bytes, by the number that stands before them in a segment. docs/formats/chunks.md.
internal import CTSDB

/// How the samples of a chunk are written. An open set: a number that this program does not know is still a value.
public struct ChunkEncoding: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number as stored.
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Floats: delta of delta timestamps and XORed values.
  public static let xor = ChunkEncoding(rawValue: 1)
  /// Native histograms with integer counts.
  public static let histogram = ChunkEncoding(rawValue: 2)
  /// Native histograms with float counts.
  public static let floatHistogram = ChunkEncoding(rawValue: 3)
  /// Floats with start timestamps.
  public static let xor2 = ChunkEncoding(rawValue: 4)
  /// Native histograms with integer counts and start timestamps.
  public static let histogramST = ChunkEncoding(rawValue: 5)
  /// Native histograms with float counts and start timestamps.
  public static let floatHistogramST = ChunkEncoding(rawValue: 6)
  /// Thanos' aggregates of downsampled data: up to five chunks in one.
  public static let aggregates = ChunkEncoding(rawValue: 0xFF)

  /// The name that Prometheus' tools print, or nil for an encoding that this program does not know.
  public var name: String? {
    switch self {
    case .xor: "xor"
    case .histogram: "histogram"
    case .floatHistogram: "floathistogram"
    case .xor2: "xor2"
    case .histogramST: "histogramst"
    case .floatHistogramST: "floathistogramst"
    case .aggregates: "aggr"
    default: nil
    }
  }

  /// Whether a chunk of this encoding holds float samples.
  public var isFloat: Bool { self == .xor || self == .xor2 }

  /// Whether a chunk of this encoding holds native histograms, integer or float.
  public var isHistogram: Bool {
    self == .histogram || self == .floatHistogram || self == .histogramST || self == .floatHistogramST
  }

  /// Whether a chunk of this encoding can hold start timestamps.
  public var hasStartTimestamps: Bool { self == .xor2 || self == .histogramST || self == .floatHistogramST }

  /// The encoding of the same samples without start timestamps.
  package var withoutStartTimestamps: ChunkEncoding {
    if isFloat { return .xor }
    return self == .histogramST ? .histogram : self == .floatHistogramST ? .floatHistogram : self
  }

  public var description: String { name ?? "encoding \(rawValue)" }
}

/// The number of samples that a chunk says it holds (its first two bytes; 14 bits in the histogram encodings with start
/// timestamps). Throws `.encoding` for an encoding that has no such counter, `.truncated` for less than two bytes.
public func chunkSampleCount(_ bytes: RawSpan, _ encoding: ChunkEncoding) throws(StorageError) -> Int {
  guard encoding.isFloat || encoding.isHistogram else {
    throw StorageError(.encoding, "count the samples of a chunk with \(encoding): it has no sample counter")
  }
  guard bytes.byteCount >= 2 else {
    throw StorageError(.truncated, "count the samples of a chunk: it has \(bytes.byteCount) bytes, its counter takes 2")
  }
  // Both offsets lie inside: compared above.
  let high = unsafe bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
  let low = unsafe bytes.unsafeLoad(fromByteOffset: 1, as: UInt8.self)
  let counter = Int(high) << 8 | Int(low)
  let isST = encoding == .histogramST || encoding == .floatHistogramST
  return isST ? counter & Int(TSDB_CHUNK_ST_SAMPLES_MAX) : counter
}
