// Which traces are recorded.
internal import Locking
internal import Synchronization

/// Decides, where a span begins, whether its trace is recorded.
public struct Sampler: Sendable {
  /// The decision for a trace, with its parent if it has one.
  private let decide: @Sendable (_ traceID: TraceID, _ parent: SpanContext?) -> Bool
  /// What it does, for logs.
  public let name: String

  private init(name: String, _ decide: @escaping @Sendable (TraceID, SpanContext?) -> Bool) {
    self.name = name
    self.decide = decide
  }

  /// Whether a trace is recorded.
  public func isSampled(_ traceID: TraceID, parent: SpanContext?) -> Bool { decide(traceID, parent) }

  /// Every trace.
  public static let always = Sampler(name: "always") { _, _ in true }

  /// No trace.
  public static let never = Sampler(name: "never") { _, _ in false }

  /// This part of the traces, chosen by their ids alone, so that all processes with this ratio choose the same ones.
  public static func ratio(_ ratio: Double) -> Sampler {
    if ratio >= 1 { return always }
    guard ratio > 0 else { return never }
    // OpenTelemetry's rule: 63 bits of the id's end below the ratio.
    let bound = UInt64(ratio * 0x1p63)
    return Sampler(name: "ratio \(shortestText(ratio))") { traceID, _ in traceID.low >> 1 < bound }
  }

  /// At most this many traces a second, and as many at once, or one where that is less.
  public static func rateLimiting(
    perSecond: Double, clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  )
    -> Sampler
  {
    let limiter = RateLimiter(perSecond: perSecond, now: clock())
    return Sampler(name: "rate \(shortestText(perSecond))/s") { _, _ in limiter.take(now: clock()) }
  }

  /// As the parent, where there is one; what begins a trace is up to `root`. Where given, `local` and `remote` decide
  /// instead for children of sampled parents of this process and of others.
  public static func parentBased(_ root: Sampler, local: Sampler = .always, remote: Sampler = .always) -> Sampler {
    Sampler(name: "parent based, \(root.name)") { traceID, parent in
      guard let parent else { return root.isSampled(traceID, parent: nil) }
      guard parent.isSampled else { return false }
      return (parent.isRemote ? remote : local).isSampled(traceID, parent: parent)
    }
  }

  private final class RateLimiter: Sendable {
    private struct State: Sendable {
      var credit: Double
      var last: ContinuousClock.Instant
    }

    private let perSecond: Double
    private let creditMax: Double
    private let state: Guarded<State>

    init(perSecond: Double, now: ContinuousClock.Instant) {
      self.perSecond = max(0, perSecond)
      creditMax = max(1, self.perSecond)
      state = Guarded(State(credit: self.perSecond > 0 ? creditMax : 0, last: now))
    }

    func take(now: ContinuousClock.Instant) -> Bool {
      state.withLock { state in
        state.credit = min(creditMax, state.credit + max(0, (now - state.last).seconds) * perSecond)
        state.last = now
        guard state.credit >= 1 else { return false }
        state.credit -= 1
        return true
      }
    }
  }
}
