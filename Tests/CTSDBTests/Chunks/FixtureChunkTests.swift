import CTSDB
import Foundation
import TestSupport
import Testing

/// The chunks of a segment file: 8 bytes of header, then uvarint length, encoding, data and CRC each.
private func chunks(ofSegment path: String) throws -> [(encoding: UInt8, data: [UInt8])] {
  let bytes = try readFile(path)
  var found: [(encoding: UInt8, data: [UInt8])] = []
  var position = 8
  while position < bytes.count {
    var length: UInt64 = 0
    let varint = bytes[position...].withUnsafeBufferPointer { tsdb_uvarint_get($0.baseAddress, $0.count, &length) }
    let start = position + varint + 1
    guard varint > 0, start + Int(length) + 4 <= bytes.count else { break }
    found.append((bytes[start - 1], Array(bytes[start..<(start + Int(length))])))
    let covered = bytes[(start - 1)..<(start + Int(length))]
    let crc = bytes[(start + Int(length))..<(start + Int(length) + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    #expect(covered.withUnsafeBufferPointer { tsdb_crc32c(0, $0.baseAddress, $0.count) } == crc, "\(path)")
    position = start + Int(length) + 4
  }
  return found
}

/// Every segment file below the recorded blocks, but those that are recorded to be broken.
private func segments() -> [String] {
  var folders = [Fixtures.repository + "/fixtures"]
  if let shared = Fixtures.shared { folders.append(shared + "/fixtures") }
  var paths: [String] = []
  for folder in folders {
    guard let walk = FileManager.default.enumerator(atPath: folder) else { continue }
    for case let path as String in walk
    where path.contains("/chunks/0") && !path.contains("corrupt") && !path.contains("repair")
      && !path.contains("blocks/cases")
    {
      paths.append(folder + "/" + path)
    }
  }
  return paths
}

@Suite struct FixtureChunkTests {
  /// What Prometheus wrote decodes, is sound, and is written again as the same bytes: by an appender that has no window yet,
  /// or by one that was opened on a chunk without one.
  @Test func recordedFloatChunksAreWrittenAgainByteForByte() throws {
    var (xor, xor2, reopened, padded, different) = (0, 0, 0, 0, 0)
    for path in segments() {
      for (encoding, data) in try chunks(ofSegment: path) {
        if encoding == UInt8(TSDB_CHUNK_XOR) {
          xor += 1
          let (status, samples) = decodeXOR(data)
          #expect(status == TSDB_OK && samples.count == Int(data[0]) << 8 | Int(data[1]))
          let fresh = encodeXOR(samples).bytes
          if fresh == data { continue }
          if fresh + [0] == data {
            padded += 1
          } else if encodeXOR(samples, reopened: true).bytes == data {
            reopened += 1
          } else {
            different += 1
          }
        } else if encoding == UInt8(TSDB_CHUNK_XOR2) {
          xor2 += 1
          let (status, samples) = decodeXOR2(data)
          #expect(status == TSDB_OK && samples.count == Int(data[0]) << 8 | Int(data[1]))
          if encodeXOR2(samples).bytes != data { different += 1 }
        }
      }
    }
    say(
      "\(xor) XOR and \(xor2) XOR2 chunks recorded; \(reopened) from a re-opened appender, \(padded) with a byte of padding"
    )
    #expect(xor > 0 && xor2 > 0 && different == 0)
  }
}
