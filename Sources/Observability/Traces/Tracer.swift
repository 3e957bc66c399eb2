// Makes spans.

/// Makes spans, decides which are recorded, and hands those that ended to an exporter.
public final class Tracer: Sendable {
  private let sampler: Sampler
  private let exporter: (any SpanExporter)?
  private let clock: @Sendable () -> Int64
  private let randomNumber: @Sendable () -> UInt64

  /// The span that the current task works on.
  @TaskLocal public static var current: Span?

  /// A tracer that records nothing, but carries ids on.
  public static let none = Tracer(sampler: .never, exporter: nil)

  /// A tracer. `clock` gives nanoseconds since the Unix epoch; ids come from `randomNumber`.
  public init(
    sampler: Sampler, exporter: (any SpanExporter)?, clock: (@Sendable () -> Int64)? = nil,
    randomNumber: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
  ) {
    self.sampler = sampler
    self.exporter = exporter
    self.clock = clock ?? { WallClock.nowNs }
    self.randomNumber = randomNumber
  }

  /// Whether anything is recorded at all.
  public var isRecording: Bool { exporter != nil }

  var nowNs: Int64 { clock() }

  func export(_ span: FinishedSpan) { exporter?.export(span) }

  /// Begins a span; whoever begins it ends it. Its parent is `parent`, else the current task's span. With `forced` it
  /// is recorded whatever the sampler says.
  public func startSpan(
    _ name: String, parent: SpanContext? = nil, kind: SpanKind = .internal, forced: Bool = false,
    attributes: [(key: String, value: AttributeValue)] = []
  ) -> Span {
    let parent = parent ?? Self.current?.context
    let traceID = parent?.traceID ?? TraceID(high: randomID(), low: randomID())
    let isSampled = exporter != nil && (forced || sampler.isSampled(traceID, parent: parent))
    let context = SpanContext(
      traceID: traceID, spanID: SpanID(randomID()), isSampled: isSampled, traceState: parent?.traceState ?? "")
    return Span(
      context: context, parent: parent, name: name, kind: kind, startNs: isSampled ? clock() : 0, tracer: self,
      attributes: attributes)
  }

  /// Runs `body` as a span: the current one of its task and of the tasks below. What it throws becomes the span's
  /// error.
  public func withSpan<Result>(
    _ name: String, parent: SpanContext? = nil, kind: SpanKind = .internal, forced: Bool = false,
    attributes: [(key: String, value: AttributeValue)] = [], isolation: isolated (any Actor)? = #isolation,
    _ body: (Span) async throws -> Result
  ) async throws -> Result {
    let span = startSpan(name, parent: parent, kind: kind, forced: forced, attributes: attributes)
    defer { span.end() }
    do {
      return try await Self.$current.withValue(span) { try await body(span) }
    } catch {
      span.setError("\(error)")
      throw error
    }
  }

  private func randomID() -> UInt64 {
    // Zero means that there is no id.
    let number = randomNumber()
    return number == 0 ? 1 : number
  }
}
