// What `/thanos.Store/Series` answers with, as values: for tests and for the rare message. The way of the many is
// SeriesResponseCodec.swift, from and to `SeriesBatch` without a value a series.
public import TSModel

/// One message of the stream.
public struct SeriesResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// One series, or a part of one.
    case series(SeriesMessage)
    /// Something that went wrong without ending the call.
    case warning(String)
    /// `hintspb.SeriesResponseHints`.
    case hints(AnyMessage)
    /// Several series.
    case batch(SeriesBatchMessage)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .series(try reader.message())
    case 2: result = .warning(try reader.string())
    case 3: result = .hints(try reader.message())
    case 4: result = .batch(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .series(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case .hints(let value): writer.message(field: 3, value)
    case .batch(let value): writer.message(field: 4, value)
    case nil: break
    }
  }
}

/// Several series (`SeriesBatch`).
public struct SeriesBatchMessage: ProtobufMessage {
  /// The series, in order.
  public var series: [SeriesMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: series.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, series)
  }
}

/// A series (`Series`).
public struct SeriesMessage: ProtobufMessage {
  /// Its labels, sorted by name.
  public var labels: [LabelMessage] = []
  /// Its chunks, by time.
  public var chunks: [AggregateChunkMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: labels.append(try reader.message())
    case 2: chunks.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, labels)
    writer.messages(field: 2, chunks)
  }
}

/// The samples of a time range: as they were, or aggregates of them (`AggrChunk`).
public struct AggregateChunkMessage: ProtobufMessage {
  /// Time of the first sample, milliseconds.
  public var minTimeMs: Int64 = 0
  /// Time of the last sample, milliseconds.
  public var maxTimeMs: Int64 = 0
  /// The samples themselves.
  public var raw: ChunkMessage?
  /// Numbers of samples.
  public var count: ChunkMessage?
  /// Sums.
  public var sum: ChunkMessage?
  /// Smallest values.
  public var min: ChunkMessage?
  /// Largest values.
  public var max: ChunkMessage?
  /// Values of the counter.
  public var counter: ChunkMessage?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: minTimeMs = try reader.int64()
    case 2: maxTimeMs = try reader.int64()
    case 3:
      var message = raw ?? ChunkMessage()
      try reader.message(into: &message)
      raw = message
    case 4:
      var message = count ?? ChunkMessage()
      try reader.message(into: &message)
      count = message
    case 5:
      var message = sum ?? ChunkMessage()
      try reader.message(into: &message)
      sum = message
    case 6:
      var message = min ?? ChunkMessage()
      try reader.message(into: &message)
      min = message
    case 7:
      var message = max ?? ChunkMessage()
      try reader.message(into: &message)
      max = message
    case 8:
      var message = counter ?? ChunkMessage()
      try reader.message(into: &message)
      counter = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, minTimeMs)
    writer.int64(field: 2, maxTimeMs)
    writer.message(field: 3, raw)
    writer.message(field: 4, count)
    writer.message(field: 5, sum)
    writer.message(field: 6, min)
    writer.message(field: 7, max)
    writer.message(field: 8, counter)
  }
}

/// Encoded samples (`Chunk`).
public struct ChunkMessage: ProtobufMessage {
  /// How they are encoded (`type`).
  public var encoding = ChunkMessageEncoding(rawValue: 0)
  /// The chunk's bytes, as a block has them without length and checksum.
  public var data: [UInt8] = []
  /// xxHash64 of `data`; 0: not computed.
  public var hash: UInt64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: encoding = ChunkMessageEncoding(rawValue: try reader.int32())
    case 2: data = try reader.byteArray()
    case 3: hash = try reader.uint64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int32(field: 1, encoding.rawValue)
    writer.bytes(field: 2, data)
    writer.uint64(field: 3, hash)
  }
}

/// How a chunk is encoded: the number in a block less one. An open set: a number that this program does not know
/// is still a value.
public struct ChunkMessageEncoding: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Floats.
  public static let xor = ChunkMessageEncoding(rawValue: 0)
  /// Native histograms with integer counts.
  public static let histogram = ChunkMessageEncoding(rawValue: 1)
  /// Native histograms with float counts.
  public static let floatHistogram = ChunkMessageEncoding(rawValue: 2)
}
