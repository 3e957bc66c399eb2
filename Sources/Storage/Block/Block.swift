// A block: a folder that holds the samples of some hours or weeks, and never changes. docs/formats/block-folder.md.
//
//   <ULID>/meta.json  index  chunks/000001 …  tombstones
//
// Opening it checks what is cheap to check and what everything else leads through; `verify` (BlockVerification.swift)
// checks the rest. Selecting from it is in BlockSelection.swift.
public import TSModel

/// An open block. Thread-safe: nothing changes after opening.
public final class Block: Sendable {
  /// How the files of a block are read.
  public enum Reading: Sendable {
    /// Mapped into memory: nothing is copied.
    case mapped
    /// Part by part into memory of our own.
    case copied
  }

  /// The folder, or what else an error should call the block.
  public let path: String
  /// What the block says about itself.
  public let meta: BlockMeta
  /// Its index.
  public let index: IndexReader
  /// What was deleted from it.
  public let tombstones: Tombstones
  /// Its chunks.
  package let segments: ChunkSegments
  /// The index once more, as its file.
  package let indexSource: any RangeReader

  private let charge: BudgetCharge

  /// The most that a `meta.json` may have: far more than any has, and no danger.
  static let metaSizeMax = 32 << 20
  /// The most that a file of tombstones may have, bytes.
  static let tombstonesSizeMax = 1 << 30

  /// A block of opened parts, wherever they lie. Throws `.magic`, `.version`, `.truncated`, `.checksum`, `.malformed`,
  /// `.count`, `.order`, `.reference` as the index or a segment has it, `.malformed` where the range of `meta` is
  /// inverted, and what reading throws.
  public init(
    name: String, meta: BlockMeta, index: any RangeReader, segments: [any RangeReader],
    tombstones: Tombstones = .init(),
    budget: MemoryBudget? = nil
  ) throws(StorageError) {
    guard meta.minTimeMs <= meta.maxTimeExclusiveMs else {
      throw StorageError(
        .malformed,
        "open block \(name): meta.json says that it ends (\(meta.maxTimeExclusiveMs)) before it begins (\(meta.minTimeMs))"
      )
    }
    guard !segments.isEmpty || meta.stats.chunkCount == 0 else {
      throw StorageError(
        .notFound,
        "open block \(name): half a block: no file of chunks, meta.json tells of \(meta.stats.chunkCount) chunks")
    }
    var charge = BudgetCharge()
    do throws(BudgetExceeded) {
      charge = try BudgetCharge(budget, bytes: tombstones.memoryBytes)
    } catch { throw StorageError(error, "open block \(name)") }
    self.charge = charge
    self.path = name
    self.meta = meta
    self.segments = try ChunkSegments(segments)
    self.index = try IndexReader(index)
    self.indexSource = index
    self.tombstones = tombstones
  }

  /// Opens the block in the folder at `path`.
  ///
  /// Checked are: that it is a whole block, the versions of its files, `meta.json`, the tables of the index with their
  /// checksums and order, the headers and the numbering of the chunk files, and the tombstones. Throws `.notABlock` for a
  /// folder that is none, is still being written or is being deleted; `.notFound` for half a block; `.version` for a newer
  /// format; otherwise what is wrong with the file that the message names. What stays in memory is charged to `budget`.
  /// Whoever has read `meta.json` already hands over what it says: it is not read again.
  public static func open(
    path: String, meta known: BlockMeta? = nil, budget: MemoryBudget? = nil, reading: Reading = .mapped
  ) throws(StorageError) -> Block {
    if known == nil { try checkIsBlock(path) }
    let meta = if let known { known } else { try readMeta(path + "/meta.json") }
    func open(_ path: String) throws(StorageError) -> any RangeReader {
      if reading == .mapped { return try MappedFile(path: path) }
      return try FileReader(path: path)
    }
    guard try kind(of: path + "/index") != .nothing else {
      throw StorageError(.notFound, "open block \(path): half a block: there is no file index")
    }
    guard try kind(of: path + "/chunks") == .folder else {
      throw StorageError(.notFound, "open block \(path): half a block: there is no folder chunks")
    }
    let segments = try ChunkSegments.files(in: path + "/chunks")
    var readers: [any RangeReader] = []
    for segment in segments { readers.append(try open(segment)) }
    return try Block(
      name: path, meta: meta, index: try open(path + "/index"), segments: readers,
      tombstones: try readTombstones(path + "/tombstones", budget), budget: budget)
  }

  /// Names of folders that are not blocks: what is written or deleted carries them until it is done.
  public static let temporarySuffixes = [".tmp-for-creation", ".tmp-for-deletion", ".tmp"]

  /// Lengths of the block's files in bytes, by their path below its folder, ascending.
  public var fileSizes: [(relativePath: String, byteCount: Int)] {
    var sizes = segments.readers.map { (relativePath: "chunks/" + baseName($0.name), byteCount: $0.byteCount) }
    sizes.append(("index", indexSource.byteCount))
    for name in ["meta.json", "tombstones"] {
      if let size = fileSize(of: path + "/" + name) { sizes.append((name, size)) }
    }
    return sizes
  }

  /// Encoding and data of the chunk at `ref`, its checksum checked. Throws `.reference` where there is none, `.truncated`,
  /// `.checksum`, `.encoding`, `.malformed` (it has no samples), and `.faulted`.
  public func chunk(ref: UInt64) throws(StorageError) -> (encoding: ChunkEncoding, bytes: ByteRegion) {
    let (encoding, bytes) = try segments.chunk(ref: ref)
    if bytes.hasFault { throw faulted(nil) }
    return (ChunkEncoding(rawValue: encoding), bytes)
  }

  /// Finds the bytes of all chunks of `batch`, which holds series of this block. See `chunk(ref:)` for what is thrown,
  /// and `.budget`.
  public func loadChunks(into batch: SeriesBatch, budget: MemoryBudget? = nil) throws(StorageError) {
    try segments.load(into: batch, budget: budget)
  }

  /// The error for memory that has failed, if `error` may come from that; else `error`.
  package func withFault(_ error: StorageError) -> StorageError {
    guard error.code != .faulted, error.code != .budget, error.code != .cancelled else { return error }
    let indexHasFault = (indexSource as? MappedFile)?.hasFault == true
    return indexHasFault || segments.faultedName != nil ? faulted(error) : error
  }

  func faulted(_ cause: StorageError?) -> StorageError {
    let name = segments.faultedName ?? indexSource.name
    return StorageError(
      .faulted, "read \(name): the file was cut short or could not be read while it was in use", cause: cause)
  }

  // MARK: Opening

  private static func checkIsBlock(_ path: String) throws(StorageError) {
    let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
    if let suffix = temporarySuffixes.first(where: { trimmed.hasSuffix($0) }) {
      let doing = suffix == ".tmp-for-deletion" ? "deleted" : "written"
      throw StorageError(
        .notABlock, "open block \(path): not a block: a folder \(suffix) is what is left of one that was being \(doing)"
      )
    }
    switch try kind(of: path) {
    case .nothing: throw StorageError(.notFound, "open block \(path): no such file or directory")
    case .file, .other: throw StorageError(.notABlock, "open block \(path): not a block: it is not a folder")
    case .folder: break
    }
    let names = Set(try folderEntries(path))
    guard !names.contains("meta.json") else { return }
    if names.contains("index") || names.contains("chunks") {
      throw StorageError(
        .notABlock,
        "open block \(path): half a block: there is no meta.json, so it was never finished or is being deleted "
          + "(open \(path)/meta.json: no such file or directory)")
    }
    throw StorageError(
      .notABlock, "open block \(path): not a block: there is no meta.json, no index and no chunks in it")
  }

  private static func readMeta(_ path: String) throws(StorageError) -> BlockMeta {
    let bytes = try FileReader.contents(of: path, byteCountMax: metaSizeMax)
    do throws(StorageError) { return try BlockMeta(json: bytes) } catch {
      let hint = error.code == .version ? " (known is 1: the block may be from a newer program)" : ""
      throw StorageError(error.code, "read \(path): \(error.message)\(hint)", cause: error)
    }
  }

  private static func readTombstones(_ path: String, _ budget: MemoryBudget?) throws(StorageError) -> Tombstones {
    switch try kind(of: path) {
    case .nothing: return Tombstones()
    case .file: break
    case .folder, .other: throw StorageError(.io, "read \(path): not a regular file")
    }
    let size = fileSize(of: path) ?? 0
    var charge = BudgetCharge()
    // While it is read there are the bytes, columns of up to eight times their size, and the order of entries.
    do throws(BudgetExceeded) {
      charge = try BudgetCharge(budget, bytes: size.multipliedReportingOverflow(by: 12).partialValue)
    } catch {
      throw StorageError(error, "read \(path)")
    }
    let bytes = try FileReader.contents(of: path, byteCountMax: tombstonesSizeMax)
    do throws(StorageError) {
      let tombstones = try Tombstones(parsing: bytes)
      charge.shrink(by: charge.bytes)
      return tombstones
    } catch { throw StorageError(error.code, "\(path): \(error.message)", cause: error) }
  }
}

/// The last part of a path.
func baseName(_ path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return path }
  return String(path[path.index(after: slash)...])
}
