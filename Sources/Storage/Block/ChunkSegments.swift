// The chunks of a block: its segment files, and the way from a chunk's reference to its bytes.
// docs/formats/chunk-segments.md.
//
// A mapped segment is one region: all chunks of a batch that lie in it are found by one call of C, without a copy. Over
// any other reader, chunks that lie near each other are read together:
//
//   refs      a   b  c                              d
//   reads    [a···b··c···]                         [d···]        gap between them above `gapMax`
internal import CTSDB
package import TSModel

/// Opened and checked segment files, in order: segment 0 is file 000001.
package final class ChunkSegments: Sendable {
  /// One reader a segment.
  package let readers: [any RangeReader]

  /// Bytes that are read beyond the start of a chunk whose length is not known yet: more than most chunks have.
  private static let chunkSizeUsual = 16 << 10
  private static let gapMax = 64 << 10
  private static let windowMax = 4 << 20

  /// Takes the segments `readers`, whose headers are checked. Throws `.truncated`, `.magic`, `.version`, or what reading
  /// throws.
  package init(_ readers: [any RangeReader]) throws(StorageError) {
    for reader in readers {
      let count = min(reader.byteCount, Int(TSDB_SEGMENT_HEADER_SIZE))
      let header = try reader.region(offset: 0, count: count)
      let status = unsafe header.withUnsafeBytes { unsafe tsdb_segment_header_check($0.bytes, $0.count) }
      guard status != TSDB_OK else { continue }
      let bytes = unsafe header.withUnsafeBytes { unsafe [UInt8]($0) }
      switch status {
      case TSDB_ERR_MAGIC:
        throw StorageError(.magic, "open chunks \(reader.name): invalid magic number \(hexadecimal(bytes.prefix(4)))")
      case TSDB_ERR_VERSION:
        throw StorageError(.version, "open chunks \(reader.name): invalid chunk format version \(bytes[4]), known is 1")
      default:
        throw StorageError(.truncated, "open chunks \(reader.name): \(count) bytes are too few for a header")
      }
    }
    self.readers = readers
  }

  /// The files of a folder `chunks`, in order: all whose names are numbers, which must be 1, 2, 3 and so on.
  package static func files(in folder: String) throws(StorageError) -> [String] {
    let numbered = try folderEntries(folder).compactMap { name -> (number: UInt64, name: String)? in
      // UInt64 would take a plus sign, too.
      name.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        ? UInt64(name).map { ($0, name) } : nil
    }.sorted { $0.number < $1.number }
    for (index, file) in numbered.enumerated() where file.number != UInt64(index + 1) {
      throw StorageError(
        .order,
        "open chunks \(folder): file number \(index + 1) is missing before \(file.name), so that references to chunks "
          + "would lead to wrong ones")
    }
    return numbered.map { folder + "/" + $0.name }
  }

  /// Encoding and data of one chunk, its checksum checked. Throws `.reference` for a segment or an offset that is not there,
  /// `.truncated`, `.checksum`, `.encoding`, and `.malformed` for a chunk without samples.
  package func chunk(ref: UInt64) throws(StorageError) -> (encoding: UInt8, bytes: ByteRegion) {
    let (segment, offset) = try place(of: ref)
    do throws(StorageError) {
      let record = try record(segment, at: offset)
      var found = FoundChunk()
      let status = found.locate(in: record, offset: offset, ref: ref)
      guard status == TSDB_OK else { throw failure(status, ref) }
      guard let bytes = record.slice(found.range) else { throw failure(TSDB_ERR_TRUNCATED, ref) }
      return (found.encoding, bytes)
    } catch { throw faulted(error, segment) }
  }

  /// Finds the bytes of all chunks of `batch`. What is copied, since it does not lie in mapped memory, is charged to
  /// `budget` as long as the batch keeps it. Throws as `chunk(ref:)`, and `.budget`.
  package func load(into batch: SeriesBatch, budget: MemoryBudget?) throws(StorageError) {
    do { try batch.reserveChunkBytes() } catch { throw StorageError(error, "read chunks") }
    let count = batch.chunkCount
    var first = 0
    while first < count {
      let (segment, offset) = try place(of: batch.chunk(first).ref)
      do throws(StorageError) {
        first = try loadRun(of: batch, from: first, segment, offset, budget)
      } catch { throw faulted(error, segment) }
    }
    // Whole files may be mapped: asked once for all that was found.
    guard !batch.hasFault else {
      throw StorageError(.faulted, "read chunks: a file was cut short or could not be read while it was in use")
    }
  }

  /// Loads chunk `first` and those after it that lie in the same part of the same segment. Returns the next one.
  private func loadRun(
    of batch: SeriesBatch, from first: Int, _ segment: any RangeReader, _ offset: Int, _ budget: MemoryBudget?
  ) throws(StorageError) -> Int {
    let isMapped = segment is MappedFile
    let segmentNumber = batch.chunk(first).ref >> 32
    var refs: [UInt64] = []
    var last = offset
    var index = first
    while index < batch.chunkCount {
      let ref = batch.chunk(index).ref
      let next = Int(ref & 0xFFFF_FFFF)
      guard ref >> 32 == segmentNumber else { break }
      if !isMapped {
        guard next >= last, next - last <= Self.gapMax, next - offset <= Self.windowMax else { break }
      }
      refs.append(ref)
      last = max(last, next)
      index += 1
    }
    let start = isMapped ? 0 : offset
    let end = isMapped ? segment.byteCount : min(segment.byteCount, last + Self.chunkSizeUsual)
    let window = try charged(segment, offset: start, count: max(0, end - start), budget)
    batch.retain(window)
    let (status, done) = unsafe window.withUnsafeBytes { bytes in
      unsafe locate(refs, in: bytes, offset: start, for: batch, first)
    }
    if status == TSDB_OK { return index }
    let failed = batch.chunk(first + done).ref
    guard status == TSDB_ERR_TRUNCATED, end < segment.byteCount else { throw failure(status, failed) }
    // The chunk is longer than was expected: read it alone.
    let alone = Int(failed & 0xFFFF_FFFF)
    let size = try recordSize(segment, at: alone)
    let record = try charged(segment, offset: alone, count: size, budget)
    batch.retain(record)
    let (aloneStatus, _) = unsafe record.withUnsafeBytes { bytes in
      unsafe locate([failed], in: bytes, offset: alone, for: batch, first + done)
    }
    guard aloneStatus == TSDB_OK else { throw failure(aloneStatus, failed) }
    return first + done + 1
  }

  /// One call of C for all `refs`, the chunks from `first` on of `batch`.
  private func locate(
    _ refs: [UInt64], in bytes: UnsafeRawBufferPointer, offset: Int, for batch: SeriesBatch, _ first: Int
  ) -> (status: tsdb_status, done: Int) {
    var data = unsafe [UnsafePointer<UInt8>?](repeating: nil, count: refs.count)
    var sizes = [UInt32](repeating: 0, count: refs.count)
    var encodings = [UInt8](repeating: 0, count: refs.count)
    var done = 0
    let status = unsafe tsdb_chunk_records_locate(
      bytes.bytes, bytes.count, UInt64(offset), refs, refs.count, &data, &sizes, &encodings, &done)
    for index in 0..<done {
      unsafe batch.setChunkBytes(
        first + index, encoding: encodings[index],
        bytes: UnsafeRawBufferPointer(start: data[index], count: Int(sizes[index])))
    }
    return (status, done)
  }

  /// Where a reference leads.
  private func place(of ref: UInt64) throws(StorageError) -> (segment: any RangeReader, offset: Int) {
    let number = ref >> 32
    guard number < UInt64(readers.count) else {
      throw StorageError(
        .reference,
        "read chunk \(ref): it lies in segment \(number + 1), the block has \(readers.count)")
    }
    return (readers[Int(number)], Int(ref & 0xFFFF_FFFF))
  }

  /// The bytes of the record at `offset`, all of them.
  private func record(_ segment: any RangeReader, at offset: Int) throws(StorageError) -> ByteRegion {
    try segment.region(offset: offset, count: try recordSize(segment, at: offset))
  }

  private func recordSize(_ segment: any RangeReader, at offset: Int) throws(StorageError) -> Int {
    let attempt = "read a chunk of \(segment.name) at offset \(offset)"
    guard offset >= Int(TSDB_SEGMENT_HEADER_SIZE), offset < segment.byteCount else {
      throw StorageError(.reference, "\(attempt): outside the chunks, 8 to \(segment.byteCount)")
    }
    let head = try segment.region(offset: offset, count: min(5, segment.byteCount - offset))
    var size = 0
    let status = unsafe head.withUnsafeBytes { unsafe tsdb_chunk_record_size($0.bytes, $0.count, &size) }
    guard status == TSDB_OK else { throw StorageError(status, "\(attempt): its length") }
    guard size <= segment.byteCount - offset else {
      throw StorageError(
        .truncated, "\(attempt): it has \(size) bytes, \(segment.byteCount - offset) are left")
    }
    return size
  }

  /// A region whose memory, where it is not mapped, is charged as long as it lives.
  private func charged(
    _ segment: any RangeReader, offset: Int, count: Int, _ budget: MemoryBudget?
  ) throws(StorageError) -> ByteRegion {
    guard let budget, !(segment is MappedFile) else { return try segment.region(offset: offset, count: count) }
    var charge = BudgetCharge()
    do throws(BudgetExceeded) { charge = try budget.charged(count) } catch {
      throw StorageError(error, "read \(count) bytes of \(segment.name)")
    }
    return ChargedRegion.make(try segment.region(offset: offset, count: count), charge)
  }

  private func failure(_ status: tsdb_status, _ ref: UInt64) -> StorageError {
    let name = readers[Int(ref >> 32)].name
    let attempt = "read the chunk of \(name) at offset \(ref & 0xFFFF_FFFF)"
    return switch status {
    case TSDB_ERR_MALFORMED: StorageError(.malformed, "\(attempt): its length is impossible or it has no samples")
    case TSDB_ERR_REFERENCE: StorageError(.reference, "\(attempt): outside the file's chunks")
    case TSDB_ERR_TRUNCATED: StorageError(.truncated, "\(attempt): the file ends before it does")
    default: StorageError(status, attempt)
    }
  }

  /// `error`, or where the segment's memory has failed, that.
  private func faulted(_ error: StorageError, _ segment: any RangeReader) -> StorageError {
    guard let file = segment as? MappedFile, file.hasFault, error.code != .faulted else { return error }
    return StorageError(
      .faulted, "read \(segment.name): the file was cut short or could not be read while it was in use", cause: error)
  }

  /// What of the block has failed, if anything has: see `ByteOwner.hasFault`.
  package var faultedName: String? {
    readers.first { ($0 as? MappedFile)?.hasFault == true }?.name
  }
}

/// Where one chunk lies in its record.
private struct FoundChunk {
  var encoding: UInt8 = 0
  var range = 0..<0

  mutating func locate(in record: ByteRegion, offset: Int, ref: UInt64) -> tsdb_status {
    var found = (encoding: UInt8(0), range: 0..<0)
    let status = unsafe record.withUnsafeBytes { bytes in
      var data: UnsafePointer<UInt8>?
      var size: UInt32 = 0
      var done = 0
      let status = unsafe withUnsafePointer(to: ref) { ref in
        unsafe tsdb_chunk_records_locate(
          bytes.bytes, bytes.count, UInt64(offset), ref, 1, &data, &size, &found.encoding, &done)
      }
      if status == TSDB_OK, let data = unsafe data, let base = unsafe bytes.bytes {
        let start = unsafe data - base
        found.range = start..<start + Int(size)
      }
      return status
    }
    (encoding, range) = found
    return status
  }
}

/// A region of memory of our own together with what is charged for it.
@safe private final class ChargedRegion: ByteOwner {
  private let region: ByteRegion
  private let charge: BudgetCharge

  private init(_ region: ByteRegion, _ charge: consuming BudgetCharge) {
    self.region = region
    self.charge = charge
  }

  var hasFault: Bool { region.hasFault }

  static func make(_ region: ByteRegion, _ charge: consuming BudgetCharge) -> ByteRegion {
    let owner = ChargedRegion(region, charge)
    // The bytes belong to `region`, which `owner` holds.
    return unsafe region.withUnsafeBytes { unsafe ByteRegion(owner: owner, unsafeBytes: $0) }
  }
}
