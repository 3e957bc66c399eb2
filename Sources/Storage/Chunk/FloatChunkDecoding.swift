// Float chunks into columns of samples.
internal import CTSDB
public import TSModel

extension FloatColumns {
  /// Decodes all samples of a chunk behind those that are there already. On error nothing is added.
  ///
  /// Throws `.encoding` unless `encoding` is `.xor` or `.xor2`, `.truncated` where a sample crosses the end of `bytes`,
  /// `.malformed` for a chunk of no samples or a field that no encoder writes. Bytes behind the last sample are not looked at.
  public mutating func append(decoding bytes: RawSpan, encoding: ChunkEncoding) throws(StorageError) {
    guard encoding.isFloat else {
      throw StorageError(.encoding, "decode floats from a chunk of \(encoding)")
    }
    let sampleCount = try chunkSampleCount(bytes, encoding)
    do throws(DecodingFailure) {
      unsafe try append(upTo: sampleCount) { timestamps, values, starts throws(DecodingFailure) in
        var decoded = 0
        let status = unsafe bytes.withUnsafeBytes { source in
          let src = unsafe source.assumingMemoryBound(to: UInt8.self)
          return encoding == .xor
            ? unsafe decodeXOR(src, timestamps, values, starts, sampleCount, &decoded)
            : unsafe decodeXOR2(src, timestamps, values, starts, sampleCount, &decoded)
        }
        guard status == TSDB_OK else { throw DecodingFailure(status: status) }
        return decoded
      }
    } catch {
      throw StorageError(error.status, "decode \(encoding) chunk of \(sampleCount) samples in \(bytes.byteCount) bytes")
    }
  }
}

private struct DecodingFailure: Error {
  var status: tsdb_status
}

private func decodeXOR(
  _ src: UnsafeBufferPointer<UInt8>, _ timestamps: UnsafeMutablePointer<Int64>, _ values: UnsafeMutablePointer<Double>,
  _ starts: UnsafeMutablePointer<Int64>, _ capacity: Int, _ decoded: inout Int
) -> tsdb_status {
  var cursor = tsdb_xor_cursor()
  var status = unsafe tsdb_xor_cursor_init(&cursor, src.baseAddress, src.count)
  guard status == TSDB_OK else { return status }
  unsafe status = tsdb_xor_decode(&cursor, src.baseAddress, src.count, timestamps, values, capacity, &decoded)
  if status == TSDB_OK { unsafe starts.update(repeating: 0, count: decoded) }
  return status
}

private func decodeXOR2(
  _ src: UnsafeBufferPointer<UInt8>, _ timestamps: UnsafeMutablePointer<Int64>, _ values: UnsafeMutablePointer<Double>,
  _ starts: UnsafeMutablePointer<Int64>, _ capacity: Int, _ decoded: inout Int
) -> tsdb_status {
  var cursor = tsdb_xor2_cursor()
  let status = unsafe tsdb_xor2_cursor_init(&cursor, src.baseAddress, src.count)
  guard status == TSDB_OK else { return status }
  return unsafe tsdb_xor2_decode(&cursor, src.baseAddress, src.count, timestamps, values, starts, capacity, &decoded)
}

/// Looks a float chunk's bytes through beyond what reading needs: samples as counted, timestamps ascending, nothing behind the
/// last sample. Returns what is wrong with it as the end of a sentence ("has bytes behind its last sample"), or nil.
public func floatChunkDefect(_ bytes: RawSpan, encoding: ChunkEncoding) -> String? {
  guard encoding.isFloat else { return "is of \(encoding) and not of floats" }
  return unsafe bytes.withUnsafeBytes { source in
    let src = unsafe source.assumingMemoryBound(to: UInt8.self)
    var reason: UnsafePointer<CChar>?
    let status =
      encoding == .xor
      ? unsafe tsdb_xor_validate(src.baseAddress, src.count, &reason)
      : unsafe tsdb_xor2_validate(src.baseAddress, src.count, &reason)
    guard status != TSDB_OK else { return nil }
    return unsafe reason.map { unsafe String(cString: $0) } ?? "is unsound"
  }
}
