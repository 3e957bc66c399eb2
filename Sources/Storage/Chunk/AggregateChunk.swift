// Chunks of downsampled blocks: up to five chunks in one. docs/formats/aggregate-chunks.md.
internal import CTSDB

/// Where the aggregates lie in the payload of a chunk of encoding `.aggregates`.
public struct AggregateChunk: Sendable, Equatable {
  /// The aggregates in the order in which they are stored.
  public enum Slot: Int, CaseIterable, Sendable, CustomStringConvertible {
    case count, sum, min, max, counter

    /// The name that dumps print.
    public var description: String {
      switch self {
      case .count: "count"
      case .sum: "sum"
      case .min: "min"
      case .max: "max"
      case .counter: "counter"
      }
    }
  }

  /// One aggregate: a chunk of its own within the payload.
  public struct Part: Sendable, Equatable {
    /// How it is encoded: `.xor` or `.floatHistogram` in what Thanos writes.
    public let encoding: ChunkEncoding
    /// Its bytes in the payload.
    public let bytes: Range<Int>
  }

  private let parts: [Part?]

  /// Finds the aggregates of a payload. Throws `.truncated` or `.malformed` where they cannot be told apart; what they hold
  /// is not looked at.
  public static func parse(_ bytes: RawSpan) throws(StorageError) -> AggregateChunk {
    var slots = [tsdb_aggr_slot](repeating: tsdb_aggr_slot(), count: Slot.allCases.count)
    let status = unsafe bytes.withUnsafeBytes { source in
      let src = unsafe source.assumingMemoryBound(to: UInt8.self)
      return unsafe tsdb_aggr_parse(src.baseAddress, src.count, &slots)
    }
    guard status == TSDB_OK else {
      throw StorageError(status, "find the aggregates of a chunk of \(bytes.byteCount) bytes")
    }
    // Offsets and sizes lie within the bytes, whose number is an Int.
    return AggregateChunk(
      parts: slots.map { slot -> Part? in
        guard slot.size > 0 else { return nil }
        let start = Int(slot.offset)
        return Part(encoding: ChunkEncoding(rawValue: slot.encoding), bytes: start..<start + Int(slot.size))
      })
  }

  /// The aggregate of a slot, or nil where the chunk does not have it.
  public subscript(slot: Slot) -> Part? { parts[slot.rawValue] }

  /// The payload of a chunk of the given aggregates; an absent slot, or one without bytes, is written as absent.
  public static func encode(_ parts: [Slot: (encoding: ChunkEncoding, bytes: [UInt8])]) -> [UInt8] {
    let bodies = Slot.allCases.map { parts[$0]?.bytes ?? [] }
    let encodings = Slot.allCases.map { parts[$0]?.encoding.rawValue ?? 0 }
    let sizes = bodies.map(\.count)
    let joined = bodies.flatMap { $0 }
    let bound = unsafe tsdb_aggr_bound(sizes)
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { dst, written in
      unsafe joined.withUnsafeBufferPointer { joined in
        var pointers: [UnsafePointer<UInt8>?] = unsafe []
        var offset = 0
        for size in sizes {
          unsafe pointers.append(joined.baseAddress.map { unsafe $0 + offset })
          offset += size
        }
        let status = unsafe tsdb_aggr_write(pointers, sizes, encodings, dst.baseAddress, dst.count, &written)
        precondition(status == TSDB_OK, "the buffer is as large as the bound says")
      }
    }
  }

  /// Samples of the aggregate chunk as a whole: those of its count aggregate, 0 where there is none.
  public func sampleCount(_ bytes: RawSpan) throws(StorageError) -> Int {
    guard let part = self[.count] else { return 0 }
    return try chunkSampleCount(bytes.extracting(part.bytes), part.encoding)
  }
}

/// Looks the slots of an aggregate chunk through beyond what reading needs. Returns what is wrong, or nil. The aggregates
/// themselves are chunks: `floatChunkDefect` and `histogramChunkDefect` look into them.
public func aggregateChunkDefect(_ bytes: RawSpan) -> String? {
  var defect = tsdb_aggr_defect()
  unsafe bytes.withUnsafeBytes { source in
    let src = unsafe source.assumingMemoryBound(to: UInt8.self)
    unsafe tsdb_aggr_validate(src.baseAddress, src.count, &defect)
  }
  guard defect.kind != TSDB_AGGR_SOUND else { return nil }
  let text = unsafe String(cString: tsdb_aggr_defect_text(defect.kind))
  return "\(text): slot \(defect.slot), byte \(defect.offset)"
}
