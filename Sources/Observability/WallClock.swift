// The system's clocks.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// The time of day.
enum WallClock {
  /// Nanoseconds since the Unix epoch.
  static var nowNs: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// Measures how long something takes, by a clock that nobody sets.
public struct Stopwatch: Sendable {
  private let start = ContinuousClock.now

  /// A watch that runs from now.
  public init() {}

  /// How long it has been running.
  public var elapsed: Duration { ContinuousClock.now - start }

  /// How many seconds it has been running.
  public var seconds: Double { elapsed.seconds }
}
