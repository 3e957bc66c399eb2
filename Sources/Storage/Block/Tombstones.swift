// What was deleted from a block: for each series the closed intervals of time that a reader must leave out.
// docs/formats/tombstones.md.
internal import CTSDB
public import TSModel

/// The deletions of a block, by series reference.
public struct Tombstones: Sendable, Equatable {
  /// The intervals of one series in two columns: ascending, with at least one free millisecond between them.
  struct Intervals: Sendable, Equatable {
    var minTimesMs: [Int64] = []
    var maxTimesMs: [Int64] = []

    mutating func add(minTimeMs: Int64, maxTimeMs: Int64) {
      var count = minTimesMs.count
      minTimesMs.append(0)
      maxTimesMs.append(0)
      let capacity = minTimesMs.count
      let status = unsafe minTimesMs.withUnsafeMutableBufferPointer { mins in
        unsafe maxTimesMs.withUnsafeMutableBufferPointer { maxs in
          unsafe tsdb_intervals_add(mins.baseAddress, maxs.baseAddress, &count, capacity, minTimeMs, maxTimeMs)
        }
      }
      assert(status == TSDB_OK, "there is room for one more, and callers hand over intervals that are not inverted")
      minTimesMs.removeLast(capacity - count)
      maxTimesMs.removeLast(capacity - count)
    }

    /// How much of a closed range the intervals cover.
    func coverage(of range: TimeRange) -> Coverage {
      let coverage = unsafe minTimesMs.withUnsafeBufferPointer { mins in
        unsafe maxTimesMs.withUnsafeBufferPointer { maxs in
          unsafe tsdb_intervals_coverage(
            mins.baseAddress, maxs.baseAddress, mins.count, range.minTimeMs, range.maxTimeMs)
        }
      }
      switch coverage {
      case TSDB_COVERS_ALL: return .all
      case TSDB_COVERS_PART: return .part
      default: return .nothing
      }
    }
  }

  /// How much of a range of time is deleted.
  public enum Coverage: Sendable {
    /// Nothing of it.
    case nothing
    /// Some of it, perhaps no sample.
    case part
    /// All of it.
    case all
  }

  private var bySeries: [UInt64: Intervals] = [:]

  /// No deletions.
  public init() {}

  /// Reads the bytes of a file `tombstones`. Intervals of one series that overlap or touch become one; an interval that
  /// ends before it begins deletes nothing. Throws `.truncated`, `.magic`, `.version`, `.checksum`, `.malformed`.
  public init(parsing bytes: [UInt8]) throws(StorageError) {
    let capacity = tsdb_tombstones_count_bound(bytes.count)
    var refs = [UInt64](repeating: 0, count: capacity)
    var mins = [Int64](repeating: 0, count: capacity)
    var maxs = [Int64](repeating: 0, count: capacity)
    var count = 0
    let status = unsafe bytes.withUnsafeBufferPointer { source in
      unsafe tsdb_tombstones_read(source.baseAddress, source.count, &refs, &mins, &maxs, capacity, &count)
    }
    guard status == TSDB_OK else { throw Self.error(status, bytes) }
    // In ascending order every interval is added at the end: a file in any order takes no longer than a sorted one.
    let order = (0..<count).sorted { (refs[$0], mins[$0]) < (refs[$1], mins[$1]) }
    for index in order where mins[index] <= maxs[index] {
      add(TimeRange(minTimeMs: mins[index], maxTimeMs: maxs[index]), toSeries: refs[index])
    }
  }

  /// Reads the deletions of a chunk snapshot: the version of such a file and its entries, without magic number and checksum. Throws
  /// `.truncated`, `.version`, `.malformed`.
  init(inSnapshot bytes: some Collection<UInt8>) throws(StorageError) {
    var file: [UInt8] = Array(Self().encoded().prefix(Self.magicBytes)) + bytes
    let entries = Array(bytes.dropFirst())
    let checksum = unsafe entries.withUnsafeBufferPointer { unsafe tsdb_crc32c(0, $0.baseAddress, $0.count) }
    for shift in [24, 16, 8, 0] as [UInt32] { file.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
    try self.init(parsing: file)
  }

  /// The same, to be written into a snapshot.
  func encodedForSnapshot() -> ArraySlice<UInt8> { encoded().dropFirst(Self.magicBytes).dropLast(4) }

  private static let magicBytes = 4

  /// Whether nothing is deleted.
  public var isEmpty: Bool { bySeries.isEmpty }

  /// Series of which something is deleted, ascending.
  public var seriesRefs: [UInt64] { bySeries.keys.sorted() }

  /// Intervals, over all series.
  public var intervalCount: Int { bySeries.values.reduce(0) { $0 + $1.minTimesMs.count } }

  /// What they take in memory, roughly, bytes.
  var memoryBytes: Int { bySeries.count * 128 + intervalCount * 16 }

  /// What is deleted of one series: closed ranges, ascending, apart.
  public func intervals(of seriesRef: UInt64) -> [TimeRange] {
    guard let intervals = bySeries[seriesRef] else { return [] }
    return zip(intervals.minTimesMs, intervals.maxTimesMs).map { TimeRange(minTimeMs: $0, maxTimeMs: $1) }
  }

  /// The same as columns, or nil where nothing is deleted.
  func columns(of seriesRef: UInt64) -> Intervals? { bySeries[seriesRef] }

  /// How much of `range` is deleted of one series.
  public func coverage(of range: TimeRange, seriesRef: UInt64) -> Coverage {
    bySeries[seriesRef]?.coverage(of: range) ?? .nothing
  }

  /// Deletes `range` (not empty) of a series, besides what is deleted already.
  public mutating func add(_ range: TimeRange, toSeries seriesRef: UInt64) {
    precondition(!range.isEmpty, "an interval ends before it begins")
    bySeries[seriesRef, default: Intervals()].add(minTimeMs: range.minTimeMs, maxTimeMs: range.maxTimeMs)
  }

  /// The bytes of a file `tombstones`: series ascending, their intervals ascending.
  public func encoded() -> [UInt8] {
    var (refs, mins, maxs): ([UInt64], [Int64], [Int64]) = ([], [], [])
    for (ref, intervals) in bySeries.sorted(by: { $0.key < $1.key }) {
      refs += repeatElement(ref, count: intervals.minTimesMs.count)
      mins += intervals.minTimesMs
      maxs += intervals.maxTimesMs
    }
    let capacity = tsdb_tombstones_bound(refs.count)
    return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, size in
      let status = unsafe tsdb_tombstones_write(refs, mins, maxs, refs.count, buffer.baseAddress, capacity, &size)
      assert(status == TSDB_OK, "the bound is enough for any entries")
    }
  }

  private static func error(_ status: tsdb_status, _ bytes: [UInt8]) -> StorageError {
    switch status {
    case TSDB_ERR_TRUNCATED where bytes.count < Int(TSDB_TOMBSTONES_SIZE_MIN):
      StorageError(.truncated, "read tombstones: \(bytes.count) bytes are too few for a header and a checksum")
    case TSDB_ERR_MAGIC:
      StorageError(.magic, "read tombstones: invalid magic number \(hexadecimal(bytes.prefix(4)))")
    case TSDB_ERR_VERSION:
      StorageError(.version, "read tombstones: invalid tombstone format \(bytes[4])")
    default:
      StorageError(status, "read tombstones")
    }
  }
}

/// Bytes as lower-case hexadecimal digits without blanks.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
