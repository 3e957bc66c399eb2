import CTSDB
import TestSupport
import Testing

@Suite struct CRC32CTests {
  /// Published values: RFC 3720, B.4, and the check value of the catalogues.
  @Test func knownValues() {
    #expect(tsdb_crc32c(0, Array("123456789".utf8), 9) == 0xE306_9283)
    #expect(tsdb_crc32c(0, [UInt8](repeating: 0, count: 32), 32) == 0x8A91_36AA)
    #expect(tsdb_crc32c(0, [UInt8](repeating: 0xFF, count: 32), 32) == 0x62A8_AB43)
    #expect(tsdb_crc32c(0, (0..<32).map { UInt8($0) }, 32) == 0x46DD_794E)
    #expect(tsdb_crc32c(0, nil, 0) == 0)
  }

  /// Bit by bit, from the definition.
  private func slow(_ bytes: [UInt8]) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }

  @Test func agreesWithTheDefinition() {
    var random = SplitMix64(seed: 1)
    for size in [0, 1, 3, 7, 8, 9, 63, 191, 192, 193, 767, 768, 3071, 3072, 3073, 3840, 4100] {
      let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(tsdb_crc32c(0, bytes, size) == slow(bytes), "\(size) bytes")
    }
  }

  @Test func fastAndPortableAgreeAtAllLengthsAndAlignments() {
    var random = SplitMix64(seed: 2)
    let bytes = (0..<5016).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    for size in 0...5000 {
      bytes.withUnsafeBufferPointer { bytes in
        let source = bytes.baseAddress! + size % 16
        #expect(tsdb_crc32c(99, source, size) == tsdb_crc32c_portable(99, source, size), "\(size) bytes")
      }
    }
    for alignment in 0..<64 {
      for size in [300, 1024, 3100] {
        bytes.withUnsafeBufferPointer { bytes in
          let source = bytes.baseAddress! + alignment
          #expect(tsdb_crc32c(0, source, size) == tsdb_crc32c_portable(0, source, size))
        }
      }
    }
  }

  @Test func continuesOverConcatenation() {
    var random = SplitMix64(seed: 3)
    let bytes = (0..<4000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let whole = tsdb_crc32c(0, bytes, bytes.count)
    for cut in stride(from: 0, through: 4000, by: 37) {
      let first = tsdb_crc32c(0, bytes, cut)
      #expect(bytes[cut...].withUnsafeBufferPointer { tsdb_crc32c(first, $0.baseAddress, $0.count) } == whole)
    }
  }

  /// Buffers of exact size: the address sanitizer sees a read behind one.
  @Test func readsOnlyItsBytes() {
    for size in 1...400 {
      let bytes = [UInt8](repeating: 7, count: size)
      let (fast, portable) = withExactBytes(bytes) { (tsdb_crc32c(0, $0, $1), tsdb_crc32c_portable(0, $0, $1)) }
      #expect(fast == portable)
    }
  }
}
