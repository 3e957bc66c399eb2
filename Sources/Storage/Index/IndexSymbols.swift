// The symbol table of an open index: strings stay where they lie in the file.
internal import CTSDB
internal import Locking
internal import Synchronization
public import TSModel

/// The symbols of one index. Ids are ordinals, so they compare as the strings do; also in files of version 1, which refer
/// to symbols by offset. Thread-safe.
@safe public final class IndexSymbols: SymbolTable, @unchecked Sendable {
  /// How many symbols there are.
  public let count: Int
  /// The table's content: its count and symbols, without size and checksum.
  let content: ByteRegion
  /// Where the content starts in the file.
  let contentOffset: Int
  /// Whether symbol 0 is the empty string.
  let hasEmptySymbol: Bool

  private let samples: [UInt32]
  private let everyOffset: Guarded<[UInt32]>

  /// Checks the framed table at `offset` of `source`, in one pass.
  init(_ source: any RangeReader, offset: Int, version: Int) throws(StorageError) {
    let attempt = "read the symbol table of \(source.name) at offset \(offset)"
    content = try source.tableContent(offset: offset, attempt)
    contentOffset = offset + 4
    var count: UInt32 = 0
    var stoppedAt: UInt32 = 0
    var samples: [UInt32] = []
    var status = unsafe content.withUnsafeBytes { bytes in
      unsafe tsdb_index_symbols_count(bytes.bytes, bytes.count, &count)
    }
    if status == TSDB_OK {
      samples = [UInt32](repeating: 0, count: tsdb_index_samples_bound(Int(count)))
      status = unsafe content.withUnsafeBytes { bytes in
        unsafe samples.withUnsafeMutableBufferPointer { samples in
          unsafe tsdb_index_symbols_open(
            bytes.bytes, bytes.count, samples.baseAddress, samples.count, &count, &stoppedAt)
        }
      }
    }
    guard status == TSDB_OK else { throw StorageError(status, "\(attempt), symbol \(stoppedAt)") }
    self.count = Int(count)
    self.samples = samples
    self.everyOffset = Guarded([])
    var first = tsdb_index_slice(offset: 0, size: 1)
    if count > 0 {
      _ = unsafe content.withUnsafeBytes { bytes in
        unsafe tsdb_index_symbol_find(bytes.bytes, bytes.count, samples, count, 0, &first)
      }
    }
    hasEmptySymbol = first.size == 0
    if version == 1 { _ = try offsets() }
  }

  /// See `SymbolTable`. Steps over at most 31 symbols.
  public func withSymbol<Result>(_ id: UInt32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
    unsafe content.withUnsafeBytes { bytes in
      var slice = tsdb_index_slice()
      let status = unsafe tsdb_index_symbol_find(bytes.bytes, bytes.count, samples, UInt32(count), id, &slice)
      guard status == TSDB_OK else { return nil }
      return unsafe body(UnsafeRawBufferPointer(rebasing: bytes[Int(slice.offset)..<Int(slice.offset + slice.size)]))
    }
  }

  /// The id of the symbol that equals `bytes`, or nil.
  public func id(of bytes: UnsafeRawBufferPointer) -> UInt32? {
    var id: UInt32 = 0
    let status = unsafe content.withUnsafeBytes { content in
      unsafe tsdb_index_symbol_search(
        content.bytes, content.count, samples, UInt32(count), bytes.bytes, bytes.count, &id)
    }
    return status == TSDB_OK ? id : nil
  }

  /// The id of the symbol `text`, or nil.
  public func id(of text: String) -> UInt32? {
    var text = text
    return text.withUTF8 { bytes in unsafe id(of: UnsafeRawBufferPointer(bytes)) }
  }

  /// Resolves many ids at once: `slices[i]` becomes the place of `ids[i]` in the memory that `withSymbolBytes` gives. The
  /// first call makes a table of 4 bytes a symbol, which stays. `slices` must be as long as `ids`.
  ///
  /// Throws `.reference` where an id has no symbol.
  public func resolve(_ ids: Span<UInt32>, into slices: inout [SymbolSlice]) throws(StorageError) {
    precondition(slices.count >= ids.count, "\(slices.count) slices for \(ids.count) ids")
    let offsets = try offsets()
    let status = unsafe content.withUnsafeBytes { bytes in
      unsafe ids.withUnsafeBufferPointer { ids in
        unsafe slices.withUnsafeMutableBytes { slices in
          unsafe tsdb_index_symbols_resolve(
            bytes.bytes, bytes.count, offsets, UInt32(count), ids.baseAddress, ids.count,
            slices.baseAddress?.assumingMemoryBound(to: tsdb_index_slice.self))
        }
      }
    }
    guard status == TSDB_OK else { throw StorageError(status, "resolve \(ids.count) symbols of an index") }
  }

  /// The memory that slices point into, for the duration of `body`.
  public func withSymbolBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe content.withUnsafeBytes { bytes in unsafe body(bytes) }
  }

  /// The offset of every symbol in the content; made at the first call.
  func offsets() throws(StorageError) -> [UInt32] {
    let (status, offsets) = everyOffset.withLock { known -> (tsdb_status, [UInt32]) in
      if known.count == count { return (TSDB_OK, known) }
      var offsets = [UInt32](repeating: 0, count: count)
      let status = unsafe content.withUnsafeBytes { bytes in
        unsafe offsets.withUnsafeMutableBufferPointer { offsets in
          unsafe tsdb_index_symbols_offsets(
            bytes.bytes, bytes.count, UInt32(count), offsets.baseAddress, offsets.count)
        }
      }
      if status == TSDB_OK { known = offsets }
      return (status, offsets)
    }
    guard status == TSDB_OK else { throw StorageError(status, "list the symbols of an index") }
    return offsets
  }
}

/// Where the bytes of a string lie in the memory of its table.
public struct SymbolSlice: Hashable, Sendable, BitwiseCopyable {
  /// From the start of that memory, bytes.
  public var offset: UInt32
  /// Bytes.
  public var size: UInt32

  /// `size` bytes at `offset`.
  public init(offset: UInt32 = 0, size: UInt32 = 0) {
    self.offset = offset
    self.size = size
  }
}

extension UnsafeRawBufferPointer {
  /// The start as C takes bytes. Of an empty buffer it may be nil; C then reads nothing.
  var bytes: UnsafePointer<UInt8>? { unsafe baseAddress?.assumingMemoryBound(to: UInt8.self) }
}

extension RangeReader {
  /// The content of the framed table (be32 size, content, be32 CRC32C) at `offset`, its checksum verified. `attempt` is
  /// what an error says.
  func tableContent(offset: Int, _ attempt: String) throws(StorageError) -> ByteRegion {
    guard offset >= 0, offset <= byteCount - Int(TSDB_INDEX_FRAME_SIZE) else {
      throw StorageError(.truncated, "\(attempt): the file has \(byteCount) bytes")
    }
    let size = try beUInt32(at: offset)
    guard size <= byteCount - offset - Int(TSDB_INDEX_FRAME_SIZE) else {
      throw StorageError(.truncated, "\(attempt): \(size) bytes are announced, the file has \(byteCount)")
    }
    let table = try region(offset: offset, count: size + Int(TSDB_INDEX_FRAME_SIZE))
    var contentSize = 0
    let status = unsafe table.withUnsafeBytes { bytes in
      unsafe tsdb_index_table_check(bytes.bytes, bytes.count, &contentSize)
    }
    guard status == TSDB_OK, let content = table.slice(4..<4 + contentSize) else { throw StorageError(status, attempt) }
    return content
  }

  /// The four bytes at `offset` as a big-endian number.
  func beUInt32(at offset: Int) throws(StorageError) -> Int {
    try unsafe region(offset: offset, count: 4).withUnsafeBytes { bytes in
      unsafe Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
    }
  }
}
