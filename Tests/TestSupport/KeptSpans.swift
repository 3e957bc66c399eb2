// Spans as tests look at them.
import Locking
import Observability
import Synchronization

/// Keeps the spans that have ended.
public final class KeptSpans: SpanExporter {
  private let spans = Guarded<[FinishedSpan]>([])

  /// No spans yet.
  public init() {}

  public func export(_ span: FinishedSpan) { spans.withLock { $0.append(span) } }

  /// All spans that have ended, in the order they did.
  public var all: [FinishedSpan] { spans.withLock { $0 } }
}
