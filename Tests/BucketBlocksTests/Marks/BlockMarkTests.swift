// Marks between bytes and values, against recorded ones.
import BucketBlocks
import Foundation
import ObjectStore
import TSModel
import TestSupport
import Testing

@Suite struct BlockMarkTests {
  @Test func marksAreWrittenAsRecorded() throws {
    let id = try #require(ULID("01KNDWT530MMX26QFAASWNN3GR"))
    let deletion = DeletionMark(id: id, details: "by hand", deletionTimeS: 1_795_361_076)
    #expect(
      String(decoding: deletion.json, as: UTF8.self)
        == #"{"id":"01KNDWT530MMX26QFAASWNN3GR","version":1,"details":"by hand","deletion_time":1795361076}"#)
    let plain = NoCompactMark(id: id, noCompactTimeS: 1, reason: "manual")
    #expect(
      String(decoding: plain.json, as: UTF8.self)
        == #"{"id":"01KNDWT530MMX26QFAASWNN3GR","version":1,"no_compact_time":1,"reason":"manual"}"#)
    #expect(try NoCompactMark(json: plain.json) == plain)
  }

  @Test(.needsShared) func recordedMarksComeBackByteForByte() throws {
    let folder = try Fixtures.folder("thanos/blocks/meta/markers")
    var seen = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      let bytes = try readFile(folder + "/" + name)
      if name.hasPrefix("deletion") { #expect(try DeletionMark(json: bytes).json == bytes, "\(name)") }
      if name.hasPrefix("no-compact") { #expect(try NoCompactMark(json: bytes).json == bytes, "\(name)") }
      if name.hasPrefix("no-downsample") { #expect(try NoDownsampleMark(json: bytes).json == bytes, "\(name)") }
      seen += 1
    }
    #expect(seen >= 8)
  }

  @Test func filesThatSayNothingUsableAreRefused() {
    for text in ["", "{", "[]", "1", #"{"id":"x","version":1}"#, #"{"version":"1"}"#] {
      #expect(throws: BlockMarkError.self, "\(text)") { try DeletionMark(json: Array(text.utf8)) }
    }
    #expect(throws: BlockMarkError.version("no-compact-mark", 0)) { try NoCompactMark(json: Array("{}".utf8)) }
    #expect(throws: BlockMarkError.version("deletion-mark", 2)) {
      try DeletionMark(json: Array(#"{"version":2}"#.utf8))
    }
  }

  @Test func everyTruncationAndFlippedBitIsAnErrorOrAValue() {
    let bytes = DeletionMark(id: blockID(1), details: "ü\u{1F426}", deletionTimeS: -1).json
    for count in 0..<bytes.count {
      #expect(throws: BlockMarkError.self) { try DeletionMark(json: Array(bytes[..<count])) }
    }
    for position in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[position] ^= 1 << UInt8(bit)
        _ = try? DeletionMark(json: flipped)
      }
    }
  }

  @Test func markOfAMarkedBlockStaysAsItIs() async throws {
    let bucket = MemoryBucket()
    #expect(try await BlockMarkers.read(DeletionMark.self, of: blockID(1), in: bucket) == nil)
    let first = DeletionMark(id: blockID(1), deletionTimeS: 5)
    #expect(try await BlockMarkers.set(first, in: bucket))
    #expect(try await !BlockMarkers.set(DeletionMark(id: blockID(1), deletionTimeS: 6), in: bucket))
    #expect(try await BlockMarkers.read(DeletionMark.self, of: blockID(1), in: bucket) == first)
    try await BlockMarkers.remove(DeletionMark.self, of: blockID(1), in: bucket)
    #expect(try await BlockMarkers.read(DeletionMark.self, of: blockID(1), in: bucket) == nil)
  }
}
