// Arithmetic on native histograms, by the C core: histograms of pools in, new histograms of a pool out.
internal import CTSDB
internal import TSModel

/// What two histograms make together.
struct CombinedHistogram {
  /// In the pool of results.
  var index: Int32
  /// One says that counters started anew, the other that they did not.
  var collides: Bool
  /// Their custom bounds differed and were brought together.
  var isReconciled: Bool
}

/// A sum with what it has lost to rounding; that is -1 where there is nothing yet.
struct CompensatedHistogram {
  var value: Int32
  var compensation: Int32
  var isReconciled: Bool
}

/// Operations on histograms. Indices are those of the pools beside them.
enum HistogramMath {
  static func scaled(
    _ index: Int32, _ source: HistogramPool, by factor: Double, compacts: Bool = true, into pool: HistogramPool
  ) -> Int32 { -1 }

  static func divided(
    _ index: Int32, _ source: HistogramPool, by divisor: Double, compacts: Bool = true, into pool: HistogramPool
  ) -> Int32 { -1 }

  static func trimmed(
    _ index: Int32, _ source: HistogramPool, upper: Bool, at bound: Double, into pool: HistogramPool
  ) -> Int32 { -1 }

  static func compacted(_ index: Int32, _ source: HistogramPool, into pool: HistogramPool) -> Int32 { -1 }

  static func combined(
    _ a: Int32, _ left: HistogramPool, _ b: Int32, _ right: HistogramPool, subtracts: Bool, compacts: Bool = true,
    into pool: HistogramPool
  ) -> CombinedHistogram? { nil }

  static func compensatedSum(
    _ sum: Int32, _ compensation: Int32, _ pool: HistogramPool, adding index: Int32, _ source: HistogramPool
  ) -> CompensatedHistogram? { nil }

  static func overflows(_ index: Int32, _ pool: HistogramPool) -> Bool { false }

  static func areEqual(_ a: Int32, _ left: HistogramPool, _ b: Int32, _ right: HistogramPool) -> Bool { false }
}
