// Several blocks become one: streaming, one series after the other.
//
//   block ─ window of series ─┐
//   block ─ window of series ─┼─ groups of equal labels ─ chunks merged ─▶ BlockWriter
//   block ─ window of series ─┘
//
// Memory: the translated symbols, four bytes a symbol of each block; a window of each block; the chunks of one series; and
// what the index' writer is allowed. Blocks are mapped, and never changed.
internal import CTSDB
public import TSModel

/// A merge of blocks of one source, or of replicas.
public struct BlockMerge {
  /// How to merge.
  public struct Options: Sendable {
    /// What becomes of overlapping chunks of one series.
    public var deduplication = Deduplication.chain
    /// External labels that tell replicas apart: they are left out of the result.
    public var replicaLabels: [String] = []
    /// What the writer of the index may take, bytes. More is taken where the number of symbols demands it.
    public var indexMemoryLimitBytes = 24 << 20

    /// Samples of the same time once, and no replica labels.
    public init() {}
  }

  /// What came of a merge.
  public struct Result: Sendable {
    /// The folder of the new block.
    public let path: String
    /// What it says about itself.
    public let meta: BlockMeta
    /// Chunks that were in more than one block, and were written once.
    public let duplicateChunkCount: UInt64
  }

  /// The blocks, in the order in which they were given.
  public let blocks: [Block]
  /// How they are merged.
  public let options: Options
  /// The section `thanos` of the result; nil where no block has one.
  private let thanos: ThanosMeta?

  /// A merge of `blocks`, at least one. Throws `.argument` where they do not belong together: other external labels (but for
  /// replica labels), another resolution, the same block twice.
  public init(_ blocks: [Block], _ options: Options = Options()) throws(StorageError) {
    func refused(_ reason: String) -> StorageError {
      StorageError(.argument, "merge \(blocks.count) blocks: \(reason)", disposition: .rejectRequest)
    }
    guard let first = blocks.first else { throw refused("there is none") }
    for (index, block) in blocks.enumerated() {
      if let same = blocks[..<index].first(where: { $0.meta.ulid == block.meta.ulid }) {
        throw refused("\(same.path) and \(block.path) are the same block, \(block.meta.ulid)")
      }
      guard block.resolutionMs == first.resolutionMs else {
        throw refused(
          "\(first.path) has a resolution of \(first.resolutionMs) ms, \(block.path) of \(block.resolutionMs) ms")
      }
      let (labels, other) = (block.labels(without: options.replicaLabels), first.labels(without: options.replicaLabels))
      guard labels == other else {
        throw refused(
          "\(first.path) has the external labels \(Labels(labels: other)), \(block.path) \(Labels(labels: labels))")
      }
    }
    self.blocks = blocks
    self.options = options
    thanos = try Self.thanosMeta(blocks, options)
  }

  /// Writes the merged block into `parentFolder`, whole or not at all. Returns nil, and writes nothing, where no sample is left.
  ///
  /// `progress` is told series read and series altogether. Throws what reading a block and writing one throws, and
  /// `.malformed`, `.order` where overlapping chunks are not what their index says.
  public func write(
    to parentFolder: String, ulid: ULID = .generate(), progress: (Int, Int) -> Void = { _, _ in }
  ) throws(StorageError) -> Result? {
    try write(
      to: parentFolder, ulid: ulid, meta: mergedMeta(ulid), thanos: thanos, progress: progress
    ) { _, _ throws(StorageError) in }
  }

  /// The same with another `meta.json`, but for the numbers, and a last change of each series' chunks, which is told
  /// the series' reference in the first block that has it. With `keepsKinds` the
  /// numbers of float and histogram samples stay those of `meta`, as in downsampled blocks.
  func write(
    to parentFolder: String, ulid: ULID, meta: BlockMeta, thanos: ThanosMeta?, keepsKinds: Bool = false,
    progress: (Int, Int) -> Void,
    change: (UInt32, inout ChunkViews) throws(StorageError) -> Void
  ) throws(StorageError) -> Result? {
    let tables = blocks.map { $0.index.symbolTable }
    let symbolCount = tables.reduce(0) { $0 + $1.count }
    var symbols: MergedSymbols?
    let writer = unsafe try BlockWriter(
      parentFolder: parentFolder, ulid: ulid,
      indexMemoryLimitBytes: max(options.indexMemoryLimitBytes, 48 * symbolCount + (8 << 20))
    ) { add throws(StorageError) in symbols = unsafe try MergedSymbols(tables, add: add) }
    guard let translations = symbols?.translations else { return nil }
    symbols = nil
    var inputs: [MergeInput] = []
    var replicas: [[Labels.Label]] = []
    for (block, translation) in zip(blocks, translations) {
      let replica = block.replica(options.replicaLabels)
      if !replicas.contains(replica) { replicas.append(replica) }
      inputs.append(
        try MergeInput(block, translation: translation, replica: replicas.firstIndex(of: replica) ?? 0))
    }
    var merger = SeriesChunkMerger(
      inputCount: blocks.count, deduplication: options.deduplication,
      timeRange: meta.timeRange)
    var groups = SeriesGroups(inputs)
    let total = inputs.reduce(0) { $0 + $1.seriesCount }
    var done = 0
    try groups.begin()
    while let group = groups.next() {
      var views = ChunkViews()
      do throws(StorageError) {
        try merger.merge(group)
        views = merger.views
        if let first = group.first { try change(first.batch.seriesRef(at: first.position), &views) }
      } catch {
        let labels = group.first.map { $0.labelsOfCurrent } ?? Labels()
        throw StorageError(
          error.code, "merge series \(labels) of \(group.map(\.block.path).joined(separator: ", ")): \(error.message)",
          disposition: error.disposition, cause: error)
      }
      if !views.isEmpty, let first = group.first {
        unsafe try writer.addSeries(labelIDs: first.labelIDsOfCurrent, chunks: &views)
      }
      done += group.count
      if done & 0xFF < group.count { progress(done, total) }
      try groups.advance()
    }
    for input in inputs { try input.checkFault() }
    progress(total, total)
    guard writer.seriesCount > 0 else {
      try writer.abort()
      return nil
    }
    var result = meta
    let path = try writer.finish { written in
      let kinds = (result.stats.floatSampleCount, result.stats.histogramSampleCount)
      result.stats = written.stats
      if keepsKinds { (result.stats.floatSampleCount, result.stats.histogramSampleCount) = kinds }
      if var thanos {
        thanos.segmentFiles = writer.segmentFiles
        thanos.seriesSizeBytesMax = Int64(writer.seriesSizeMax)
        thanos.chunkSizeBytesMax = Int64(writer.chunkSizeMax)
        result.thanos = thanos
      }
      written = result
    }
    return Result(path: path, meta: result, duplicateChunkCount: merger.duplicateCount)
  }

  // MARK: meta.json

  /// What the result says about itself, but for its numbers: the rules are Prometheus'.
  private func mergedMeta(_ ulid: ULID) -> BlockMeta {
    let metas = blocks.map(\.meta)
    var meta = BlockMeta(
      ulid: ulid, minTimeMs: metas.map(\.minTimeMs).min() ?? 0,
      maxTimeExclusiveMs: metas.map(\.maxTimeExclusiveMs).max() ?? 0)
    meta.compaction.level = (metas.map(\.compaction.level).max() ?? 0) + 1
    meta.compaction.sources = Set(metas.flatMap(\.compaction.sources)).sorted()
    meta.compaction.parents = metas.map {
      BlockMeta.Parent(ulid: $0.ulid, minTimeMs: $0.minTimeMs, maxTimeExclusiveMs: $0.maxTimeExclusiveMs)
    }
    // Series that went stale make the whole stale; out of order is the whole only where every part is.
    for hint in ["from-out-of-order", "from-stale-series", "from-selected-series"] {
      let having = metas.count { $0.compaction.hints.contains(hint) }
      if hint == "from-out-of-order" ? having == metas.count : having > 0 { meta.compaction.hints.append(hint) }
    }
    return meta
  }

  /// The section `thanos`, but for what is known when the block is written.
  private static func thanosMeta(_ blocks: [Block], _ options: Options) throws(StorageError) -> ThanosMeta? {
    guard let first = blocks.first, blocks.contains(where: { $0.meta.thanos != nil }) else { return nil }
    // As Thanos' compactor leaves it: without a version.
    var thanos = ThanosMeta(version: 0)
    var labels = first.labels(without: options.replicaLabels)
    // Thanos demands a label: one that says that there were others.
    if labels.isEmpty, let name = options.replicaLabels.first { labels = [Labels.Label(name: name, value: "deduped")] }
    thanos.labels = labels
    thanos.resolutionMs = first.resolutionMs
    thanos.source = "compactor"
    thanos.extensions = first.meta.thanos?.extensions
    for block in blocks.dropFirst() {
      thanos.extensions = mergedExtensions(thanos.extensions, block.meta.thanos?.extensions)
    }
    return thanos
  }
}

/// What two blocks' extensions become: of objects the keys that both have, with the first one's values. What is no object
/// does not count.
private func mergedExtensions(_ first: JSONValue?, _ second: JSONValue?) -> JSONValue? {
  guard case .object(let others) = second else { return first }
  guard case .object(let members) = first else { return second }
  let kept = members.filter { member in others.contains { $0.key == member.key } }
  return kept.isEmpty ? nil : .object(kept)
}

extension Block {
  /// The distance of its samples, milliseconds; 0 of raw data.
  var resolutionMs: Int64 { meta.thanos?.resolutionMs ?? 0 }

  /// Its external labels of the given names: which replica it is of.
  func replica(_ names: [String]) -> [Labels.Label] {
    (meta.thanos?.labels ?? []).filter { names.contains($0.name) }
  }

  /// Its external labels without those of the given names.
  func labels(without names: [String]) -> [Labels.Label] {
    (meta.thanos?.labels ?? []).filter { !names.contains($0.name) }
  }
}
