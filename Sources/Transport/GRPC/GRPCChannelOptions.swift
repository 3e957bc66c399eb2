// How a channel connects, balances and tries again.

/// Which of its addresses a channel uses.
public enum GRPCBalancing: Sendable {
  /// The first one that can be connected to, as long as it lasts.
  case pickFirst
  /// All, in turn.
  case roundRobin
}

/// When a call that failed is tried again: only as long as nothing of its answer came.
public struct GRPCRetryPolicy: Sendable, Equatable {
  /// Attempts in all, with the first.
  public var maxAttempts: Int
  /// The pause before the second attempt; each later one is `multiplier` times as long, all ± 20 %.
  public var initialBackoffMs: Int
  /// No pause is longer.
  public var maxBackoffMs: Int
  /// How fast pauses grow.
  public var multiplier: Double
  /// The outcomes that are tried again.
  public var codes: Set<GRPCStatus.Code>

  /// What Thanos' groups of endpoints use: three attempts, 0.1 s doubling, on Unavailable.
  public init(
    maxAttempts: Int = 3, initialBackoffMs: Int = 100, maxBackoffMs: Int = 1_000, multiplier: Double = 2,
    codes: Set<GRPCStatus.Code> = [.unavailable]
  ) {
    self.maxAttempts = maxAttempts
    self.initialBackoffMs = initialBackoffMs
    self.maxBackoffMs = maxBackoffMs
    self.multiplier = multiplier
    self.codes = codes
  }

  /// The pause before attempt `attempt` (from 2 on); `jitter` lies in −1 … 1.
  func backoffMs(before attempt: Int, jitter: Double) -> Int {
    backoff(initialBackoffMs, multiplier, maxBackoffMs, steps: attempt - 2, jitter: jitter)
  }
}

/// When a connection that failed is tried again, as gRPC's document "connection backoff" has it.
public struct GRPCConnectionBackoff: Sendable, Equatable {
  /// The pause after the first failure.
  public var initialMs = 1_000
  /// How fast pauses grow.
  public var multiplier = 1.6
  /// No pause is longer (but for the jitter).
  public var maxMs = 120_000

  /// The usual pauses.
  public init() {}

  /// The pause after so many failures in a row; `jitter` lies in −1 … 1.
  func delayMs(afterFailures failures: Int, jitter: Double) -> Int {
    backoff(initialMs, multiplier, maxMs, steps: failures - 1, jitter: jitter)
  }
}

/// `initial · multiplier^steps`, at most `most`, ± 20 %.
private func backoff(_ initial: Int, _ multiplier: Double, _ most: Int, steps: Int, jitter: Double) -> Int {
  var value = Double(max(0, initial))
  for _ in 0..<max(0, min(steps, 64)) { value = min(value * max(1, multiplier), Double(max(0, most))) }
  return Int(min(value, Double(max(0, most))) * (1 + 0.2 * min(max(jitter, -1), 1)))
}

/// Is told what happens to a channel's calls, for metrics.
public protocol GRPCClientObserver: Sendable {
  /// A call began.
  func callStarted(path: String, kind: GRPCMethod.Kind)
  /// It ended.
  func callEnded(
    path: String, kind: GRPCMethod.Kind, code: GRPCStatus.Code, duration: Duration, messagesReceived: Int,
    messagesSent: Int)
}

/// How a channel works.
public struct GRPCChannelOptions: Sendable {
  /// The loops that its connections live on.
  public var loops: EventLoopGroup
  /// Looks up names; a channel to numeric addresses needs none.
  public var resolver: DNSResolver?
  /// TLS, or nil for plain sockets.
  public var tls: TLSOptions?
  /// The longest message that is read.
  public var maxReceiveMessageBytes = Int(Int32.max)
  /// The longest message that is sent.
  public var maxSendMessageBytes = Int(Int32.max)
  /// How messages are compressed on the way out.
  public var compression = GRPCCompression.identity
  /// What it says it is.
  public var userAgent = "grpc-apus/1"
  /// Silence before a PING; 0: none.
  public var keepaliveMs = 10_000
  /// Until its answer.
  public var keepaliveTimeoutMs = 5_000
  /// How long an attempt to connect may take.
  public var connectTimeoutMs = 20_000
  /// When connections are tried again.
  public var backoff = GRPCConnectionBackoff()
  /// Which addresses are used.
  public var balancing = GRPCBalancing.pickFirst
  /// When calls are tried again; nil: never, but for those that the server did not look at.
  public var retry: GRPCRetryPolicy?
  /// Names are looked up again after so long.
  public var resolveIntervalMs = 30_000
  /// Is told of all calls.
  public var observer: (any GRPCClientObserver)?

  /// The defaults.
  public init(loops: EventLoopGroup) { self.loops = loops }
}
