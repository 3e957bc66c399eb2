// What travels in the `hints` of `thanos.Store`: which blocks are to be asked, and which were (package `hintspb`).
public import TSModel

/// Hints of a `SeriesRequest`.
public struct SeriesRequestHints: ProtobufMessage {
  /// Only blocks whose `__block_id` fulfils these.
  public var blockMatchers: [LabelMatcherMessage] = []
  /// Whether the answer should say what it cost (`enable_query_stats`).
  public var wantsQueryStats: Bool = false
  /// Whether the answer should name blocks with their times and resolutions (Apus' own; Thanos skips it).
  public var wantsBlockExtents: Bool = false

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: blockMatchers.append(try reader.message())
    case 2: wantsQueryStats = try reader.bool()
    case 1001: wantsBlockExtents = try reader.bool()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, blockMatchers)
    writer.bool(field: 2, wantsQueryStats)
    writer.bool(field: 1001, wantsBlockExtents)
  }
}

/// Hints of a `SeriesResponse`.
public struct SeriesResponseHints: ProtobufMessage {
  /// The blocks that were asked.
  public var queriedBlocks: [BlockHint] = []
  /// What the answer cost.
  public var queryStats: QueryStatsHint?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: queriedBlocks.append(try reader.message())
    case 2:
      var message = queryStats ?? QueryStatsHint()
      try reader.message(into: &message)
      queryStats = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, queriedBlocks)
    writer.message(field: 2, queryStats)
  }
}

/// A block (`Block`).
public struct BlockHint: ProtobufMessage {
  /// Its ULID.
  public var id: String = ""
  /// Times and resolution, which Apus' stores tell where they are asked for them. Thanos skips it.
  public var extent: BlockExtent?

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: id = try reader.string()
    case 1001:
      var message = extent ?? BlockExtent()
      try reader.message(into: &message)
      extent = message
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, id)
    writer.message(field: 1001, extent)
  }
}

/// Times and resolution of a block (Apus' own).
public struct BlockExtent: ProtobufMessage {
  /// First instant, milliseconds since the Unix epoch.
  public var minTimeMs: Int64 = 0
  /// Last instant, milliseconds since the Unix epoch.
  public var maxTimeMs: Int64 = 0
  /// Distance of the points, milliseconds; 0: raw.
  public var resolutionMs: Int64 = 0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: minTimeMs = try reader.int64()
    case 2: maxTimeMs = try reader.int64()
    case 3: resolutionMs = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, minTimeMs)
    writer.int64(field: 2, maxTimeMs)
    writer.int64(field: 3, resolutionMs)
  }
}

/// Hints of a `LabelNamesRequest`.
public struct LabelNamesRequestHints: ProtobufMessage {
  /// Only blocks whose `__block_id` fulfils these.
  public var blockMatchers: [LabelMatcherMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: blockMatchers.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, blockMatchers)
  }
}

/// Hints of a `LabelNamesResponse`.
public struct LabelNamesResponseHints: ProtobufMessage {
  /// The blocks that were asked.
  public var queriedBlocks: [BlockHint] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: queriedBlocks.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, queriedBlocks)
  }
}

/// Hints of a `LabelValuesRequest`.
public struct LabelValuesRequestHints: ProtobufMessage {
  /// Only blocks whose `__block_id` fulfils these.
  public var blockMatchers: [LabelMatcherMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: blockMatchers.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, blockMatchers)
  }
}

/// Hints of a `LabelValuesResponse`.
public struct LabelValuesResponseHints: ProtobufMessage {
  /// The blocks that were asked.
  public var queriedBlocks: [BlockHint] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: queriedBlocks.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, queriedBlocks)
  }
}

/// What an answer cost (`QueryStats`). "Touched" is what was looked at, "fetched" what had to be read for it;
/// sizes are bytes.
public struct QueryStatsHint: ProtobufMessage {
  /// Blocks.
  public var blocksQueried: Int64 = 0
  /// Series after merging.
  public var mergedSeriesCount: Int64 = 0
  /// Chunks after merging.
  public var mergedChunksCount: Int64 = 0
  /// Postings lists looked at.
  public var postingsTouched: Int64 = 0
  /// Their size.
  public var postingsTouchedSizeSum: Int64 = 0
  /// Postings lists that had to be read.
  public var postingsToFetch: Int64 = 0
  /// Postings lists read.
  public var postingsFetched: Int64 = 0
  /// Their size.
  public var postingsFetchedSizeSum: Int64 = 0
  /// Reads of postings.
  public var postingsFetchCount: Int64 = 0
  /// Series looked at.
  public var seriesTouched: Int64 = 0
  /// Their size.
  public var seriesTouchedSizeSum: Int64 = 0
  /// Series read.
  public var seriesFetched: Int64 = 0
  /// Their size.
  public var seriesFetchedSizeSum: Int64 = 0
  /// Reads of series.
  public var seriesFetchCount: Int64 = 0
  /// Chunks looked at.
  public var chunksTouched: Int64 = 0
  /// Their size.
  public var chunksTouchedSizeSum: Int64 = 0
  /// Chunks read.
  public var chunksFetched: Int64 = 0
  /// Their size.
  public var chunksFetchedSizeSum: Int64 = 0
  /// Reads of chunks.
  public var chunksFetchCount: Int64 = 0
  /// All that was read.
  public var dataDownloadedSizeSum: Int64 = 0
  /// Time until every block was ready.
  public var getAllDuration = DurationMessage()
  /// Time of merging.
  public var mergeDuration = DurationMessage()

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: blocksQueried = try reader.int64()
    case 2: mergedSeriesCount = try reader.int64()
    case 3: mergedChunksCount = try reader.int64()
    case 4: postingsTouched = try reader.int64()
    case 5: postingsTouchedSizeSum = try reader.int64()
    case 6: postingsToFetch = try reader.int64()
    case 7: postingsFetched = try reader.int64()
    case 8: postingsFetchedSizeSum = try reader.int64()
    case 9: postingsFetchCount = try reader.int64()
    case 10: seriesTouched = try reader.int64()
    case 11: seriesTouchedSizeSum = try reader.int64()
    case 12: seriesFetched = try reader.int64()
    case 13: seriesFetchedSizeSum = try reader.int64()
    case 14: seriesFetchCount = try reader.int64()
    case 15: chunksTouched = try reader.int64()
    case 16: chunksTouchedSizeSum = try reader.int64()
    case 17: chunksFetched = try reader.int64()
    case 18: chunksFetchedSizeSum = try reader.int64()
    case 19: chunksFetchCount = try reader.int64()
    case 20: dataDownloadedSizeSum = try reader.int64()
    case 21: try reader.message(into: &getAllDuration)
    case 22: try reader.message(into: &mergeDuration)
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int64(field: 1, blocksQueried)
    writer.int64(field: 2, mergedSeriesCount)
    writer.int64(field: 3, mergedChunksCount)
    writer.int64(field: 4, postingsTouched)
    writer.int64(field: 5, postingsTouchedSizeSum)
    writer.int64(field: 6, postingsToFetch)
    writer.int64(field: 7, postingsFetched)
    writer.int64(field: 8, postingsFetchedSizeSum)
    writer.int64(field: 9, postingsFetchCount)
    writer.int64(field: 10, seriesTouched)
    writer.int64(field: 11, seriesTouchedSizeSum)
    writer.int64(field: 12, seriesFetched)
    writer.int64(field: 13, seriesFetchedSizeSum)
    writer.int64(field: 14, seriesFetchCount)
    writer.int64(field: 15, chunksTouched)
    writer.int64(field: 16, chunksTouchedSizeSum)
    writer.int64(field: 17, chunksFetched)
    writer.int64(field: 18, chunksFetchedSizeSum)
    writer.int64(field: 19, chunksFetchCount)
    writer.int64(field: 20, dataDownloadedSizeSum)
    writer.message(field: 21, getAllDuration)
    writer.message(field: 22, mergeDuration)
  }
}
