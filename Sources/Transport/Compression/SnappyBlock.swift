// One block of snappy: what remote write sends, and what each chunk of the framing format holds.
internal import Snappy

/// snappy's block format in one call.
public enum SnappyBlock {
  /// `bytes` as one block.
  public static func encode(_ bytes: [UInt8]) throws(TransportError) -> [UInt8] {
    var output: [UInt8] = []
    try append(bytes[...], to: &output)
    return output
  }

  /// What `bytes` are a block of, at most `limitBytes`; judged by its announced length before anything is allocated.
  public static func decode(_ bytes: [UInt8], limitBytes: Int) throws(TransportError) -> [UInt8] {
    var output: [UInt8] = []
    try decode(bytes[...], limitBytes: limitBytes, into: &output)
    return output
  }

  /// Appends `bytes` as one block.
  static func append(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) throws(TransportError) {
    let bound = snappy_max_compressed_length(bytes.count)
    var status = SNAPPY_OK
    let block = unsafe [UInt8](unsafeUninitializedCapacity: bound) { target, count in
      var made = bound
      status = unsafe bytes.withUnsafeBufferPointer { source in
        unsafe source.withMemoryRebound(to: CChar.self) { source in
          unsafe target.withMemoryRebound(to: CChar.self) { target in
            unsafe snappy_compress(source.baseAddress, source.count, target.baseAddress, &made)
          }
        }
      }
      count = status == SNAPPY_OK ? made : 0
    }
    guard status == SNAPPY_OK else { throw TransportError(.io, "encoding snappy: status \(status.rawValue)") }
    output.append(contentsOf: block)
  }

  /// Appends what the block `bytes` holds, at most `limitBytes`.
  static func decode(
    _ bytes: ArraySlice<UInt8>, limitBytes: Int, into output: inout [UInt8]
  ) throws(TransportError) {
    var length = 0
    var status = unsafe bytes.withUnsafeBufferPointer { source in
      unsafe source.withMemoryRebound(to: CChar.self) { source in
        unsafe snappy_uncompressed_length(source.baseAddress, source.count, &length)
      }
    }
    guard status == SNAPPY_OK else { throw TransportError(.malformed, "decoding snappy: corrupt input") }
    guard length <= limitBytes else { throw tooLong("snappy", limitBytes) }
    // A copy makes at most 64 bytes of two: what announces more lies, and gets no memory for it.
    guard length / 64 <= bytes.count else { throw TransportError(.malformed, "decoding snappy: corrupt input") }
    let block = unsafe [UInt8](unsafeUninitializedCapacity: length) { target, count in
      var made = length
      status = unsafe bytes.withUnsafeBufferPointer { source in
        unsafe source.withMemoryRebound(to: CChar.self) { source in
          unsafe target.withMemoryRebound(to: CChar.self) { target in
            unsafe snappy_uncompress(source.baseAddress, source.count, target.baseAddress, &made)
          }
        }
      }
      count = status == SNAPPY_OK ? made : 0
    }
    guard status == SNAPPY_OK else { throw TransportError(.malformed, "decoding snappy: corrupt input") }
    if output.isEmpty { output = block } else { output.append(contentsOf: block) }
  }
}
