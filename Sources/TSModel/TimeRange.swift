// A closed range of time. Block ranges are half-open on disk and are turned into this form where they are read.

/// From `minTimeMs` to `maxTimeMs`, both included; milliseconds since the Unix epoch, UTC.
public struct TimeRange: Hashable, Sendable, CustomStringConvertible {
  /// First instant of the range, milliseconds.
  public var minTimeMs: Int64
  /// Last instant of the range, milliseconds; the range is empty where it lies before `minTimeMs`.
  public var maxTimeMs: Int64

  /// The range from `minTimeMs` to `maxTimeMs`, both included.
  public init(minTimeMs: Int64, maxTimeMs: Int64) {
    self.minTimeMs = minTimeMs
    self.maxTimeMs = maxTimeMs
  }

  /// All of time.
  public static let all = TimeRange(minTimeMs: .min, maxTimeMs: .max)

  /// Whether it holds no instant at all.
  public var isEmpty: Bool { maxTimeMs < minTimeMs }

  /// Whether `timeMs` lies in it.
  public func contains(_ timeMs: Int64) -> Bool { minTimeMs <= timeMs && timeMs <= maxTimeMs }

  /// Whether all of `other` lies in it.
  public func contains(_ other: TimeRange) -> Bool { minTimeMs <= other.minTimeMs && other.maxTimeMs <= maxTimeMs }

  /// Whether the two have an instant in common.
  public func overlaps(_ other: TimeRange) -> Bool {
    max(minTimeMs, other.minTimeMs) <= min(maxTimeMs, other.maxTimeMs)
  }

  /// The instants they have in common; empty where there are none.
  public func intersection(_ other: TimeRange) -> TimeRange {
    TimeRange(minTimeMs: max(minTimeMs, other.minTimeMs), maxTimeMs: min(maxTimeMs, other.maxTimeMs))
  }

  public var description: String { "[\(minTimeMs), \(maxTimeMs)]" }
}
