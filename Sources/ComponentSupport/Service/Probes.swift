// Whether a component lives and whether it can work, as its probes say.
internal import Locking
public import Observability
internal import Synchronization

/// The two answers that orchestrators ask for, kept as metrics too.
public final class Probes: Sendable {
  private struct State: Sendable {
    var isHealthy = false
    var isReady = false
    var observers: [@Sendable (Bool) -> Void] = []
  }

  private let state = Guarded(State())
  private let logger: Logger

  /// Neither healthy nor ready. `component` is the label of `thanos_status`.
  public init(component: String, metrics: MetricsRegistry, logger: Logger) {
    self.logger = logger
    metrics.collect { [weak self] metrics in
      guard let self else { return }
      let (isHealthy, isReady) = self.state.withLock { ($0.isHealthy, $0.isReady) }
      for (check, holds) in [("healthy", isHealthy), ("ready", isReady)] {
        metrics.gauge(
          "thanos_status", "Whether the component is healthy and ready: 1 where it is, 0 where it is not.",
          holds ? 1 : 0, labels: ["check": check, "component": component])
      }
    }
  }

  /// Whether the component lives.
  public var isHealthy: Bool { state.withLock { $0.isHealthy } }

  /// Whether it can work.
  public var isReady: Bool { state.withLock { $0.isReady } }

  /// It lives.
  public func setHealthy() {
    let changed = state.withLock { state in
      defer { state.isHealthy = true }
      return !state.isHealthy
    }
    if changed { logger.info("changing probe status", ("status", "healthy")) }
  }

  /// It does not live any more; `reason` goes to the log.
  public func setNotHealthy(_ reason: String) {
    let changed = state.withLock { state in
      defer { state.isHealthy = false }
      return state.isHealthy
    }
    if changed {
      logger.info("changing probe status", ("status", "not-healthy"), ("reason", .string(reason)))
    }
  }

  /// It can work.
  public func setReady() { change(to: true, reason: nil) }

  /// It cannot work (any more); `reason` goes to the log.
  public func setNotReady(_ reason: String) { change(to: false, reason: reason) }

  /// Calls `body` with what `isReady` is now, and with each change of it.
  public func onReadiness(_ body: @escaping @Sendable (Bool) -> Void) {
    let isReady = state.withLock { state in
      state.observers.append(body)
      return state.isReady
    }
    body(isReady)
  }

  private func change(to isReady: Bool, reason: String?) {
    let observers = state.withLock { state -> [@Sendable (Bool) -> Void]? in
      if state.isReady == isReady { return nil }
      state.isReady = isReady
      return state.observers
    }
    guard let observers else { return }
    for observer in observers { observer(isReady) }
    if isReady {
      logger.info("changing probe status", ("status", "ready"))
    } else {
      logger.warn("changing probe status", ("status", "not-ready"), ("reason", .string(reason ?? "")))
    }
  }
}
