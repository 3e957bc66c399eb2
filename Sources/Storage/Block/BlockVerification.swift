// Reads a whole block and reports everything that is wrong with it, going on after each defect: tables, postings and
// series of the index, the place, checksum and every sample of each chunk, tombstones, and whether meta.json tells the
// truth about all that.
internal import CTSDB
internal import TSModel

/// Something that is wrong with a block.
public struct BlockDefect: Hashable, Sendable, CustomStringConvertible {
  /// Path of the file.
  public var file: String
  /// Where in it, bytes; nil where it concerns the file as a whole.
  public var offset: Int?
  /// What is wrong.
  public var what: String
  /// What it costs a reader of the block.
  public var cost: String

  /// A defect with everything said by the caller.
  public init(file: String, offset: Int? = nil, what: String, cost: String) {
    self.file = file
    self.offset = offset
    self.what = what
    self.cost = cost
  }

  public var description: String {
    "\(file)\(offset.map { ", offset \($0)" } ?? ""): \(what); \(cost)"
  }
}

/// How far a verification has come.
public struct VerificationProgress: Hashable, Sendable {
  /// Series whose chunks have been read.
  public var seriesDone: Int
  /// Series of the block.
  public var seriesCount: Int
  /// Chunks that have been read.
  public var chunksDone: Int
}

extension Block {
  /// Reads everything and calls `report` for each defect. `progress` is called about once a hundred series. A file that
  /// fails while it is read ends the verification with that as its last defect.
  public func verify(
    progress: (VerificationProgress) -> Void = { _ in }, report: (BlockDefect) -> Void
  ) {
    var verification = BlockVerification(self)
    verification.run(progress: progress, report: report)
  }
}

private struct BlockVerification: ~Copyable {
  private let block: Block
  private var inspector = ChunkInspector()
  private var stats = BlockMeta.Stats()
  private var hasAggregates = false
  private var hasUnreadable = false
  private var chunksDone = 0
  /// Where the next chunk should begin: behind the one before it.
  private var expectedRef: UInt64? = UInt64(TSDB_SEGMENT_HEADER_SIZE)
  private static let batchSize = 128

  init(_ block: Block) { self.block = block }

  mutating func run(progress: (VerificationProgress) -> Void, report: (BlockDefect) -> Void) {
    var isFaulted = false
    block.index.verify { defect in
      report(
        BlockDefect(file: block.indexSource.name, offset: defect.offset, what: defect.what, cost: defect.cost))
    }
    guard !reportFault(report) else { return }
    guard let refs = seriesRefs(report) else { return }
    let batch = SeriesBatch(symbols: block.index.symbols)
    var position = 0
    while position < refs.count, !isFaulted {
      let part = Array(refs[position..<min(position + Self.batchSize, refs.count)])
      read(part, into: batch)
      for index in 0..<batch.seriesCount { verifySeries(index, of: batch, report) }
      position += part.count
      isFaulted = reportFault(report)
      progress(VerificationProgress(seriesDone: position, seriesCount: refs.count, chunksDone: chunksDone))
    }
    guard !isFaulted else { return }
    if let expected = expectedRef { verifyEnd(of: expected, report) }
    verifyTombstones(refs, report)
    verifyMeta(refs.count, report)
    _ = reportFault(report)
  }

  /// All series ids that the index lists; the index' own verification has told what is wrong with the list.
  private func seriesRefs(_ report: (BlockDefect) -> Void) -> [UInt32]? {
    do throws(StorageError) { return try block.index.allPostings().refs() } catch {
      report(
        BlockDefect(
          file: block.indexSource.name, what: error.message,
          cost: "without the list of all series no chunk of the block can be verified"))
      return nil
    }
  }

  /// Reads the series `refs` that can be read into `batch`; the index' own verification reports the others.
  private mutating func read(_ refs: [UInt32], into batch: SeriesBatch) {
    batch.removeAll()
    var rest = refs[...]
    while !rest.isEmpty {
      let before = batch.seriesCount
      do throws(StorageError) {
        try block.index.series(Array(rest), into: batch)
        return
      } catch {
        rest = rest.dropFirst(batch.seriesCount - before)
        _ = rest.popFirst()
        hasUnreadable = true
      }
    }
  }

  private mutating func verifySeries(_ index: Int, of batch: SeriesBatch, _ report: (BlockDefect) -> Void) {
    stats.seriesCount += 1
    var previousMaxMs: Int64?
    for chunkIndex in batch.chunkRange(at: index) {
      let chunk = batch.chunk(chunkIndex)
      stats.chunkCount += 1
      chunksDone += 1
      let place = Place(block, chunk.ref)
      let lost = "samples from \(chunk.minTimeMs) to \(chunk.maxTimeMs) of series \(batch.labels(at: index))"
      if chunk.maxTimeMs < chunk.minTimeMs {
        report(place.defect("the index says that the chunk ends before it begins", "\(lost) are not found"))
      }
      if let previousMaxMs, chunk.minTimeMs <= previousMaxMs {
        report(
          place.defect(
            "the chunk begins at \(chunk.minTimeMs), its predecessor in the series ends at \(previousMaxMs)",
            "\(lost) are found twice or out of order"))
      }
      previousMaxMs = max(previousMaxMs ?? .min, chunk.maxTimeMs)
      verifyRange(chunk, place, lost, report)
      verifyChunk(chunk, place, lost, report)
    }
  }

  private func verifyRange(_ chunk: ChunkMeta, _ place: Place, _ lost: String, _ report: (BlockDefect) -> Void) {
    let meta = block.meta
    guard chunk.minTimeMs < meta.minTimeMs || chunk.maxTimeMs >= meta.maxTimeExclusiveMs else { return }
    report(
      place.defect(
        "the chunk reaches from \(chunk.minTimeMs) to \(chunk.maxTimeMs), the block from \(meta.minTimeMs) to before "
          + "\(meta.maxTimeExclusiveMs)", "\(lost) are not found where they lie outside the block"))
  }

  private mutating func verifyChunk(
    _ chunk: ChunkMeta, _ place: Place, _ lost: String, _ report: (BlockDefect) -> Void
  ) {
    if let expected = expectedRef, expected != chunk.ref { verifyGap(from: expected, to: chunk.ref, report) }
    expectedRef = nil
    do throws(StorageError) {
      let (encoding, bytes) = try block.segments.chunk(ref: chunk.ref)
      let size = tsdb_chunk_record_bound(UInt32(clamping: bytes.count))
      expectedRef = chunk.ref &+ UInt64(size)
      let result = inspector.inspect(bytes.bytes, ChunkEncoding(rawValue: encoding))
      for defect in result.defects {
        report(
          place.defect("the chunk \(defect)", result.isUnreadable ? "\(lost) cannot be read" : "\(lost) may be wrong"))
      }
      count(result, ChunkEncoding(rawValue: encoding))
      guard let range = result.timeRange else { return }
      let indexed = TimeRange(minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs)
      if encoding == ChunkEncoding.aggregates.rawValue ? !indexed.contains(range) : indexed != range {
        report(
          place.defect(
            "the chunk holds samples from \(range.minTimeMs) to \(range.maxTimeMs), the index says \(chunk.minTimeMs) to "
              + "\(chunk.maxTimeMs)", "\(lost) are not found where the two differ"))
      }
    } catch {
      hasUnreadable = true
      report(place.defect(place.reason(of: error), "\(lost) cannot be read"))
    }
  }

  private mutating func count(_ result: ChunkInspector.Result, _ encoding: ChunkEncoding) {
    let samples = UInt64(result.sampleCount)
    stats.sampleCount += samples
    if encoding.isFloat { stats.floatSampleCount += samples }
    if encoding.isHistogram { stats.histogramSampleCount += samples }
    hasAggregates = hasAggregates || encoding == .aggregates
    hasUnreadable = hasUnreadable || result.isUnreadable
  }

  // MARK: Segments

  /// The next chunk does not begin where the one before it ends.
  private func verifyGap(from expected: UInt64, to ref: UInt64, _ report: (BlockDefect) -> Void) {
    let isNextSegment = ref >> 32 == expected >> 32 &+ 1 && ref & 0xFFFF_FFFF == UInt64(TSDB_SEGMENT_HEADER_SIZE)
    if isNextSegment { return verifyEnd(of: expected, report) }
    let place = Place(block, expected)
    let what =
      ref > expected
      ? "no series refers to the bytes from here to chunk \(Place(block, ref).text)"
      : "the next chunk of the index lies before this place, at \(Place(block, ref).text)"
    report(place.defect(what, "nothing is lost if these bytes hold no chunk that a series should have"))
  }

  /// Nothing may follow the last chunk of a segment.
  private func verifyEnd(of expected: UInt64, _ report: (BlockDefect) -> Void) {
    let number = Int(expected >> 32)
    guard number < block.segments.readers.count else { return }
    let left = block.segments.readers[number].byteCount - Int(expected & 0xFFFF_FFFF)
    guard left > 0 else { return }
    report(
      Place(block, expected).defect(
        "no series refers to the last \(left) bytes", "nothing is lost if they hold no chunk that a series should have")
    )
  }

  /// Where a reference leads, for people.
  private struct Place {
    let file: String
    let offset: Int

    init(_ block: Block, _ ref: UInt64) {
      let number = Int(ref >> 32)
      let readers = block.segments.readers
      file = number < readers.count ? readers[number].name : "\(block.path)/chunks (segment \(number + 1))"
      offset = Int(ref & 0xFFFF_FFFF)
    }

    /// The message of an error without what a defect says anyway: the file and the place in it.
    func reason(of error: StorageError) -> String {
      for attempt in ["read a chunk", "read the chunk"] {
        let prefix = "\(attempt) of \(file) at offset \(offset): "
        if error.message.hasPrefix(prefix) { return String(error.message.dropFirst(prefix.count)) }
      }
      return error.message
    }

    var text: String { "\(baseName(file)), offset \(offset)" }

    func defect(_ what: String, _ cost: String) -> BlockDefect {
      BlockDefect(file: file, offset: offset, what: what, cost: cost)
    }
  }

  // MARK: Tombstones, meta.json, faults

  private func verifyTombstones(_ refs: [UInt32], _ report: (BlockDefect) -> Void) {
    let path = block.path + "/tombstones"
    if fileSize(of: path) != nil {
      do throws(StorageError) {
        let bytes = try FileReader.contents(of: path, byteCountMax: Block.tombstonesSizeMax)
        var (count, offset): (Int, Int) = (0, 0)
        var reason: UnsafePointer<CChar>?
        let status = unsafe tsdb_tombstones_validate(bytes, bytes.count, &count, &offset, &reason)
        if status != TSDB_OK {
          report(
            BlockDefect(
              file: path, offset: offset, what: unsafe reason.map { unsafe String(cString: $0) } ?? "unsound",
              cost: "intervals are merged and inverted ones ignored when it is read"))
        }
      } catch {
        report(BlockDefect(file: path, what: error.message, cost: "deleted samples would be seen again"))
      }
    }
    let known = Set(refs)
    for ref in block.tombstones.seriesRefs where !(UInt32(exactly: ref).map(known.contains) ?? false) {
      report(
        BlockDefect(
          file: path, what: "it deletes from series \(ref), which is not in the index", cost: "nothing is deleted by it"
        ))
    }
  }

  private func verifyMeta(_ listedSeries: Int, _ report: (BlockDefect) -> Void) {
    let path = block.path + "/meta.json"
    let name = baseName(block.path)
    if let named = ULID(name), named != block.meta.ulid {
      report(
        BlockDefect(
          file: path, what: "it says that the block is \(block.meta.ulid), its folder is called \(name)",
          cost: "programs that know blocks by their name take it for another one"))
    }
    // What cannot be read cannot be counted.
    guard !hasUnreadable else { return }
    func compare(_ key: String, _ said: UInt64, _ counted: UInt64) {
      guard said != counted else { return }
      report(
        BlockDefect(
          file: path, what: "\(key) says \(said), counted were \(counted)",
          cost: "only what plans and statistics say about the block is wrong"))
    }
    let said = block.meta.stats
    compare("stats.numSeries", said.seriesCount, stats.seriesCount)
    compare("stats.numChunks", said.chunkCount, stats.chunkCount)
    compare("stats.numSamples", said.sampleCount, stats.sampleCount)
    // Programs before native histograms did not write the two, and Thanos keeps those of the raw data in aggregates.
    guard said.floatSampleCount > 0 || said.histogramSampleCount > 0, !hasAggregates else { return }
    compare("stats.numFloatSamples", said.floatSampleCount, stats.floatSampleCount)
    compare("stats.numHistogramSamples", said.histogramSampleCount, stats.histogramSampleCount)
  }

  private func reportFault(_ report: (BlockDefect) -> Void) -> Bool {
    let indexHasFault = (block.indexSource as? MappedFile)?.hasFault == true
    guard indexHasFault || block.segments.faultedName != nil else { return false }
    let error = block.faulted(nil)
    report(
      BlockDefect(
        file: block.segments.faultedName ?? block.indexSource.name, what: error.message,
        cost: "what was reported before may come from that; nothing after it was looked at"))
    return true
  }
}
