// How the samples of overlapping chunks become one series.

/// What is done with chunks of one series whose times overlap. docs/decisions has the reasons.
public enum Deduplication: String, Sendable, CaseIterable {
  /// All samples, each time once: for parts of one series, as Prometheus merges them.
  case chain = ""
  /// One replica at a time; another one where it misses more than a sample. As Thanos does it.
  case penalty
  /// One replica at a time, another one as soon as it misses a sample, and counters that do not fall at a change.
  case seamless
}
