// Rules and alerts (`/thanos.Rules/Rules`).
public import TSModel

/// Asks for rules.
public struct RulesRequest: ProtobufMessage {
  /// Which (`type`).
  public var kind = RulesRequestKind(rawValue: 0)
  /// What to do when some stores fail; meaningless to a store over its own data.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)
  /// Selectors that a rule's labels must fulfil.
  public var matcherStrings: [String] = []
  /// Only rules of these names.
  public var ruleNames: [String] = []
  /// Only groups of these names.
  public var ruleGroups: [String] = []
  /// Only groups of these files.
  public var files: [String] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: kind = RulesRequestKind(rawValue: try reader.int32())
    case 2: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 3: matcherStrings.append(try reader.string())
    case 4: ruleNames.append(try reader.string())
    case 5: ruleGroups.append(try reader.string())
    case 6: files.append(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int32(field: 1, kind.rawValue)
    writer.int32(field: 2, partialResponseStrategy.rawValue)
    writer.strings(field: 3, matcherStrings)
    writer.strings(field: 4, ruleNames)
    writer.strings(field: 5, ruleGroups)
    writer.strings(field: 6, files)
  }
}

/// Which rules are asked for. An open set: a number that this program does not know is still a value.
public struct RulesRequestKind: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// All.
  public static let all = RulesRequestKind(rawValue: 0)
  /// Alerting ones.
  public static let alerting = RulesRequestKind(rawValue: 1)
  /// Recording ones.
  public static let recording = RulesRequestKind(rawValue: 2)
}

/// The state of an alert. An open set: a number that this program does not know is still a value.
public struct AlertState: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public var rawValue: Int32
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Not evaluated yet.
  public static let unknown = AlertState(rawValue: 0)
  /// Its condition does not hold.
  public static let inactive = AlertState(rawValue: 1)
  /// It holds, not long enough yet.
  public static let pending = AlertState(rawValue: 2)
  /// It fires.
  public static let firing = AlertState(rawValue: 3)
}

/// One message of the stream.
public struct RulesResponse: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// A group.
    case group(RuleGroupMessage)
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
    case 1: result = .group(try reader.message())
    case 2: result = .warning(try reader.string())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .group(let value): writer.message(field: 1, value)
    case .warning(let value): writer.string(field: 2, value, always: true)
    case nil: break
    }
  }
}

/// Groups of rules.
public struct RuleGroupsMessage: ProtobufMessage {
  /// The groups.
  public var groups: [RuleGroupMessage] = []

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: groups.append(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.messages(field: 1, groups)
  }
}

/// A group of rules.
public struct RuleGroupMessage: ProtobufMessage {
  /// Its name.
  public var name: String = ""
  /// The file it is in.
  public var file: String = ""
  /// Its rules, in order.
  public var rules: [RuleMessage] = []
  /// How often it is evaluated, seconds.
  public var intervalSeconds: Double = 0.0
  /// How long the last evaluation took, seconds.
  public var evaluationDurationSeconds: Double = 0.0
  /// When it was evaluated last.
  public var lastEvaluation = TimestampMessage()
  /// The most series a rule may give; 0: any number.
  public var limit: Int64 = 0
  /// What its queries do when stores fail.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: name = try reader.string()
    case 2: file = try reader.string()
    case 3: rules.append(try reader.message())
    case 4: intervalSeconds = try reader.double()
    case 5: evaluationDurationSeconds = try reader.double()
    case 6: try reader.message(into: &lastEvaluation)
    case 8: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    case 9: limit = try reader.int64()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, name)
    writer.string(field: 2, file)
    writer.messages(field: 3, rules)
    writer.double(field: 4, intervalSeconds)
    writer.double(field: 5, evaluationDurationSeconds)
    writer.message(field: 6, lastEvaluation)
    writer.int32(field: 8, partialResponseStrategy.rawValue)
    writer.int64(field: 9, limit)
  }
}

/// A rule.
public struct RuleMessage: ProtobufMessage {
  /// What the message carries.
  public enum Result: Sendable, Equatable {
    /// A recording rule.
    case recording(RecordingRuleMessage)
    /// An alerting rule.
    case alert(AlertMessage)
  }
  /// What it carries; nil where that is nothing this program knows.
  public var result: Result?

  /// The message with every field at its default.
  public init() {}

  /// A message that carries `result`.
  public init(_ result: Result) { self.result = result }

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: result = .recording(try reader.message())
    case 2: result = .alert(try reader.message())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    switch result {
    case .recording(let value): writer.message(field: 1, value)
    case .alert(let value): writer.message(field: 2, value)
    case nil: break
    }
  }
}

/// An alert that an alerting rule has raised.
public struct AlertInstanceMessage: ProtobufMessage {
  /// Its labels.
  public var labels = LabelSetMessage()
  /// Its annotations.
  public var annotations = LabelSetMessage()
  /// Its state.
  public var state = AlertState(rawValue: 0)
  /// Since when its condition has held.
  public var activeAt: TimestampMessage?
  /// The value, as text.
  public var value: String = ""
  /// That of its group.
  public var partialResponseStrategy = PartialResponseStrategy(rawValue: 0)

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: try reader.message(into: &labels)
    case 2: try reader.message(into: &annotations)
    case 3: state = AlertState(rawValue: try reader.int32())
    case 4:
      var message = activeAt ?? TimestampMessage()
      try reader.message(into: &message)
      activeAt = message
    case 5: value = try reader.string()
    case 6: partialResponseStrategy = PartialResponseStrategy(rawValue: try reader.int32())
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.message(field: 1, labels)
    writer.message(field: 2, annotations)
    writer.int32(field: 3, state.rawValue)
    writer.message(field: 4, activeAt)
    writer.string(field: 5, value)
    writer.int32(field: 6, partialResponseStrategy.rawValue)
  }
}

/// An alerting rule.
public struct AlertMessage: ProtobufMessage {
  /// The worst state of its alerts.
  public var state = AlertState(rawValue: 0)
  /// Its name.
  public var name: String = ""
  /// Its condition.
  public var query: String = ""
  /// How long the condition must hold, seconds.
  public var durationSeconds: Double = 0.0
  /// Labels that it adds.
  public var labels = LabelSetMessage()
  /// Annotations that it adds.
  public var annotations = LabelSetMessage()
  /// Its alerts.
  public var alerts: [AlertInstanceMessage] = []
  /// `ok`, `err` or `unknown`.
  public var health: String = ""
  /// The error of the last evaluation.
  public var lastError: String = ""
  /// How long the last evaluation took, seconds.
  public var evaluationDurationSeconds: Double = 0.0
  /// When it was evaluated last.
  public var lastEvaluation = TimestampMessage()
  /// How long it goes on firing once the condition no longer holds, seconds.
  public var keepFiringForSeconds: Double = 0.0

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: state = AlertState(rawValue: try reader.int32())
    case 2: name = try reader.string()
    case 3: query = try reader.string()
    case 4: durationSeconds = try reader.double()
    case 5: try reader.message(into: &labels)
    case 6: try reader.message(into: &annotations)
    case 7: alerts.append(try reader.message())
    case 8: health = try reader.string()
    case 9: lastError = try reader.string()
    case 10: evaluationDurationSeconds = try reader.double()
    case 11: try reader.message(into: &lastEvaluation)
    case 12: keepFiringForSeconds = try reader.double()
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.int32(field: 1, state.rawValue)
    writer.string(field: 2, name)
    writer.string(field: 3, query)
    writer.double(field: 4, durationSeconds)
    writer.message(field: 5, labels)
    writer.message(field: 6, annotations)
    writer.messages(field: 7, alerts)
    writer.string(field: 8, health)
    writer.string(field: 9, lastError)
    writer.double(field: 10, evaluationDurationSeconds)
    writer.message(field: 11, lastEvaluation)
    writer.double(field: 12, keepFiringForSeconds)
  }
}

/// A recording rule.
public struct RecordingRuleMessage: ProtobufMessage {
  /// The metric that it writes.
  public var name: String = ""
  /// What it evaluates.
  public var query: String = ""
  /// Labels that it adds.
  public var labels = LabelSetMessage()
  /// `ok`, `err` or `unknown`.
  public var health: String = ""
  /// The error of the last evaluation.
  public var lastError: String = ""
  /// How long the last evaluation took, seconds.
  public var evaluationDurationSeconds: Double = 0.0
  /// When it was evaluated last.
  public var lastEvaluation = TimestampMessage()

  /// The message with every field at its default.
  public init() {}

  public mutating func read(_ field: ProtobufField, from reader: inout ProtobufReader) throws(ModelError) {
    switch field.number {
    case 1: name = try reader.string()
    case 2: query = try reader.string()
    case 3: try reader.message(into: &labels)
    case 4: health = try reader.string()
    case 5: lastError = try reader.string()
    case 6: evaluationDurationSeconds = try reader.double()
    case 7: try reader.message(into: &lastEvaluation)
    default: break
    }
  }

  public func write(to writer: inout ProtobufWriter) {
    writer.string(field: 1, name)
    writer.string(field: 2, query)
    writer.message(field: 3, labels)
    writer.string(field: 4, health)
    writer.string(field: 5, lastError)
    writer.double(field: 6, evaluationDurationSeconds)
    writer.message(field: 7, lastEvaluation)
  }
}
