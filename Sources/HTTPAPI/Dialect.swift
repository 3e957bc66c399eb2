// Where Prometheus and Thanos answer differently.

/// Whose habits the query API follows.
public struct Dialect: Sendable, Hashable {
  /// What a range query without `step` gets.
  public enum MissingStep: Sendable, Hashable {
    /// An error.
    case refused
    /// A 250th of the range, at least `QueryAPIOptions.defaultStepMs`.
    case derived
  }

  /// What a range query without `step` gets.
  public var missingStep: MissingStep
  /// Whether answers of queries have an object `analysis`.
  public var hasAnalysis: Bool
  /// The status of an answer to who has given up.
  public var canceledStatus: Int
  /// Whether pages of any origin may read all answers, instead of those that say where they come from.
  public var allowsAllOrigins: Bool
  /// Whether answers with errors or warnings must not be kept by caches.
  public var forbidsStoring: Bool
  /// Whether a `limit` of `status/tsdb` below 1 is an error; else it means 10.
  public var refusesLimitsBelowOne: Bool
  /// Whether `runtimeinfo` tells of the host, the configuration and the storage.
  public var hasFullRuntimeInfo: Bool
  /// Whether paths that are not clean are answered with the clean ones.
  public var cleansPaths: Bool
  /// The most warnings, and the most infos, that are told; the rest is counted.
  public var annotationsMax: Int

  /// Prometheus 3.14.
  public static let prometheus = Dialect(
    missingStep: .refused, hasAnalysis: false, canceledStatus: 499, allowsAllOrigins: false, forbidsStoring: false,
    refusesLimitsBelowOne: true, hasFullRuntimeInfo: true, cleansPaths: true, annotationsMax: 10)

  /// Thanos 0.43's `query`.
  public static let thanos = Dialect(
    missingStep: .derived, hasAnalysis: true, canceledStatus: 503, allowsAllOrigins: true, forbidsStoring: true,
    refusesLimitsBelowOne: false, hasFullRuntimeInfo: false, cleansPaths: false, annotationsMax: .max)
}
