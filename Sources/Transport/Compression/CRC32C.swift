// CRC-32 with Castagnoli's polynomial, as snappy's framing checks its chunks by. The core's faster one belongs to files; this
// library does not know the core.

/// The checksum of snappy's frames.
enum CRC32C {
  /// `tables[k][b]` is what byte `b` does to the checksum from `k` bytes further on: eight bytes are folded at a time.
  private static let tables: [[UInt32]] = {
    var first: [UInt32] = []
    for byte in UInt32(0)..<256 {
      var value = byte
      for _ in 0..<8 {
        let carry = value & 1
        value >>= 1
        if carry == 1 { value ^= 0x82F6_3B78 }
      }
      first.append(value)
    }
    var tables = [first]
    for k in 1..<8 {
      let next = tables[k - 1].map { (value: UInt32) -> UInt32 in value >> 8 ^ first[Int(value & 0xFF)] }
      tables.append(next)
    }
    return tables
  }()

  /// The checksum of `bytes`.
  static func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
    let result = bytes.withContiguousStorageIfAvailable { unsafe checksum(UnsafeRawBufferPointer($0)) }
    if let result { return result }
    let copy = Array(bytes)
    return unsafe copy.withUnsafeBytes { unsafe checksum($0) }
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let tables = Self.tables
    let (t0, t1, t2, t3) = (tables[0], tables[1], tables[2], tables[3])
    let (t4, t5, t6, t7) = (tables[4], tables[5], tables[6], tables[7])
    var value = ~UInt32(0)
    var position = 0
    while bytes.count - position >= 8 {
      let word = UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      let low = value ^ UInt32(truncatingIfNeeded: word)
      let high = UInt32(truncatingIfNeeded: word >> 32)
      value = t7[Int(low & 0xFF)] ^ t6[Int(low >> 8 & 0xFF)]
      value ^= t5[Int(low >> 16 & 0xFF)] ^ t4[Int(low >> 24)]
      value ^= t3[Int(high & 0xFF)] ^ t2[Int(high >> 8 & 0xFF)]
      value ^= t1[Int(high >> 16 & 0xFF)] ^ t0[Int(high >> 24)]
      position += 8
    }
    while position < bytes.count {
      let index = unsafe (value ^ UInt32(bytes[position])) & 0xFF
      value = value >> 8 ^ t0[Int(index)]
      position += 1
    }
    return ~value
  }

  /// The checksum as snappy's framing and Prometheus' files store it: turned by 15 bits and moved, so that a checksum of bytes
  /// that hold checksums stays useful.
  static func masked(_ checksum: UInt32) -> UInt32 { (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8 }
}
