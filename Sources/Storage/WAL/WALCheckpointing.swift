// A checkpoint: what is still needed of a log's first segments, written as a log of its own. docs/formats/wal.md.
internal import TSModel

/// Writes a checkpoint of a log.
public struct WALCheckpointing {
  /// What became of the entries.
  public struct Result: Sendable, Equatable {
    /// Entries of all kinds that were read.
    public var entriesRead = 0
    /// Those of them that were left out.
    public var entriesDropped = 0
    /// The checkpoint's folder.
    public var path = ""
  }

  /// The folder of the log.
  public let folder: String

  /// Checkpoints of the log in `folder`.
  public init(folder: String) { self.folder = folder }

  /// Writes the checkpoint that stands for the newest checkpoint so far and all segments up to `lastSegment`. Series, deletions and metadata
  /// stay where `keeps` wants their series, samples from `minTimeMs` on, deletions that reach it; of metadata only a series' last. It
  /// is written under a temporary name and renamed when it is on the disk. Segments and the older checkpoint are left to the caller:
  /// `removeCovered`.
  ///
  /// Throws `.notFound` where a segment between is missing, `.malformed` where one is damaged (nothing is written then: what was lost
  /// there may be needed), and what reading and writing throw.
  public func write(
    upTo lastSegment: Int, keeps: (UInt64) -> Bool, minTimeMs: Int64, compression: WALCompression = .snappy,
    segmentBytesMax: Int = WALWriter.segmentBytesDefault
  ) throws(StorageError) -> Result {
    let parts = try parts(upTo: lastSegment)
    try removeHalfMade()
    var result = Result(path: folder + "/" + WALCheckpoint.name(lastSegment))
    let temporary = result.path + Self.temporarySuffix
    try makeFolder(temporary)
    do throws(StorageError) {
      try write(parts, to: temporary, keeps, minTimeMs, compression, segmentBytesMax, &result)
      try removeAll(at: result.path)
      try rename(from: temporary, to: result.path)
      try synchronizeFolder(folder)
    } catch {
      try? removeAll(at: temporary)
      throw error
    }
    return result
  }

  /// Removes what the newest checkpoint stands for: segments up to its number and older checkpoints.
  public func removeCovered() throws(StorageError) {
    let checkpoints = try WALCheckpoint.inFolder(folder)
    guard let newest = checkpoints.last else { return }
    for segment in try WALSegment.inFolder(folder) where segment.number <= newest.number {
      try removeAll(at: segment.path)
    }
    for checkpoint in checkpoints.dropLast() { try removeAll(at: checkpoint.path) }
    try synchronizeFolder(folder)
  }

  private static let temporarySuffix = ".tmp"

  /// The segments to be read, in order.
  private func parts(upTo lastSegment: Int) throws(StorageError) -> [WALSegment] {
    let checkpoint = try WALCheckpoint.inFolder(folder).last
    let covered = checkpoint?.number ?? -1
    guard covered < lastSegment else {
      throw StorageError(
        .argument, "checkpoint \(folder) up to segment \(lastSegment): checkpoint \(covered) stands for it already",
        disposition: .rejectRequest)
    }
    let segments = try WALSegment.inFolder(folder).filter { $0.number > covered && $0.number <= lastSegment }
    var expected = checkpoint == nil ? segments.first?.number ?? lastSegment : covered + 1
    for segment in segments {
      guard segment.number == expected else { break }
      expected += 1
    }
    guard expected == lastSegment + 1 else {
      throw StorageError(.notFound, "checkpoint \(folder) up to segment \(lastSegment): segment \(expected) is missing")
    }
    return try (checkpoint.map { checkpoint throws(StorageError) in try WALSegment.inFolder(checkpoint.path) } ?? [])
      + segments
  }

  /// Removes checkpoints that whoever was writing them has not finished.
  private func removeHalfMade() throws(StorageError) {
    for name in try folderEntries(folder)
    where name.hasPrefix(WALCheckpoint.prefix) && name.hasSuffix(Self.temporarySuffix) {
      try removeAll(at: folder + "/" + name)
    }
  }

  private func write(
    _ parts: [WALSegment], to folder: String, _ keeps: (UInt64) -> Bool, _ minTimeMs: Int64,
    _ compression: WALCompression, _ segmentBytesMax: Int, _ result: inout Result
  ) throws(StorageError) {
    var reader = WALReader(parts)
    var writer = try WALWriter(
      folder: folder, number: 0, compression: compression, segmentBytesMax: segmentBytesMax)
    var metadata: [UInt64: WALRecord.Metadata] = [:]
    while let event = try reader.next() {
      switch event {
      case .damage(let damage): throw StorageError(.malformed, "checkpoint \(self.folder): \(damage)")
      case .record(let place):
        if let error = reader.decode() {
          throw StorageError(.malformed, "checkpoint \(self.folder): \(place.path), offset \(place.offset): \(error)")
        }
        let record = reader.record
        result.entriesRead += record.count
        var kept = 0
        let records = record.filtered { index in
          let isKept: Bool
          switch record.type {
          case .series: isKept = keeps(record.seriesRefs[index])
          case .tombstones: isKept = record.maxTimesMs[index] >= minTimeMs && keeps(record.seriesRefs[index])
          case .metadata:
            if keeps(record.seriesRefs[index]) {
              if metadata[record.seriesRefs[index]] == nil { kept += 1 }
              metadata[record.seriesRefs[index]] = record.metadata(at: index)
            }
            return false
          case .mmapMarkers: isKept = false
          default: isKept = record.timestampsMs[index] >= minTimeMs
          }
          if isKept { kept += 1 }
          return isKept
        }
        result.entriesDropped += record.count - kept
        for record in records { try writer.append(record) }
      }
    }
    if !metadata.isEmpty {
      let entries = metadata.sorted { $0.key < $1.key }.map { (seriesRef: $0.key, metadata: $0.value) }
      try writer.append(WALRecord.encodeMetadata(entries))
    }
    try writer.finish()
  }
}
