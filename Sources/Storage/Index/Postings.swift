// One postings list: the ids of all series that have a label pair, ascending, as they lie in the file.
internal import CTSDB
public import TSModel

/// A checked postings list, big-endian as it is stored.
public struct Postings: Sendable {
  /// The ids: `count` big-endian 32-bit numbers, without header and checksum.
  public let region: ByteRegion
  /// How many there are.
  public let count: Int

  /// `count` ids in `region`.
  init(region: ByteRegion, count: Int) {
    self.region = region
    self.count = count
  }

  /// No id at all.
  public static let empty = Postings(region: ByteRegion(copying: []), count: 0)

  /// Reads the list at `offset` of `source` and checks size, count and checksum.
  init(_ source: any RangeReader, offset: UInt64, _ attempt: () -> String) throws(StorageError) {
    guard offset >= UInt64(TSDB_INDEX_HEADER_SIZE), let start = Int(exactly: offset),
      start <= source.byteCount - Int(TSDB_INDEX_FRAME_SIZE)
    else {
      throw StorageError(.truncated, "\(attempt()), offset \(offset): \(source.name) has \(source.byteCount) bytes")
    }
    let size = try source.beUInt32(at: start)
    guard size <= source.byteCount - start - Int(TSDB_INDEX_FRAME_SIZE) else {
      throw StorageError(
        .truncated,
        "\(attempt()), offset \(offset): \(size) bytes are announced, \(source.name) has \(source.byteCount)")
    }
    let list = try source.region(offset: start, count: size + Int(TSDB_INDEX_FRAME_SIZE))
    var count: UInt32 = 0
    let status = unsafe list.withUnsafeBytes { bytes in
      unsafe tsdb_index_postings_check(bytes.bytes, bytes.count, &count)
    }
    guard status == TSDB_OK, let ids = list.slice(8..<8 + 4 * Int(count)) else {
      throw StorageError(status, "\(attempt()), offset \(offset) of \(source.name)")
    }
    self.init(region: ids, count: Int(count))
  }

  /// The ids as numbers, written to the front of `refs`, which must have room for `count`.
  public func copy(into refs: UnsafeMutableBufferPointer<UInt32>) {
    precondition(refs.count >= count, "\(count) ids into room for \(refs.count)")
    unsafe region.withUnsafeBytes { bytes in
      guard let source = unsafe bytes.bytes else { return }
      unsafe tsdb_index_postings_copy(source, refs.baseAddress, count)
    }
  }

  /// The ids at the places `range` of the list, into the front of `refs`.
  func copy(_ range: Range<Int>, into refs: UnsafeMutableBufferPointer<UInt32>) {
    precondition(
      range.upperBound <= count && refs.count >= range.count, "ids \(range) of \(count) into room for \(refs.count)")
    unsafe region.withUnsafeBytes { bytes in
      guard let source = unsafe bytes.bytes, !range.isEmpty else { return }
      unsafe tsdb_index_postings_copy(source + 4 * range.lowerBound, refs.baseAddress, range.count)
    }
  }

  /// The ids as numbers.
  public func refs() -> [UInt32] {
    unsafe [UInt32](unsafeUninitializedCapacity: count) { refs, filled in
      unsafe copy(into: refs)
      filled = count
    }
  }
}
