// Postings as Thanos' caches keep them, before snappy: distances as uvarints.
import CTSDB
import TestSupport
import Testing

@Suite struct PostingsDeltaTests {
  private func encoded(_ refs: [UInt32], capacity: Int? = nil) -> (status: tsdb_status, bytes: [UInt8]) {
    refs.withUnsafeBufferPointer { refs in
      let list = tsdb_postings_native(refs.baseAddress, refs.count)
      let size = tsdb_postings_delta_size(list)
      guard size != Int(bitPattern: UInt.max) else { return (TSDB_ERR_ORDER, []) }
      return withExactBytes([UInt8](repeating: 0, count: capacity ?? size)) { bytes, room in
        var written = 0
        let dst = UnsafeMutablePointer(mutating: bytes)
        let status = tsdb_postings_delta_encode(list, dst, room, &written)
        return (status, status == TSDB_OK ? Array(UnsafeBufferPointer(start: dst, count: written)) : [])
      }
    }
  }

  /// The references of a stream that comes in pieces of `pieceSize` bytes, `capacity` at a time.
  private func decoded(_ bytes: [UInt8], pieceSize: Int, capacity: Int) -> (status: tsdb_status, refs: [UInt32]) {
    var cursor = tsdb_postings_delta_cursor()
    var found: [UInt32] = []
    var room = [UInt32](repeating: 0, count: capacity)
    for start in stride(from: 0, to: bytes.count, by: pieceSize) {
      var piece = Array(bytes[start..<min(start + pieceSize, bytes.count)])
      while !piece.isEmpty {
        var (count, used) = (0, 0)
        let status = withExactBytes(piece) { src, size in
          tsdb_postings_delta_decode(&cursor, src, size, &room, capacity, &count, &used)
        }
        guard status == TSDB_OK else { return (status, found) }
        found += room[..<count]
        piece.removeFirst(used)
      }
    }
    return (tsdb_postings_delta_end(&cursor), found)
  }

  @Test func knownBytes() {
    #expect(encoded([1, 3, 300]).bytes == [0x01, 0x02, 0xA9, 0x02])
    #expect(encoded([]).bytes == [])
    #expect(encoded([0, 0, .max]).bytes == [0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F])
    #expect(encoded([5, 4]).status == TSDB_ERR_ORDER)
    let stored: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 1, 0x2C]
    stored.withUnsafeBufferPointer { stored in
      var (room, size) = ([UInt8](repeating: 0, count: 4), 0)
      #expect(tsdb_postings_delta_encode(tsdb_postings_stored(stored.baseAddress, 3), &room, 4, &size) == TSDB_OK)
      #expect(room == [0x01, 0x02, 0xA9, 0x02] && size == 4)
    }
  }

  /// The example of docs/formats/postings-cache.md.
  @Test func thePage() throws {
    let page = String(
      decoding: try readFile(Fixtures.repository + "/docs/formats/postings-cache.md"), as: UTF8.self)
    let start = try #require(page.firstRange(of: "```example\n")).upperBound
    let end = try #require(page[start...].firstRange(of: "```")).lowerBound
    let digits = page[start..<end].split(separator: "\n").map { $0.prefix { $0 != "#" }.filter(\.isHexDigit) }.joined()
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(digits.dropFirst($0).prefix(2), radix: 16)
    }
    #expect(decoded(bytes, pieceSize: 2, capacity: 10).refs == [1, 3, 300])
    #expect(encoded([1, 3, 300]).bytes == bytes)
  }

  @Test func whatIsWrittenIsReadInAnyPieces() {
    var random = SplitMix64(seed: 77)
    for _ in 0..<300 {
      let bound = UInt64(1) << (random.next() % 33)
      let refs = (0..<Int(random.next() % 40)).map { _ in UInt32(truncatingIfNeeded: random.next() % bound) }.sorted()
      let (status, bytes) = encoded(refs)
      #expect(status == TSDB_OK)
      for size in [1, 2, 3, 1000] {
        let read = decoded(bytes, pieceSize: size, capacity: Int(1 + random.next() % 5))
        #expect(read.status == TSDB_OK && read.refs == refs)
      }
      for capacity in 0..<bytes.count { #expect(encoded(refs, capacity: capacity).status == TSDB_ERR_CAPACITY) }
      // Cut short: the references before, and an end within one where it is.
      for size in 0..<bytes.count {
        let read = decoded(Array(bytes[..<size]), pieceSize: 1000, capacity: 50)
        #expect(read.refs == Array(refs.prefix(read.refs.count)))
        #expect((read.status == TSDB_OK) == (size == 0 || bytes[size - 1] < 0x80))
      }
    }
  }

  @Test func referencesBeyond32Bits() {
    for bytes: [UInt8] in [
      [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 1], [0xFF, 0xFF, 0xFF, 0xFF, 0x1F], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      [UInt8](repeating: 0x80, count: 11),
    ] { #expect(decoded(bytes, pieceSize: 1000, capacity: 5).status == TSDB_ERR_MALFORMED) }
    #expect(decoded([0x81, 0x80, 0x00], pieceSize: 1, capacity: 5).refs == [1])
  }

  @Test func flippedBitsGiveReferencesOrAnError() {
    let bytes = encoded([1, 3, 300, 70_000, 3_000_000_000]).bytes
    for bit in 0..<8 * bytes.count {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      let read = decoded(changed, pieceSize: 3, capacity: 2)
      #expect(zip(read.refs, read.refs.dropFirst()).allSatisfy { $0 <= $1 })
    }
  }
}
