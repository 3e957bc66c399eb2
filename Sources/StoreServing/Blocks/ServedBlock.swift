// What a store knows of a block that it serves but has not opened: enough to tell whether a request concerns it.
public import Storage
public import TSModel

/// A block that is served. Small: a store may have tens of thousands.
public struct ServedBlock: Hashable, Sendable {
  /// Its name.
  public var ulid: ULID
  /// First instant of its range, milliseconds since the Unix epoch, UTC.
  public var minTimeMs: Int64
  /// The instant after its range, milliseconds.
  public var maxTimeExclusiveMs: Int64
  /// Distance of its samples where it is downsampled, milliseconds; 0: raw.
  public var resolutionMs: Int64
  /// Labels that every series of it has besides its own.
  public var externalLabels: Labels
  /// Tells apart states of a block whose files were changed in place; nil where that does not happen.
  public var revision: Int64?

  /// A block with everything said by the caller.
  public init(
    ulid: ULID, minTimeMs: Int64, maxTimeExclusiveMs: Int64, resolutionMs: Int64 = 0, externalLabels: Labels = Labels()
  ) {
    self.ulid = ulid
    self.minTimeMs = minTimeMs
    self.maxTimeExclusiveMs = maxTimeExclusiveMs
    self.resolutionMs = resolutionMs
    self.externalLabels = externalLabels
  }

  /// The block that `meta` describes.
  public init(_ meta: BlockMeta) {
    self.init(
      ulid: meta.ulid, minTimeMs: meta.minTimeMs, maxTimeExclusiveMs: meta.maxTimeExclusiveMs,
      resolutionMs: meta.thanos?.resolutionMs ?? 0,
      externalLabels: meta.thanos?.externalLabels ?? Labels())
  }

  /// Whether the block's range and the closed range from `minTimeMs` to `maxTimeMs` touch, as label calls ask.
  func overlaps(minTimeMs: Int64, maxTimeMs: Int64) -> Bool {
    self.minTimeMs <= maxTimeMs && minTimeMs < maxTimeExclusiveMs
  }
}
