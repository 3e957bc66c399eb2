// A chunk snapshot: the series of a head with their open chunks, as a Prometheus leaves them when it is stopped.
// docs/formats/chunk-snapshot.md.
internal import CTSDB
public import TSModel

/// A snapshot on disk.
public struct ChunkSnapshot: Sendable, Hashable {
  /// The folder's name: `chunk_snapshot.`, segment, offset.
  public let name: String
  /// Where it is.
  public let path: String
  /// The segment of the write-ahead log up to which it goes.
  public let segmentNumber: Int
  /// The offset in that segment, bytes: records from there on are not in the snapshot.
  public let segmentOffset: Int

  static let prefix = "chunk_snapshot."

  /// The snapshots in the data folder `folder`, in order of how far they go.
  public static func inFolder(_ folder: String) throws(StorageError) -> [ChunkSnapshot] {
    guard try kind(of: folder) == .folder else { return [] }
    var snapshots: [ChunkSnapshot] = []
    for name in try folderEntries(folder) where name.hasPrefix(prefix) {
      let numbers = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
      guard numbers.count == 2, let segment = decimal(String(numbers[0])), let offset = decimal(String(numbers[1]))
      else {
        continue
      }
      guard try kind(of: folder + "/" + name) == .folder else { continue }
      snapshots.append(
        ChunkSnapshot(name: name, path: folder + "/" + name, segmentNumber: segment, segmentOffset: offset))
    }
    return snapshots.sorted { ($0.segmentNumber, $0.segmentOffset) < ($1.segmentNumber, $1.segmentOffset) }
  }

  /// A series of a snapshot, with its open chunk.
  public struct Series: Sendable {
    /// What the write-ahead log calls it.
    public var ref: UInt64
    /// Its labels.
    public var labels: [Labels.Label]
    /// The open chunk; nil where there is none.
    public var chunk: EncodedChunk?

    /// A series.
    public init(ref: UInt64, labels: [Labels.Label], chunk: EncodedChunk?) {
      self.ref = ref
      self.labels = labels
      self.chunk = chunk
    }
  }

  /// What a record holds.
  public enum Record: Sendable {
    /// A series.
    case series(Series)
    /// Deletions of all series.
    case tombstones(Tombstones)
    /// Exemplars.
    case exemplars([WALRecord.Exemplar])
    /// A kind that this program does not know; readers pass over it.
    case unknown
  }

  /// The record with these bytes. Throws `.truncated`, `.malformed`, `.count`, `.encoding`, `.size`, and what reading tombstones throws.
  public static func parse(_ bytes: [UInt8]) throws(StorageError) -> Record {
    switch UInt32(bytes.first ?? 0) {
    case TSDB_SNAPSHOT_SERIES.rawValue: return .series(try series(bytes))
    case TSDB_SNAPSHOT_TOMBSTONES.rawValue:
      var (offset, size) = (0, 0)
      let status = unsafe tsdb_snapshot_tombstones_find(bytes, bytes.count, &offset, &size)
      guard status == TSDB_OK else { throw StorageError(status, "read the tombstones of a snapshot") }
      return .tombstones(try Tombstones(inSnapshot: bytes[offset..<offset + size]))
    case TSDB_SNAPSHOT_EXEMPLARS.rawValue:
      // But for its first byte it is a record of a write-ahead log.
      var record = WALRecord([WALRecordType.exemplars.rawValue] + bytes.dropFirst())
      try record.decode()
      return .exemplars((0..<record.count).map(record.exemplar))
    default: return .unknown
    }
  }

  private static func series(_ bytes: [UInt8]) throws(StorageError) -> Series {
    let capacity = tsdb_snapshot_labels_bound(bytes.count)
    var texts: [tsdb_wal_text] = []
    var found = tsdb_snapshot_series()
    // Most of a record is its chunk: there are far fewer labels than it could hold.
    var status = TSDB_ERR_CAPACITY
    for room in [64, capacity] where status == TSDB_ERR_CAPACITY {
      extend(&texts, to: 2 * min(room, capacity), tsdb_wal_text())
      status = unsafe tsdb_snapshot_series_read(bytes, bytes.count, &found, &texts, texts.count / 2)
    }
    guard status == TSDB_OK else {
      throw StorageError(status, "read a series of a snapshot in \(bytes.count) bytes")
    }
    func text(_ text: tsdb_wal_text) -> String {
      String(decoding: bytes[Int(text.offset)..<Int(text.offset) + Int(text.size)], as: UTF8.self)
    }
    var chunk: EncodedChunk?
    if found.has_chunk {
      let data = Array(bytes[found.data_offset..<found.data_offset + found.data_size])
      let encoding = ChunkEncoding(rawValue: found.encoding)
      chunk = EncodedChunk(
        encoding: encoding, minTimeMs: found.min_ms, maxTimeMs: found.max_ms, bytes: data,
        sampleCount: try chunkSampleCount(unsafe data.span.bytes, encoding))
    }
    return Series(
      ref: found.series_ref,
      labels: (0..<found.label_count).map {
        Labels.Label(name: text(texts[2 * $0]), value: text(texts[2 * $0 + 1]))
      }, chunk: chunk)
  }
}

/// Writes a snapshot: whole or not at all.
public struct ChunkSnapshotWriter: ~Copyable {
  /// Most exemplars in a record, as Prometheus has it.
  static let exemplarsPerRecord = 10_000

  /// The snapshot's folder, once it is finished.
  public let path: String
  private let parentFolder: String
  private let temporary: String
  private var writer: WALWriter

  /// Begins a snapshot of a head whose write-ahead log ends at this segment and offset, in the data folder `parentFolder`.
  public init(
    parentFolder: String, segmentNumber: Int, segmentOffset: Int, compression: WALCompression = .snappy
  ) throws(StorageError) {
    self.parentFolder = parentFolder
    path = parentFolder + "/" + ChunkSnapshot.prefix + padded(segmentNumber, 6) + "." + padded(segmentOffset, 10)
    temporary = path + ".tmp"
    try removeAll(at: temporary)
    try makeFolder(temporary)
    writer = try WALWriter(folder: temporary, number: 0, compression: compression)
  }

  /// Appends a series. Throws what decoding its chunk throws: a histogram's last value is kept beside it.
  public mutating func append(_ series: ChunkSnapshot.Series) throws(StorageError) {
    var columns = tsdb_snapshot_series()
    columns.series_ref = series.ref
    columns.label_count = series.labels.count
    var (texts, text): ([tsdb_wal_text], [UInt8]) = ([], [])
    for label in series.labels {
      for part in [label.name, label.value] {
        let offset = text.count
        text.append(contentsOf: part.utf8)
        texts.append(
          tsdb_wal_text(
            offset: UInt32(truncatingIfNeeded: offset), size: UInt32(truncatingIfNeeded: text.count - offset)))
      }
    }
    var last: [UInt8] = []
    if let chunk = series.chunk {
      columns.has_chunk = true
      (columns.min_ms, columns.max_ms) = (chunk.minTimeMs, chunk.maxTimeMs)
      columns.encoding = chunk.encoding.rawValue
      columns.data_size = chunk.bytes.count
      if chunk.encoding.isFloat {
        var floats = FloatColumns()
        try floats.append(decoding: unsafe chunk.bytes.span.bytes, encoding: chunk.encoding)
        if floats.count > 0 { columns.last_value = floats.values[floats.count - 1] }
      } else {
        var histograms = HistogramColumns()
        try histograms.decode(unsafe chunk.bytes.span.bytes, encoding: chunk.encoding)
        var body = HistogramRecordColumns()
        if histograms.count > 0 { body.append(histograms.histogram(at: histograms.count - 1)) }
        last = body.body(isFloat: histograms.isFloat)
      }
    }
    columns.last_size = last.count
    let capacity = tsdb_snapshot_series_bound(texts.count / 2, text.count, columns.data_size, last.count)
    let data = series.chunk?.bytes ?? []
    let record = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, size in
      let status = unsafe tsdb_snapshot_series_write(
        &columns, texts, text, data, last, target.baseAddress, capacity, &size)
      assert(status == TSDB_OK, "the bound is enough for any series")
    }
    try writer.append(record)
  }

  /// Appends the deletions of all series.
  public mutating func append(_ tombstones: Tombstones) throws(StorageError) {
    let entries = tombstones.encodedForSnapshot()
    var record: [UInt8] = [UInt8(TSDB_SNAPSHOT_TOMBSTONES.rawValue)]
    var size = entries.count
    while size >= 0x80 {
      record.append(UInt8(truncatingIfNeeded: size | 0x80))
      size >>= 7
    }
    record.append(UInt8(truncatingIfNeeded: size))
    try writer.append(record + entries)
  }

  /// Appends exemplars.
  public mutating func append(_ exemplars: [WALRecord.Exemplar]) throws(StorageError) {
    var begin = 0
    while begin < exemplars.count {
      let end = min(exemplars.count, begin + Self.exemplarsPerRecord)
      var record = WALRecord.encodeExemplars(Array(exemplars[begin..<end]))
      record[0] = UInt8(TSDB_SNAPSHOT_EXEMPLARS.rawValue)
      try writer.append(record)
      begin = end
    }
  }

  /// Gives the snapshot its name; it is on the disk when this returns.
  public consuming func finish() throws(StorageError) {
    let (path, temporary, parentFolder) = (path, temporary, parentFolder)
    try writer.finish()
    try rename(from: temporary, to: path)
    try synchronizeFolder(parentFolder)
  }
}
