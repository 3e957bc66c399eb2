// The time of day.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// The clock that people read: it may be set.
public enum WallClock {
  /// Milliseconds since the Unix epoch.
  public static func nowMs() -> Int64 { nowNs() / 1_000_000 }

  /// Nanoseconds since the Unix epoch.
  public static func nowNs() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
