// What a head keeps on disk, and where: the parts of a Prometheus' data folder that are not blocks.
//
//   data/wal/              write-ahead log and its checkpoints
//   data/wbl/              the same for samples that come out of order
//   data/chunks_head/      chunks that are full
//   data/chunk_snapshot.N.M/   the head as it was at offset M of segment N of the write-ahead log

/// The files of a head.
public struct HeadFolder: Sendable {
  /// One log: segments to be read in their order.
  public struct Log: Sendable {
    /// How it is called in a dump: `wal`, `wal/checkpoint.00000001`, `wbl`, `chunk_snapshot.…`.
    public let name: String
    /// Its files.
    public let segments: [WALSegment]
  }

  /// The folder.
  public let path: String
  /// Whether the folder is that of a write-ahead log alone.
  public let isLog: Bool

  /// The head in the data folder `path`, or the log whose folder `path` is. Throws `.notFound` where it is neither.
  public init(path: String) throws(StorageError) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard try kind(of: path) == .folder else { throw StorageError(.notFound, "open \(path): not a folder") }
    var isData = false
    for name in ["wal", "wbl", "chunks_head"] where try kind(of: path + "/" + name) == .folder { isData = true }
    if !isData, try WALSegment.inFolder(path).isEmpty, try WALCheckpoint.inFolder(path).isEmpty {
      throw StorageError(
        .notFound, "open \(path): neither a data folder (with wal, wbl or chunks_head) nor the folder of a log",
        disposition: .rejectRequest)
    }
    self.path = path
    isLog = !isData
  }

  /// The folder of the write-ahead log.
  public var walPath: String { isLog ? path : path + "/wal" }
  /// The folder of the log of out-of-order samples.
  public var wblPath: String { path + "/wbl" }
  /// The folder of chunks.
  public var chunksPath: String { path + "/chunks_head" }

  /// The newest checkpoint of the write-ahead log; nil where it has none.
  public func checkpoint() throws(StorageError) -> WALCheckpoint? { try WALCheckpoint.inFolder(walPath).last }

  /// The logs in the order in which they are to be read: checkpoint, the segments behind it, those of out-of-order samples.
  public func logs() throws(StorageError) -> [Log] {
    var logs: [Log] = []
    var covered = -1
    if let checkpoint = try checkpoint() {
      logs.append(
        Log(name: "wal/" + WALCheckpoint.name(checkpoint.number), segments: try WALSegment.inFolder(checkpoint.path)))
      covered = checkpoint.number
    }
    let segments = try WALSegment.inFolder(walPath).filter { $0.number > covered }
    if !segments.isEmpty { logs.append(Log(name: "wal", segments: segments)) }
    let outOfOrder = isLog ? [] : try WALSegment.inFolder(wblPath)
    if !outOfOrder.isEmpty { logs.append(Log(name: "wbl", segments: outOfOrder)) }
    return logs
  }
}
