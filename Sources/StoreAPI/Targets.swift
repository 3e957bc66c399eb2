// Scrape targets (`/thanos.Targets/Targets`).
public import TSModel

/// Asks for targets.
public struct TargetsRequest: ProtobufMessage {
  /// Which.
  public var state = TargetState(rawValue: 0)
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: state = TargetState(rawValue: try reader.int32())
    case 2: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int32(field: 1, state.rawValue)
    writer.int32(field: 2, partialResponseStrategy.rawValue)
  }
}

/// Which targets are asked for. An open set: a number that this program does not know is still a value.
public struct TargetState: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// All.
  public static let any = TargetState(rawValue: 0)
  /// Those that are scraped.
  public static let active = TargetState(rawValue: 1)
  /// Those that relabeling dropped.
  public static let dropped = TargetState(rawValue: 2)
}

/// How a target is. An open set: a number that this program does not know is still a value.
public struct TargetHealth: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The last scrape failed.
  public static let down = TargetHealth(rawValue: 0)
  /// The last scrape succeeded.
  public static let up = TargetHealth(rawValue: 1)
  /// It has not been scraped yet.
  public static let unknown = TargetHealth(rawValue: 2)
}

/// One message of the stream.
public struct TargetsResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// Targets.
    case targets(TargetDiscoveryMessage)
    /// Something that went wrong without ending the call.
    case warning(String)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .targets(try reader.message())
    case 2: result = .warning(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .targets(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case nil: break
    }
  }
}

/// Targets, by state.
public struct TargetDiscoveryMessage: ProtobufMessage {
  /// Those that are scraped.
  public var activeTargets: [ActiveTargetMessage] = []
  /// Those that relabeling dropped.
  public var droppedTargets: [DroppedTargetMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: activeTargets.append(try reader.message())
    case 2: droppedTargets.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, activeTargets)
    writer.messages(field: 2, droppedTargets)
  }
}

/// A target that is scraped.
public struct ActiveTargetMessage: ProtobufMessage {
  /// Labels before relabeling.
  public var discoveredLabels = LabelSetMessage()
  /// Labels after it.
  public var labels = LabelSetMessage()
  /// Name of the scrape configuration.
  public var scrapePool: String = ""
  /// What is scraped.
  public var scrapeURL: String = ""
  /// The same, as others reach it.
  public var globalURL: String = ""
  /// The error of the last scrape.
  public var lastError: String = ""
  /// When it was scraped last.
  public var lastScrape = TimestampMessage()
  /// How long that took, seconds.
  public var lastScrapeDurationSeconds: Double = 0.0
  /// How it is.
  public var health = TargetHealth(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &discoveredLabels)
    case 2: try reader.message(into: &labels)
    case 3: scrapePool = try reader.string()
    case 4: scrapeURL = try reader.string()
    case 5: globalURL = try reader.string()
    case 6: lastError = try reader.string()
    case 7: try reader.message(into: &lastScrape)
    case 8: lastScrapeDurationSeconds = try reader.double()
    case 9: health = TargetHealth(rawValue: try reader.int32())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, discoveredLabels)
    writer.message(field: 2, labels)
    writer.string(field: 3, scrapePool)
    writer.string(field: 4, scrapeURL)
    writer.string(field: 5, globalURL)
    writer.string(field: 6, lastError)
    writer.message(field: 7, lastScrape)
    writer.double(field: 8, lastScrapeDurationSeconds)
    writer.int32(field: 9, health.rawValue)
  }
}

/// A target that relabeling dropped.
public struct DroppedTargetMessage: ProtobufMessage {
  /// Labels before relabeling.
  public var discoveredLabels = LabelSetMessage()

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &discoveredLabels)
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, discoveredLabels)
  }
}
