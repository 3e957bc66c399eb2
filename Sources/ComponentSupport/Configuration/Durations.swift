// Durations, sizes and instants in configurations: the same texts as on the command line.

/// Reads a duration as Prometheus writes it (`1d12h`, `0`, no fractions); milliseconds. Throws `.value` in its words.
public func parsePrometheusDuration(_ text: String) throws(ConfigurationError) -> Int64 {
  do { return try ValueKind.prometheusDurationMs(text) } catch { throw ConfigurationError(.value, error.message) }
}

/// Reads a duration as Go writes it (`1.5h`, `300ms`, `-2s`); nanoseconds. Throws `.value` in its words.
public func parseGoDuration(_ text: String) throws(ConfigurationError) -> Int64 {
  do { return try ValueKind.goDurationNs(text) } catch { throw ConfigurationError(.value, error.message) }
}

/// Reads a number of bytes with a unit (`512MB`, `1GiB`: both are powers of 1024). Throws `.value` in upstream's words.
public func parseBytes(_ text: String) throws(ConfigurationError) -> Int64 {
  do { return try ValueKind.byteCount(text) } catch { throw ConfigurationError(.value, error.message) }
}

/// An instant that stands still, or one that moves with the clock: the bound of what a component serves.
public enum TimeOrDuration: Sendable, Equatable {
  /// Milliseconds since the Unix epoch.
  case time(Int64)
  /// Milliseconds from now, negative for the past.
  case relative(Int64)

  /// The instant at the time `nowMs`, both in milliseconds since the Unix epoch. Stays within 64 bits.
  public func resolved(nowMs: Int64) -> Int64 {
    switch self {
    case .time(let ms): return ms
    case .relative(let ms):
      let (sum, overflow) = nowMs.addingReportingOverflow(ms)
      return overflow ? (ms < 0 ? .min : .max) : sum
    }
  }
}

/// Reads `2026-01-01T00:00:00Z` or a Prometheus duration from now (`-2w`). Throws `.value` in upstream's words.
public func parseTimeOrDuration(_ text: String) throws(ConfigurationError) -> TimeOrDuration {
  if let ms = ValueKind.rfc3339Ms(text) { return .time(ms) }
  let isNegative = text.hasPrefix("-")
  let ms = try parsePrometheusDuration(isNegative ? String(text.dropFirst()) : text)
  return .relative(isNegative ? -ms : ms)
}
