// A block is written again without some of its series, with other labels, or for a part of its time.
//
// Without relabelling, series keep their order and stream. With it, the new labels of all series are held and sorted first: labels
// of a million series take some hundred megabytes.
internal import CTSDB
public import TSModel

/// The rewriting of one block. The block itself stays as it is.
public struct BlockRewriting {
  /// What is changed.
  public struct Changes {
    /// Series that one of these selectors matches are left out.
    public var deletions: [[LabelMatcher]] = []
    /// The rules, if any, that the labels of all other series go through; a series that they drop is left out, series that get
    /// the same labels become one.
    public var relabel: ((Labels) -> Labels?)?
    /// Only samples in this range, both ends included.
    public var timeRange = TimeRange.all
    /// What to say of the rules in `meta.json`.
    public var relabelings: [JSONValue] = []

    /// Nothing.
    public init() {}
  }

  /// The block.
  public let block: Block
  /// What is changed.
  public let changes: Changes

  /// A rewriting of `block`.
  public init(_ block: Block, _ changes: Changes) {
    self.block = block
    self.changes = changes
  }

  /// Writes the new block into `parentFolder`, whole or not at all, reads it all once and compares its numbers. Returns nil, and
  /// writes nothing, where no sample is left.
  ///
  /// `progress` is told series done and series altogether. Throws what reading a block and writing one throws, and `.malformed`
  /// where what was written does not read as it should; it is removed then.
  public func write(
    to parentFolder: String, ulid: ULID = .generate(), progress: (Int, Int) -> Void = { _, _ in }
  ) throws(StorageError) -> BlockMerge.Result? {
    var deleted: Set<UInt32> = []
    for selector in changes.deletions { deleted.formUnion(try block.index.select(selector)) }
    let result =
      if let relabel = changes.relabel {
        try writeRelabelled(to: parentFolder, ulid, deleted, relabel, progress)
      } else {
        try BlockMerge([block]).write(
          to: parentFolder, ulid: ulid, meta: meta(ulid), thanos: thanos, progress: progress
        ) { ref, views throws(StorageError) in if deleted.contains(ref) { views.removeAll() } }
      }
    if let result { try verify(result) }
    return result
  }

  /// What the new block says about itself, but for its numbers.
  private func meta(_ ulid: ULID) -> BlockMeta {
    var meta = block.meta
    meta.ulid = ulid
    meta.minTimeMs = max(meta.minTimeMs, changes.timeRange.minTimeMs)
    if changes.timeRange.maxTimeMs < meta.maxTimeExclusiveMs {
      meta.maxTimeExclusiveMs = max(meta.minTimeMs, changes.timeRange.maxTimeMs + 1)
    }
    // What was made of the old block says nothing of the new one.
    meta.compaction.sources = [ulid]
    return meta
  }

  private var thanos: ThanosMeta? {
    guard var thanos = block.meta.thanos else { return nil }
    var rewrite = ThanosMeta.Rewrite()
    rewrite.sources = block.meta.compaction.sources
    rewrite.deletions = changes.deletions.map { matchers in
      .object([.init("matchers", .array(matchers.map { .string($0.description) }))])
    }
    rewrite.relabelings = changes.relabelings
    thanos.rewrites.append(rewrite)
    thanos.source = "bucket.rewrite"
    thanos.files = []
    thanos.uploadTime = ThanosMeta().uploadTime
    return thanos
  }

  // MARK: Relabelling

  private func writeRelabelled(
    to parentFolder: String, _ ulid: ULID, _ deleted: Set<UInt32>, _ relabel: (Labels) -> Labels?,
    _ progress: (Int, Int) -> Void
  ) throws(StorageError) -> BlockMerge.Result? {
    let series = try relabelled(deleted, relabel)
    var texts: Set<String> = []
    for (labels, _) in series {
      for label in labels {
        texts.insert(label.name)
        texts.insert(label.value)
      }
    }
    let symbols = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    var meta = meta(ulid)
    let writer = try BlockWriter(parentFolder: parentFolder, ulid: ulid, symbols: symbols)
    var inputs: [MergeInput] = []
    // Series that became one may be as many as there are.
    let groups = runs(of: series)
    var merger = SeriesChunkMerger(
      inputCount: groups.map(\.count).max() ?? 1, deduplication: .chain, timeRange: meta.timeRange)
    for (done, group) in groups.enumerated() {
      while inputs.count < group.count { inputs.append(try MergeInput(block, translation: [])) }
      for (input, place) in zip(inputs, group) { try input.readSeries(series[place].ref) }
      try merger.merge(Array(inputs[..<group.count]))
      var views = merger.views
      if !views.isEmpty {
        let ids = try writer.ids(of: series[group.lowerBound].labels)
        try unsafe ids.withUnsafeBufferPointer { ids throws(StorageError) in
          unsafe try writer.addSeries(labelIDs: ids, chunks: &views)
        }
      }
      if done % 256 == 0 { progress(done, groups.count) }
    }
    for input in inputs { try input.checkFault() }
    guard writer.seriesCount > 0 else {
      try writer.abort()
      return nil
    }
    let thanos = thanos
    let path = try writer.finish { written in
      meta.stats = written.stats
      if var thanos {
        thanos.segmentFiles = writer.segmentFiles
        meta.thanos = thanos
      }
      written = meta
    }
    return BlockMerge.Result(path: path, meta: meta, duplicateChunkCount: merger.duplicateCount)
  }

  /// The series that stay, by their new labels.
  private func relabelled(
    _ deleted: Set<UInt32>, _ relabel: (Labels) -> Labels?
  ) throws(StorageError) -> [(labels: Labels, ref: UInt32)] {
    let refs = try block.index.allPostings().refs().filter { !deleted.contains($0) }
    let batch = SeriesBatch(symbols: block.index.symbols)
    var series: [(labels: Labels, ref: UInt32)] = []
    for start in stride(from: 0, to: refs.count, by: 1024) {
      batch.removeAll()
      try block.index.series(Array(refs[start..<min(refs.count, start + 1024)]), into: batch)
      for index in 0..<batch.seriesCount {
        guard let labels = relabel(batch.labels(at: index)), labels.count > 0 else { continue }
        series.append((labels, batch.seriesRef(at: index)))
      }
    }
    series.sort { $0.labels < $1.labels || ($0.labels == $1.labels && $0.ref < $1.ref) }
    return series
  }

  /// The places of series with equal labels.
  private func runs(of series: [(labels: Labels, ref: UInt32)]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start = 0
    while start < series.count {
      var end = start + 1
      while end < series.count, series[end].labels == series[start].labels { end += 1 }
      runs.append(start..<end)
      start = end
    }
    return runs
  }

  // MARK: Verifying

  private func verify(_ result: BlockMerge.Result) throws(StorageError) {
    var defect: String?
    try Block.open(path: result.path).verify { if defect == nil { defect = "\($0)" } }
    guard let defect else { return }
    let leftover = result.path + ".tmp-for-deletion"
    try rename(from: result.path, to: leftover)
    try removeAll(at: leftover)
    throw StorageError(.malformed, "rewrite \(block.path): what was written is not sound: \(defect)")
  }
}
