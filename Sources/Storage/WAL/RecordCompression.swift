// How the records of write-ahead logs are compressed: each by itself, as one block of snappy or one frame of zstd.
internal import CTSDB
internal import Snappy
internal import Zstd

/// How records are compressed.
public enum WALCompression: Sendable, Hashable {
  /// Not at all.
  case none
  /// snappy's block format.
  case snappy
  /// One frame of zstd.
  case zstd

  init(_ compression: tsdb_wal_compression) {
    switch compression {
    case TSDB_WAL_SNAPPY: self = .snappy
    case TSDB_WAL_ZSTD: self = .zstd
    default: self = .none
    }
  }

  var stored: tsdb_wal_compression {
    switch self {
    case .none: TSDB_WAL_RAW
    case .snappy: TSDB_WAL_SNAPPY
    case .zstd: TSDB_WAL_ZSTD
    }
  }
}

/// Compresses and decompresses records; its memory is used again.
@safe struct RecordCoder: ~Copyable {
  /// Most bytes that a record may have. What announces more is damage: Prometheus' records are far below.
  static let recordBytesMax = 1 << 28

  private var decoder: OpaquePointer?
  private var encoder: OpaquePointer?

  init() {}

  deinit {
    unsafe ZSTD_freeDCtx(decoder)
    unsafe ZSTD_freeCCtx(encoder)
  }

  /// Makes `output` the record that `stored` is. Returns whether it is one.
  mutating func decode(_ stored: [UInt8], _ compression: WALCompression, into output: inout [UInt8]) -> Bool {
    switch compression {
    case .none:
      output.removeAll(keepingCapacity: true)
      output.append(contentsOf: stored)
      return true
    case .snappy: return decodeSnappy(stored, into: &output)
    case .zstd: return decodeZstd(stored, into: &output)
    }
  }

  private func decodeSnappy(_ stored: [UInt8], into output: inout [UInt8]) -> Bool {
    unsafe stored.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { source in
        var size = 0
        guard unsafe snappy_uncompressed_length(source.baseAddress, source.count, &size) == SNAPPY_OK else {
          return false
        }
        // A copy makes at most 64 bytes of two: what announces more lies, and gets no memory for it.
        guard size / 64 <= source.count, size <= Self.recordBytesMax else { return false }
        resize(&output, to: size)
        return unsafe output.withUnsafeMutableBytes { target in
          unsafe snappy_uncompress(
            source.baseAddress, source.count, target.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
            == SNAPPY_OK
        }
      }
    }
  }

  private mutating func decodeZstd(_ stored: [UInt8], into output: inout [UInt8]) -> Bool {
    if unsafe decoder == nil { unsafe decoder = ZSTD_createDCtx() }
    guard let decoder = unsafe decoder else { return false }
    unsafe ZSTD_DCtx_reset(decoder, ZSTD_reset_session_only)
    var made = 0
    resize(&output, to: max(1 << 16, output.count))
    return unsafe stored.withUnsafeBytes { bytes in
      var from = unsafe ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
      while true {
        if made == output.count {
          guard made < Self.recordBytesMax else { return false }
          resize(&output, to: 2 * made)
        }
        let left = unsafe output.withUnsafeMutableBytes { target in
          var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: made)
          let left = unsafe ZSTD_decompressStream(decoder, &to, &from)
          made = unsafe to.pos
          return left
        }
        guard ZSTD_isError(left) == 0 else { return false }
        if left == 0 {
          resize(&output, to: made)
          return unsafe from.pos == from.size
        }
        // All was read, and there was room for more: the frame is cut.
        if unsafe from.pos == from.size, made < output.count { return false }
      }
    }
  }

  /// `record` as `compression` has it, or nil where that is no shorter.
  mutating func encode(_ record: [UInt8], _ compression: WALCompression) throws(StorageError) -> [UInt8]? {
    var stored: [UInt8] = []
    switch compression {
    case .none: return nil
    case .snappy:
      var size = snappy_max_compressed_length(record.count)
      resize(&stored, to: size)
      let status = unsafe record.withUnsafeBytes { source in
        unsafe stored.withUnsafeMutableBytes { target in
          unsafe snappy_compress(
            source.baseAddress?.assumingMemoryBound(to: CChar.self), source.count,
            target.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
        }
      }
      guard status == SNAPPY_OK else { throw StorageError(.io, "compress a record of \(record.count) bytes") }
      resize(&stored, to: size)
    case .zstd:
      if unsafe encoder == nil { unsafe encoder = ZSTD_createCCtx() }
      guard let encoder = unsafe encoder else { throw StorageError(.memory, "make a zstd encoder: no memory") }
      resize(&stored, to: ZSTD_compressBound(record.count))
      let size = unsafe record.withUnsafeBytes { source in
        unsafe stored.withUnsafeMutableBytes { target in
          unsafe ZSTD_compressCCtx(encoder, target.baseAddress, target.count, source.baseAddress, source.count, 1)
        }
      }
      guard ZSTD_isError(size) == 0 else {
        throw unsafe StorageError(
          .io, "compress a record of \(record.count) bytes: \(String(cString: ZSTD_getErrorName(size)))")
      }
      resize(&stored, to: size)
    }
    return stored.count < record.count ? stored : nil
  }
}

/// Makes `bytes` `count` long; what is new are zeros.
func resize(_ bytes: inout [UInt8], to count: Int) {
  if bytes.count > count {
    bytes.removeLast(bytes.count - count)
  } else if bytes.count < count {
    bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
  }
}
