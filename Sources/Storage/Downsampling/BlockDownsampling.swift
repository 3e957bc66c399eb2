// A block becomes a coarser one: five minutes or an hour a point. docs/formats/aggregate-chunks.md.
public import TSModel

/// The downsampling of one block.
public struct BlockDownsampling {
  /// The distances of points that there are, milliseconds: five minutes and an hour.
  public static let resolutionsMs: [Int64] = [300_000, 3_600_000]

  /// The block.
  public let block: Block
  /// The distance of the points that come out, milliseconds.
  public let resolutionMs: Int64
  private let merge: BlockMerge

  /// Throws `.argument` where there is no such resolution, or the block's own one is not finer.
  public init(_ block: Block, resolutionMs: Int64) throws(StorageError) {
    func refused(_ reason: String) -> StorageError {
      StorageError(
        .argument, "downsample \(block.path) to \(resolutionMs) ms: \(reason)", disposition: .rejectRequest)
    }
    guard Self.resolutionsMs.contains(resolutionMs) else { throw refused("there are 300000 (5m) and 3600000 (1h)") }
    guard block.resolutionMs < resolutionMs else { throw refused("its resolution is \(block.resolutionMs) ms") }
    self.block = block
    self.resolutionMs = resolutionMs
    merge = try BlockMerge([block])
  }

  /// Writes the coarser block into `parentFolder`, whole or not at all. Returns nil, and writes nothing, where no sample is left.
  ///
  /// `progress` is told series read and series altogether. Throws `.order` where chunks of a series overlap, and what reading a
  /// block and writing one throws.
  public func write(
    to parentFolder: String, ulid: ULID = .generate(), progress: (Int, Int) -> Void = { _, _ in }
  ) throws(StorageError) -> BlockMerge.Result? {
    var downsampler = SeriesDownsampler(resolutionMs: resolutionMs, inputResolutionMs: block.resolutionMs)
    var meta = block.meta
    meta.ulid = ulid
    var thanos = block.meta.thanos ?? ThanosMeta()
    thanos.labels = thanos.labels ?? []
    thanos.resolutionMs = resolutionMs
    thanos.source = "compactor"
    thanos.files = []
    thanos.uploadTime = ThanosMeta().uploadTime
    return try merge.write(
      to: parentFolder, ulid: ulid, meta: meta, thanos: thanos, keepsKinds: true, progress: progress
    ) { _, views throws(StorageError) in try downsampler.downsample(&views) }
  }
}
