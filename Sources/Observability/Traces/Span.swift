// A piece of work with a beginning, an end and what happened in between.
internal import Locking
internal import Synchronization

/// What kind of work a span is.
public enum SpanKind: Int, Sendable {
  /// Work inside the process.
  case `internal` = 1
  /// The answer to a request.
  case server = 2
  /// A request to another process, until its answer is complete.
  case client = 3
}

/// The value of an attribute.
public enum AttributeValue: Sendable, Equatable {
  /// Text.
  case string(String)
  /// A whole number.
  case integer(Int64)
  /// Any number.
  case number(Double)
  /// True or false.
  case bool(Bool)
}

extension AttributeValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral
{
  /// Text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// True or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// A span that has ended: what exporters see.
public struct FinishedSpan: Sendable {
  /// Something that happened at an instant.
  public struct Event: Sendable {
    /// What.
    public var name: String
    /// When, in nanoseconds since the Unix epoch.
    public var timeNs: Int64
    /// More about it.
    public var attributes: [(key: String, value: AttributeValue)]
  }

  /// Its own ids.
  public var context: SpanContext
  /// The span that it is a part of, if any.
  public var parent: SpanContext?
  /// What work it is.
  public var name: String
  /// What kind of work it is.
  public var kind: SpanKind
  /// When it began, in nanoseconds since the Unix epoch.
  public var startNs: Int64
  /// When it ended, in nanoseconds since the Unix epoch.
  public var endNs: Int64
  /// Facts about it.
  public var attributes: [(key: String, value: AttributeValue)]
  /// What happened meanwhile, oldest first.
  public var events: [Event]
  /// Why it did not succeed, where it did not.
  public var errorMessage: String?
  /// How many attributes and events were left out, as there were too many.
  public var droppedCount: Int
}

/// Takes spans that have ended.
public protocol SpanExporter: Sendable {
  /// Takes one span. It neither blocks nor fails: what cannot be kept is dropped and counted.
  func export(_ span: FinishedSpan)
}

/// A span under way. One that is not sampled costs its ids and nothing else.
public final class Span: Sendable {
  /// Most attributes of a span, and most events.
  public static let attributeCountMax = 128

  private struct State: Sendable {
    var attributes: [(key: String, value: AttributeValue)]
    var events: [FinishedSpan.Event] = []
    var errorMessage: String?
    var droppedCount = 0
    var hasEnded = false
  }

  /// Its ids.
  public let context: SpanContext
  /// What work it is.
  public let name: String
  private let parent: SpanContext?
  private let kind: SpanKind
  private let startNs: Int64
  private let tracer: Tracer
  private let state: Guarded<State>

  init(
    context: SpanContext, parent: SpanContext?, name: String, kind: SpanKind, startNs: Int64, tracer: Tracer,
    attributes: [(key: String, value: AttributeValue)]
  ) {
    self.context = context
    self.parent = parent
    self.name = name
    self.kind = kind
    self.startNs = startNs
    self.tracer = tracer
    state = Guarded(State(attributes: context.isSampled ? attributes : []))
  }

  /// Whether somebody will see it.
  public var isRecording: Bool { context.isSampled }

  /// Sets a fact about it; an earlier one of this name is replaced.
  public func setAttribute(_ key: String, _ value: AttributeValue) {
    guard isRecording else { return }
    state.withLock { state in
      if let index = state.attributes.firstIndex(where: { $0.key == key }) {
        state.attributes[index].value = value
      } else if state.attributes.count < Self.attributeCountMax {
        state.attributes.append((key, value))
      } else {
        state.droppedCount += 1
      }
    }
  }

  /// Notes that something happened now.
  public func addEvent(_ name: String, _ attributes: [(key: String, value: AttributeValue)] = []) {
    guard isRecording else { return }
    let event = FinishedSpan.Event(name: name, timeNs: tracer.nowNs, attributes: attributes)
    state.withLock { state in
      if state.events.count < Self.attributeCountMax { state.events.append(event) } else { state.droppedCount += 1 }
    }
  }

  /// Notes that it does not succeed.
  public func setError(_ message: String) {
    guard isRecording else { return }
    state.withLock { $0.errorMessage = message }
  }

  /// Ends it. Only the first call counts.
  public func end() {
    guard isRecording else { return }
    let finished = state.withLock { state -> FinishedSpan? in
      if state.hasEnded { return nil }
      state.hasEnded = true
      return FinishedSpan(
        context: context, parent: parent, name: name, kind: kind, startNs: startNs,
        endNs: max(startNs, tracer.nowNs), attributes: state.attributes, events: state.events,
        errorMessage: state.errorMessage, droppedCount: state.droppedCount)
    }
    if let finished { tracer.export(finished) }
  }
}
