import CTSDB
import TestSupport
import Testing

@Suite struct BitstreamTests {
  /// Every boundary of both codes and its neighbours.
  static let ints: [Int64] = {
    var all: Set<Int64> = [0, .min, .min + 1, .max, .max - 1]
    for width in [3, 6, 9, 12, 14, 17, 18, 20, 25, 56] {
      for edge in [Int64(1) << (width - 1), -(Int64(1) << (width - 1)), Int64(1) << width] {
        for offset in Int64(-2)...2 { all.insert(edge + offset) }
      }
    }
    return all.sorted()
  }()

  private func write(skipping bits: Int, _ body: (inout tsdb_bit_writer) -> Void) -> (bytes: [UInt8], bits: Int) {
    let dst = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
    defer { dst.deallocate() }
    var writer = tsdb_bit_writer_make(dst, 64, 0)
    if bits > 0 { tsdb_bit_writer_put(&writer, 0, UInt32(bits)) }
    body(&writer)
    #expect(tsdb_bit_writer_flush(&writer) == TSDB_OK)
    let size = tsdb_bit_writer_size(&writer)
    return (Array(UnsafeBufferPointer(start: dst, count: size)), Int(tsdb_bit_writer_position_bits(&writer)))
  }

  /// Left-aligned codes as upstream's tests give them.
  @Test func knownCodes() {
    let codes: [(Int64, String)] = [
      (0, "0"), (1, "10001"), (-3, "10101"), (4, "10100"), (5, "110000101"), (32, "110100000"),
      (256, "1110100000000"), (257, "11110000100000001"),
    ]
    for (value, code) in codes {
      var expected = BitSink()
      expected.put(code)
      let written = write(skipping: 0) { tsdb_bit_writer_put_varbit_int(&$0, value) }
      #expect(written.bytes == expected.bytes && written.bits == expected.bitCount, "\(value)")
    }
    #expect(write(skipping: 0) { tsdb_bit_writer_put_varbit_int(&$0, 131_072) }.bytes == [0xFA, 0, 0])
    #expect(write(skipping: 0) { tsdb_bit_writer_put_varbit_int(&$0, 16_777_216) }.bytes == [0xFD, 0, 0, 0])
  }

  /// At each of 64 alignments against the reader's window, with exactly the bytes needed, and one bit less.
  @Test func numbersAtEveryAlignment() {
    for skipped in 0..<64 {
      for value in Self.ints {
        var signed = BitSink()
        signed.put(0, skipped)
        signed.putVarbitInt(value)
        var unsigned = BitSink()
        unsigned.put(0, skipped)
        unsigned.putVarbitUint(UInt64(bitPattern: value))
        #expect(write(skipping: skipped) { tsdb_bit_writer_put_varbit_int(&$0, value) }.bytes == signed.bytes)
        #expect(
          write(skipping: skipped) { tsdb_bit_writer_put_varbit_uint(&$0, UInt64(bitPattern: value)) }.bytes
            == unsigned.bytes)
        let (read, position, status) = withExactBytes(signed.bytes) { src, size in
          var reader = tsdb_bit_reader_make(src, size, 0)
          _ = tsdb_bit_reader_bits(&reader, UInt32(skipped))
          let read = tsdb_bit_reader_varbit_int(&reader)
          return (read, Int(tsdb_bit_reader_position_bits(&reader, src)), reader.status)
        }
        #expect(read == value && position == signed.bitCount && status == TSDB_OK, "\(value) behind \(skipped) bits")
        let readUnsigned = withExactBytes(unsigned.bytes) { src, size in
          var reader = tsdb_bit_reader_make(src, size, UInt64(skipped))
          return tsdb_bit_reader_varbit_uint(&reader)
        }
        #expect(readUnsigned == UInt64(bitPattern: value))
        // Without its last byte the number is not there.
        let cut = Array(signed.bytes.dropLast())
        let cutStatus = withExactBytes(cut) { src, size in
          var reader = tsdb_bit_reader_make(src, size, 0)
          _ = tsdb_bit_reader_bits(&reader, UInt32(skipped))
          _ = tsdb_bit_reader_varbit_int(&reader)
          return reader.status
        }
        #expect(cutStatus == TSDB_ERR_TRUNCATED)
      }
    }
  }

  @Test func byteWiseVarintsAtEveryAlignment() {
    for skipped in 0..<64 {
      for value in Self.ints {
        var sink = BitSink()
        sink.put(0, skipped)
        sink.putVarint(value)
        sink.putUvarint(UInt64(bitPattern: value))
        let written = write(skipping: skipped) {
          tsdb_bit_writer_put_varint(&$0, value)
          tsdb_bit_writer_put_uvarint(&$0, UInt64(bitPattern: value))
        }
        #expect(written.bytes == sink.bytes)
        let read = withExactBytes(sink.bytes) { src, size in
          var reader = tsdb_bit_reader_make(src, size, UInt64(skipped))
          return (tsdb_bit_reader_varint(&reader), tsdb_bit_reader_uvarint(&reader), reader.status)
        }
        #expect(read == (value, UInt64(bitPattern: value), TSDB_OK))
      }
    }
  }

  @Test func rangePatternsAreTheMirrorImageOfTwosComplement() {
    for width in 2...63 {
      let top = Int64(1) << (width - 1)
      #expect(tsdb_bit_range_decode(UInt64(top), UInt32(width)) == top)
      #expect(tsdb_bit_range_decode(UInt64(top) + 1, UInt32(width)) == -(top - 1))
      #expect(tsdb_bit_range_decode(0, UInt32(width)) == 0)
      #expect(tsdb_bit_range_width(top) == UInt32(width) && tsdb_bit_range_width(-(top - 1)) == UInt32(width))
      #expect(tsdb_bit_range_width(-top) == UInt32(width) + 1)
      #expect(tsdb_bits_sign_extend(UInt64(top), UInt32(width)) == -top)
    }
    #expect(tsdb_bit_range_width(.min) == 65)
  }

  @Test func theFirstErrorSticks() {
    let status = withExactBytes([UInt8](repeating: 0xFF, count: 11)) { src, size in
      var reader = tsdb_bit_reader_make(src, size, 0)
      #expect(tsdb_bit_reader_uvarint(&reader) == 0)
      #expect(reader.status == TSDB_ERR_MALFORMED)
      #expect(tsdb_bit_reader_bits(&reader, 1) == 0)
      return reader.status
    }
    #expect(status == TSDB_ERR_MALFORMED)
    #expect(tsdb_bit_reader_make(nil, 0, 0).status == TSDB_OK)
    #expect(tsdb_bit_reader_make(nil, 0, 1).status == TSDB_ERR_TRUNCATED)
    withExactBytes([0x80]) { src, size in
      #expect(tsdb_bit_reader_make(src, size, 8).status == TSDB_OK)
      #expect(tsdb_bit_reader_make(src, size, 9).status == TSDB_ERR_TRUNCATED)
    }
  }

  @Test func aWriterKeepsWithinItsCapacity() {
    for bits in 1...200 {
      let needed = (bits + 7) / 8
      for capacity in 0...(needed + 1) {
        let dst = UnsafeMutablePointer<UInt8>.allocate(capacity: max(capacity, 1))
        defer { dst.deallocate() }
        var writer = tsdb_bit_writer_make(dst, capacity, 0)
        for _ in 0..<bits { tsdb_bit_writer_put(&writer, 1, 1) }
        #expect((tsdb_bit_writer_flush(&writer) == TSDB_OK) == (capacity >= needed))
      }
    }
  }
}
