// Reads all files of a head and says what is wrong with them, and what that would cost.
internal import TSModel

/// Something wrong with the files of a head.
public struct HeadDefect: Sendable, CustomStringConvertible {
  /// The file or folder.
  public let path: String
  /// Where in it, bytes; nil where it is the whole file.
  public let offset: Int?
  /// What is wrong.
  public let reason: String
  /// What it costs.
  public let cost: String

  public var description: String {
    (offset.map { "\(path), offset \($0): " } ?? "\(path): ") + reason + "; " + cost
  }
}

/// What was found in the files of a head.
public struct HeadInspection: Sendable {
  /// Records of all logs that are sound.
  public private(set) var recordCount = 0
  /// Chunks that are sound.
  public private(set) var chunkCount = 0
  /// Defects.
  public private(set) var defectCount = 0
  /// Segments and files of chunks in which there is damage, by path.
  private(set) var damagedPaths: Set<String> = []
  /// Whether records of the write-ahead log or its checkpoint are lost.
  private(set) var hasLogDamage = false
  /// Damage to files of chunks.
  private(set) var chunkDamages: [WALDamage] = []

  init() {}

  /// Reads everything in `folder`. `progress` is told bytes done and bytes altogether; `report` is told every defect. Throws what reading
  /// files throws; damage is no error.
  public static func of(
    _ folder: HeadFolder, progress: (Int, Int) -> Void = { _, _ in }, report: (HeadDefect) -> Void = { _ in }
  ) throws(StorageError) -> HeadInspection {
    var inspection = HeadInspection()
    let logs = try folder.logs()
    let files = folder.isLog ? [] : try HeadChunkFile.inFolder(folder.chunksPath)
    let snapshot = folder.isLog ? nil : try ChunkSnapshot.inFolder(folder.path).last
    let snapshotSegments =
      try snapshot.map { snapshot throws(StorageError) in
        try WALSegment.inFolder(snapshot.path)
      } ?? []
    let total =
      (logs.flatMap(\.segments) + snapshotSegments).reduce(0) { $0 + $1.byteCount }
      + files.reduce(0) { $0 + $1.byteCount }
    var done = 0
    for log in logs {
      try inspection.readLog(log, progress: { progress(done + $0, total) }, report)
      done += log.segments.reduce(0) { $0 + $1.byteCount }
    }
    try inspection.findHoles(folder, files, report)
    for file in files {
      try inspection.readChunks(file, report)
      done += file.byteCount
      progress(done, total)
    }
    if let snapshot { try inspection.readSnapshot(snapshot, snapshotSegments, folder, report) }
    progress(total, total)
    return inspection
  }

  private mutating func tell(_ defect: HeadDefect, _ report: (HeadDefect) -> Void) {
    defectCount += 1
    report(defect)
  }

  private mutating func readLog(
    _ log: HeadFolder.Log, progress: (Int) -> Void, _ report: (HeadDefect) -> Void
  ) throws(StorageError) {
    var reader = WALReader(log.segments)
    var events = 0
    while let event = try reader.next() {
      events += 1
      if events % 1024 == 0 { progress(reader.bytesDone) }
      let damage: WALDamage
      switch event {
      case .damage(let found): damage = found
      case .record(let place):
        guard let error = reader.decode() else {
          recordCount += 1
          continue
        }
        damage = WALDamage(
          path: place.path, segmentNumber: place.segmentNumber, offset: place.offset, endOffset: place.endOffset,
          reason: error.message, isTorn: false)
      }
      damagedPaths.insert(damage.path)
      if log.name != "wbl" { hasLogDamage = true }
      let byteCount = damage.endOffset - damage.offset
      tell(
        HeadDefect(
          path: damage.path, offset: damage.offset, reason: damage.reason,
          cost: "what these \(byteCount) bytes held is lost" + Self.costToPrometheus(log.name)), report)
    }
  }

  private static func costToPrometheus(_ log: String) -> String {
    if log == "wbl" { return "; Prometheus would drop all out-of-order samples behind it" }
    if log == "wal" { return "; Prometheus would drop all records behind it, and out-of-order samples" }
    return "; Prometheus would not start"
  }

  private mutating func findHoles(
    _ folder: HeadFolder, _ files: [HeadChunkFile], _ report: (HeadDefect) -> Void
  ) throws(StorageError) {
    let first = try folder.checkpoint().map { $0.number + 1 }
    let segments = try WALSegment.inFolder(folder.walPath).map(\.number).filter { $0 >= first ?? 0 }
    let outOfOrder = folder.isLog ? [] : try WALSegment.inFolder(folder.wblPath).map(\.number)
    for (path, numbers, what) in [
      (folder.walPath, segments, "segment"), (folder.wblPath, outOfOrder, "segment"),
      (folder.chunksPath, files.map(\.number), "file"),
    ] {
      for (before, next) in zip(numbers, numbers.dropFirst()) where next != before + 1 {
        tell(
          HeadDefect(
            path: path, offset: nil,
            reason: next == before + 2
              ? "\(what) \(before + 1) is missing" : "\(what)s \(before + 1) to \(next - 1) are missing",
            cost: "what they held is lost; Prometheus would not start"), report)
      }
    }
    if let first, let begin = segments.first, begin > first {
      tell(
        HeadDefect(
          path: folder.walPath, offset: nil, reason: "segments \(first) to \(begin - 1) are missing",
          cost: "what they held is lost; Prometheus would not start"), report)
    }
  }

  private mutating func readChunks(_ file: HeadChunkFile, _ report: (HeadDefect) -> Void) throws(StorageError) {
    var damages: [WALDamage] = []
    var defects: [HeadDefect] = []
    var count = 0
    var floats = FloatColumns()
    var histograms = HistogramColumns()
    try file.forEachChunk { chunk, bytes throws(StorageError) in
      do throws(StorageError) {
        if chunk.encoding.isFloat {
          floats.removeAll()
          try floats.append(decoding: bytes, encoding: chunk.encoding)
        } else {
          try histograms.decode(bytes, encoding: chunk.encoding)
        }
        count += 1
      } catch {
        defects.append(
          HeadDefect(
            path: file.path, offset: chunk.recordRange.lowerBound, reason: error.message,
            cost: "the chunk is left out when it is read"))
      }
    } onDamage: { damage throws(StorageError) in
      damages.append(damage)
    }
    chunkCount += count
    chunkDamages += damages
    for defect in defects { tell(defect, report) }
    for damage in damages {
      damagedPaths.insert(file.path)
      tell(
        HeadDefect(
          path: damage.path, offset: damage.offset, reason: damage.reason,
          cost: "the log has what these \(damage.endOffset - damage.offset) bytes held, unless it is damaged, too"),
        report)
    }
  }

  private mutating func readSnapshot(
    _ snapshot: ChunkSnapshot, _ segments: [WALSegment], _ folder: HeadFolder, _ report: (HeadDefect) -> Void
  ) throws(StorageError) {
    let last = try WALSegment.inFolder(folder.walPath).last?.number ?? -1
    if last >= 0, last < snapshot.segmentNumber {
      tell(
        HeadDefect(
          path: snapshot.path, offset: nil,
          reason: "it goes up to segment \(snapshot.segmentNumber), the log only to \(last)",
          cost: "it is of an earlier log, and not used"), report)
      return
    }
    var reader = WALReader(segments)
    while let event = try reader.next() {
      var (offset, path, reason) = (0, "", "")
      switch event {
      case .damage(let damage): (offset, path, reason) = (damage.offset, damage.path, damage.reason)
      case .record(let place):
        do throws(StorageError) {
          _ = try ChunkSnapshot.parse(reader.record.bytes)
          recordCount += 1
          continue
        } catch {
          (offset, path, reason) = (place.offset, place.path, error.message)
        }
      }
      damagedPaths.insert(path)
      tell(
        HeadDefect(
          path: path, offset: offset, reason: reason, cost: "the log is read from its beginning, and has the samples"),
        report)
    }
  }
}
