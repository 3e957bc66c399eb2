// Spans on their way out: a bounded queue, emptied in batches.
internal import Locking
internal import Observability
internal import Synchronization

/// Sends batches of spans.
protocol SpanSender: Sendable {
  /// Sends them once. Throws `SpanSendError` where they did not arrive.
  func send(_ spans: [FinishedSpan]) async throws
}

/// Spans that did not arrive.
struct SpanSendError: Error, CustomStringConvertible {
  /// Whether a later try may succeed.
  var isRetryable: Bool
  /// What the other side asked to wait, milliseconds.
  var retryAfterMs: Int64?
  var description: String
}

/// Keeps spans until they are sent; what does not fit is dropped and counted.
final class SpanBatches: SpanExporter {
  private struct State {
    var spans: [FinishedSpan] = []
    var isClosed = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state = Guarded(State())
  private let countMax: Int
  private let batchCountMax = 512
  private let flushInterval: Duration
  private let retry: TracingConfig.Retry
  private let dropped: Counter
  private let sent: Counter
  private let failed: Counter
  private let logger: Logger
  private let sleep: @Sendable (Duration) async throws -> Void

  init(
    _ config: TracingConfig, metrics: MetricsRegistry, logger: Logger,
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    countMax = config.queueSizeMax > 0 ? min(config.queueSizeMax, 1 << 20) : 2048
    flushInterval = .milliseconds(config.flushIntervalMs > 0 ? config.flushIntervalMs : 5000)
    retry = config.retry
    self.logger = logger
    self.sleep = sleep
    dropped = metrics.counter("apus_tracing_spans_dropped_total", "Spans that were dropped as too many waited.")
    sent = metrics.counter("apus_tracing_spans_sent_total", "Spans that the receiver took.")
    failed = metrics.counter("apus_tracing_spans_failed_total", "Spans that the receiver did not take.")
  }

  func export(_ span: FinishedSpan) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.isClosed, state.spans.count < countMax else {
        dropped.add()
        return nil
      }
      state.spans.append(span)
      guard state.spans.count >= min(batchCountMax, countMax) else { return nil }
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// No more spans come: those that wait are sent, once each, and `run` ends.
  func close() {
    let waiter = state.withLock { state in
      state.isClosed = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Sends what comes, until `close()` or until the task is cancelled.
  func run(_ sender: any SpanSender) async {
    while !Task.isCancelled {
      await waitForWork()
      let isLast = state.withLock { $0.isClosed }
      while true {
        let batch = state.withLock { state in
          let batch = Array(state.spans.prefix(batchCountMax))
          state.spans.removeFirst(batch.count)
          return batch
        }
        if batch.isEmpty { break }
        await send(batch, sender, isLast: isLast)
      }
      if isLast { return }
    }
  }

  /// Until a batch is full, the interval has passed, or it is the end.
  private func waitForWork() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [flushInterval, sleep] in try? await sleep(flushInterval) }
      group.addTask { await self.waitForBatch() }
      await group.next()
      group.cancelAll()
    }
  }

  private func waitForBatch() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if state.isClosed || state.spans.count >= min(batchCountMax, countMax) || Task.isCancelled { return true }
          state.waiter = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume()
    }
  }

  private func send(_ batch: [FinishedSpan], _ sender: any SpanSender, isLast: Bool) async {
    var pauseMs = retry.initialIntervalMs > 0 ? retry.initialIntervalMs : 5000
    let pauseMaxMs = retry.maxIntervalMs > 0 ? retry.maxIntervalMs : 30_000
    let elapsedMaxMs = retry.maxElapsedMs > 0 ? retry.maxElapsedMs : 60_000
    let watch = Stopwatch()
    while true {
      do {
        try await sender.send(batch)
        sent.add(batch.count)
        return
      } catch {
        let problem = error as? SpanSendError
        let waitMs = max(pauseMs, problem?.retryAfterMs ?? 0)
        let isOver = watch.seconds * 1000 + Double(waitMs) > Double(elapsedMaxMs)
        guard retry.isEnabled, problem?.isRetryable ?? true, !isLast, !isOver, !Task.isCancelled else {
          failed.add(batch.count)
          logger.warn("sending spans failed", ("spans", .int(batch.count)), error: error)
          return
        }
        do { try await sleep(.milliseconds(waitMs)) } catch {
          failed.add(batch.count)
          return
        }
        pauseMs = min(pauseMs + pauseMs / 2, pauseMaxMs)
      }
    }
  }
}
