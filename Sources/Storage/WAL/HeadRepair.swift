// Writes a copy of a head's files that a Prometheus can go on with, and that has everything but what the damaged bytes held.
//
//   sound segments and files     copied
//   damaged segments             record by record, without the damaged ones
//   damaged files of chunks      chunk by chunk; what is lost is in the log, which must not be kept from being read:
//                                later chunks in order are left out where the log is whole, markers of lost chunks dropped
//   missing numbers              empty segments and files
internal import TSModel

/// The mending of a head's files.
public struct HeadRepair {
  /// What was written.
  public struct Result: Sendable, Equatable {
    /// Segments and files that were copied as they are.
    public var copiedCount = 0
    /// Segments and files that were written without what is damaged.
    public var mendedCount = 0
    /// Segments and files that were missing and are there now, empty.
    public var addedCount = 0
    /// Chunks that are left to the log.
    public var chunksLeftToLog = 0
    /// Whether there was a snapshot that is left out: the log has what it held.
    public var leavesOutSnapshot = false

    /// Nothing.
    public init() {}
  }

  /// Most missing numbers that are filled.
  static let addedMax = 10_000
  static let temporarySuffix = ".tmp-for-creation"

  /// The files.
  public let folder: HeadFolder

  /// A mending of the head in `folder`, which stays as it is.
  public init(_ folder: HeadFolder) { self.folder = folder }

  /// Writes the copy into `output`, a folder that must not exist or be empty: whole, or not at all. Whoever is stopped leaves a folder
  /// with a name that ends in `.tmp-for-creation`; it is removed by the next call for the same output. `report` is told what was lost.
  ///
  /// Throws `.argument` where `output` holds something or lies in `folder`, `.size` where too many numbers are missing, and what reading
  /// and writing throw.
  public func write(
    to output: String, progress: (Int, Int) -> Void = { _, _ in }, report: (HeadDefect) -> Void = { _ in }
  ) throws(StorageError) -> Result {
    guard output != folder.path, !output.hasPrefix(folder.path + "/") else {
      throw StorageError(.argument, "repair to \(output): it lies in \(folder.path)", disposition: .rejectRequest)
    }
    switch try kind(of: output) {
    case .nothing: break
    case .folder:
      guard try folderEntries(output).isEmpty else {
        throw StorageError(.argument, "repair to \(output): the folder is not empty", disposition: .rejectRequest)
      }
    default: throw StorageError(.argument, "repair to \(output): not a folder", disposition: .rejectRequest)
    }
    let inspection = try HeadInspection.of(folder, progress: { progress($0 / 2, $1) }, report: report)
    let temporary = output + Self.temporarySuffix
    try removeAll(at: temporary)
    try makeFolder(temporary)
    var result = Result()
    do throws(StorageError) {
      var writing = HeadCopy(folder, inspection, temporary)
      result = try writing.write { progress(($0 + $1) / 2, $1) }
      try synchronizeFolder(temporary)
      try rename(from: temporary, to: output)
      try synchronizeFolder(parent(of: output))
    } catch {
      try? removeAll(at: temporary)
      throw error
    }
    return result
  }

  private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

/// The copy, while it is written.
private struct HeadCopy {
  let folder: HeadFolder
  let inspection: HeadInspection
  let output: String
  var result = HeadRepair.Result()
  private var done = 0
  private var total = 0
  /// Chunks of mended files, by their old references; none for those that are lost.
  private var movedChunks: [UInt64: UInt64] = [:]
  private var damagedRanges: [(file: Int, range: Range<Int>)] = []

  init(_ folder: HeadFolder, _ inspection: HeadInspection, _ output: String) {
    self.folder = folder
    self.inspection = inspection
    self.output = output
    damagedRanges = inspection.chunkDamages.map { ($0.segmentNumber, $0.offset..<$0.endOffset) }
  }

  mutating func write(progress: (Int, Int) -> Void) throws(StorageError) -> HeadRepair.Result {
    let logs = try folder.logs()
    let files = folder.isLog ? [] : try HeadChunkFile.inFolder(folder.chunksPath)
    total = logs.flatMap(\.segments).reduce(0) { $0 + $1.byteCount } + files.reduce(0) { $0 + $1.byteCount }
    let wal = folder.isLog ? output : output + "/wal"
    if !folder.isLog { try makeFolder(wal) }
    if !files.isEmpty {
      try makeFolder(output + "/chunks_head")
      try writeChunks(files, to: output + "/chunks_head", progress)
    }
    for log in logs {
      let target: String
      var first: Int?
      if log.name == "wal" {
        target = wal
        first = try folder.checkpoint().map { $0.number + 1 }
      } else if log.name == "wbl" {
        target = output + "/wbl"
        try makeFolder(target)
      } else {
        target = wal + "/" + String(log.name.dropFirst("wal/".count))
        try makeFolder(target)
        first = 0
      }
      try write(log, to: target, first, progress)
      try synchronizeFolder(target)
    }
    let state = folder.walPath + "/series_state.json"
    if try kind(of: state) == .file {
      try copy(state, to: wal + "/series_state.json", byteCount: fileSize(of: state) ?? 0)
    }
    try copySnapshot()
    try synchronizeFolder(wal)
    return result
  }

  private mutating func step(_ bytes: Int, _ progress: (Int, Int) -> Void) {
    done += bytes
    progress(done, total)
  }

  /// Copies the first `byteCount` bytes of a file.
  private func copy(_ path: String, to target: String, byteCount: Int) throws(StorageError) {
    let reader = try FileReader(path: path)
    let file = try FileDescriptor(target, for: .creating)
    var offset = 0
    while offset < byteCount {
      let part = try reader.region(offset: offset, count: min(1 << 20, byteCount - offset))
      try file.write(unsafe part.withUnsafeBytes { unsafe Array($0) })
      offset += part.count
    }
    try file.synchronize()
  }

  // MARK: Logs

  private mutating func write(
    _ log: HeadFolder.Log, to target: String, _ first: Int?, _ progress: (Int, Int) -> Void
  ) throws(StorageError) {
    var expected = first ?? log.segments.first?.number ?? 0
    if first == nil, log.name == "wal", expected > 0 {
      // Prometheus begins with segment 0, unless there is a checkpoint.
      let checkpoint = target + "/" + WALCheckpoint.name(expected - 1)
      try makeFolder(checkpoint)
      try addEmpty(checkpoint + "/" + WALSegment.name(0))
    }
    for segment in log.segments {
      guard segment.number - expected <= HeadRepair.addedMax else {
        throw StorageError(
          .size,
          "repair \(folder.path): segments \(expected) to \(segment.number - 1) are missing, too many to be filled")
      }
      while expected < segment.number {
        try addEmpty(target + "/" + WALSegment.name(expected))
        expected += 1
      }
      expected += 1
      let rewrites = inspection.damagedPaths.contains(segment.path) || (log.name == "wbl" && !damagedRanges.isEmpty)
      if rewrites {
        try mend(segment, to: target)
      } else {
        try copy(segment.path, to: target + "/" + WALSegment.name(segment.number), byteCount: segment.byteCount)
        result.copiedCount += 1
      }
      step(segment.byteCount, progress)
    }
  }

  private mutating func addEmpty(_ path: String) throws(StorageError) {
    try FileDescriptor(path, for: .creating).synchronize()
    result.addedCount += 1
  }

  /// Writes the sound records of a segment. They take no more room than before, so they fit into one.
  private mutating func mend(_ segment: WALSegment, to target: String) throws(StorageError) {
    var reader = WALReader([segment])
    var writer = try WALWriter(folder: target, number: segment.number, segmentBytesMax: 1 << 40)
    while let event = try reader.next() {
      guard case .record(let place) = event, reader.decode() == nil else { continue }
      if reader.record.type == .mmapMarkers, let markers = translated(reader.record) {
        if !markers.isEmpty { try writer.append(markers) }
      } else {
        try writer.append(stored: reader.storedBytes, place.compression)
      }
    }
    try writer.finish()
    result.mendedCount += 1
  }

  /// A record of markers without those of chunks that are lost, and with the new places of others; nil where nothing changes.
  private func translated(_ record: WALRecord) -> [UInt8]? {
    guard !damagedRanges.isEmpty else { return nil }
    var markers: [(seriesRef: UInt64, chunkRef: UInt64)] = []
    for index in 0..<record.count {
      let ref = record.markedChunkRefs[index]
      let (file, offset) = (Int(ref >> 32), Int(ref & 0xFFFF_FFFF))
      if damagedRanges.contains(where: { $0.file == file && $0.range.contains(offset) }) { continue }
      markers.append((record.seriesRefs[index], movedChunks[ref] ?? ref))
    }
    return markers.isEmpty ? [] : WALRecord.encodeMarkers(markers)
  }

  // MARK: Chunks

  private mutating func writeChunks(
    _ files: [HeadChunkFile], to target: String, _ progress: (Int, Int) -> Void
  ) throws(StorageError) {
    // In order, a log is read for what is later than a series' last chunk: chunks behind a lost one would hide what it held.
    var isBehindDamage = false
    var expected = files.first?.number ?? 1
    for file in files {
      guard file.number - expected <= HeadRepair.addedMax else {
        throw StorageError(
          .size, "repair \(folder.path): files \(expected) to \(file.number - 1) are missing, too many to be filled")
      }
      while expected < file.number {
        try HeadChunkWriter(folder: target, number: expected).finish()
        result.addedCount += 1
        expected += 1
        isBehindDamage = true
      }
      expected += 1
      var firstDamage = Int.max
      for damage in damagedRanges where damage.file == file.number {
        firstDamage = min(firstDamage, damage.range.lowerBound)
      }
      if firstDamage == Int.max, !isBehindDamage || inspection.hasLogDamage {
        try copyChunks(file, to: target)
        result.copiedCount += 1
      } else {
        try mend(file, to: target, leavesOutFrom: inspection.hasLogDamage ? .max : isBehindDamage ? 0 : firstDamage)
        result.mendedCount += 1
        isBehindDamage = true
      }
      step(file.byteCount, progress)
    }
  }

  /// Copies a file up to the end of its last chunk.
  private func copyChunks(_ file: HeadChunkFile, to target: String) throws(StorageError) {
    var end = 0
    try file.forEachChunk { chunk, _ throws(StorageError) in
      end = chunk.recordRange.upperBound
    } onDamage: { _ throws(StorageError) in
    }
    if end == 0 {
      try HeadChunkWriter(folder: target, number: file.number).finish()
    } else {
      try copy(file.path, to: target + "/" + HeadChunkFile.name(file.number), byteCount: end)
    }
  }

  /// Writes the chunks of a file: those in order only up to an offset.
  private mutating func mend(
    _ file: HeadChunkFile, to target: String, leavesOutFrom limit: Int
  ) throws(StorageError) {
    var writer = try HeadChunkWriter(folder: target, number: file.number, fileBytesMax: 1 << 40)
    var (moved, leftOut): ([UInt64: UInt64], Int) = ([:], 0)
    try file.forEachChunk { chunk, bytes throws(StorageError) in
      guard chunk.isOutOfOrder || chunk.recordRange.lowerBound < limit else {
        leftOut += 1
        return
      }
      moved[chunk.ref] = try writer.append(
        seriesRef: chunk.seriesRef, timeRange: chunk.timeRange, encoding: chunk.encoding,
        isOutOfOrder: chunk.isOutOfOrder, data: bytes)
    } onDamage: { _ throws(StorageError) in
    }
    try writer.finish()
    movedChunks.merge(moved) { $1 }
    result.chunksLeftToLog += leftOut
  }

  // MARK: Snapshot

  /// Copies the newest snapshot where all else is as it was: it names a place in the log.
  private mutating func copySnapshot() throws(StorageError) {
    guard !folder.isLog, let snapshot = try ChunkSnapshot.inFolder(folder.path).last else { return }
    guard inspection.damagedPaths.isEmpty, inspection.defectCount == 0 else {
      result.leavesOutSnapshot = true
      return
    }
    let target = output + "/" + snapshot.name
    try makeFolder(target)
    for segment in try WALSegment.inFolder(snapshot.path) {
      try copy(segment.path, to: target + "/" + WALSegment.name(segment.number), byteCount: segment.byteCount)
      result.copiedCount += 1
    }
    try synchronizeFolder(target)
  }
}
