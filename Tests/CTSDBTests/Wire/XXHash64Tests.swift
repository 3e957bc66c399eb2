import CTSDB
import Foundation
import TestSupport
import Testing

@Suite struct XXHash64Tests {
  /// Published values of the algorithm.
  @Test func knownValues() {
    #expect(hash("") == 0xEF46_DB37_51D8_E999)
    #expect(hash("a") == 0xD24E_C4F1_A98C_6E5B)
    #expect(hash("abc") == 0x44BC_2CF5_AD77_0999)
    #expect(tsdb_xxhash64_of(nil, 0, 0) == 0xEF46_DB37_51D8_E999)
  }

  private func hash(_ text: String) -> UInt64 { tsdb_xxhash64_of(Array(text.utf8), text.utf8.count, 0) }

  /// Step by step, as the specification tells it.
  private func slow(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    let (p1, p2, p3): (UInt64, UInt64, UInt64) = (0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9)
    let (p4, p5): (UInt64, UInt64) = (0x85EB_CA77_C2B2_AE63, 0x27D4_EB2F_1656_67C5)
    func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
    func number(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }
    func round(_ lane: UInt64, _ input: UInt64) -> UInt64 { rotate(lane &+ input &* p2, 31) &* p1 }
    var position = 0
    var sum = seed &+ p5
    if bytes.count >= 32 {
      var lanes = [seed &+ p1 &+ p2, seed &+ p2, seed, seed &- p1]
      while bytes.count - position >= 32 {
        for lane in 0..<4 { lanes[lane] = round(lanes[lane], number(position + 8 * lane, 8)) }
        position += 32
      }
      sum = rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12) &+ rotate(lanes[3], 18)
      for lane in lanes { sum = (sum ^ round(0, lane)) &* p1 &+ p4 }
    }
    sum = sum &+ UInt64(bytes.count)
    while bytes.count - position >= 8 {
      sum = rotate(sum ^ round(0, number(position, 8)), 27) &* p1 &+ p4
      position += 8
    }
    if bytes.count - position >= 4 {
      sum = rotate(sum ^ number(position, 4) &* p1, 23) &* p2 &+ p3
      position += 4
    }
    while position < bytes.count {
      sum = rotate(sum ^ UInt64(bytes[position]) &* p5, 11) &* p1
      position += 1
    }
    sum = (sum ^ sum >> 33) &* p2
    sum = (sum ^ sum >> 29) &* p3
    return sum ^ sum >> 32
  }

  @Test func agreesWithTheSpecificationAtAllLengthsAndCuts() {
    var random = SplitMix64(seed: 5)
    for size in 0...200 {
      let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let seed = size % 3 == 0 ? 0 : random.next()
      let expected = slow(bytes, seed: seed)
      #expect(withExactBytes(bytes) { tsdb_xxhash64_of($0, $1, seed) } == expected, "\(size) bytes")
      var state = tsdb_xxhash64()
      tsdb_xxhash64_begin(&state, seed)
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = Array(rest.prefix(Int(random.next() % 70)))
        withExactBytes(part) { tsdb_xxhash64_feed(&state, $0, $1) }
        rest = rest.dropFirst(part.count)
      }
      #expect(tsdb_xxhash64_end(&state) == expected, "\(size) bytes in parts")
    }
  }

  /// Hashes of label sets as Thanos computed them: name, FF, value, FF of each label.
  @Test(.needsShared) func hashesLabelSetsAsThanosDoes() throws {
    let path = try Fixtures.folder("thanos/hashes") + "/group-keys.jsonl"
    var seen = 0
    for line in try textLines(path) {
      let record = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let labels = try #require(record["labels"] as? [String: String])
      var bytes: [UInt8] = []
      for (name, value) in labels.sorted(by: { $0.key < $1.key }) {
        bytes += Array(name.utf8) + [0xFF] + Array(value.utf8) + [0xFF]
      }
      let hash = withExactBytes(bytes) { tsdb_xxhash64_of($0, $1, 0) }
      #expect(String(hash) == record["labels_hash"] as? String, "\(labels)")
      seen += 1
    }
    #expect(seen > 10)
  }

  /// Which shard of how many a series is in, as Thanos found.
  @Test(.needsShared) func cutsSeriesIntoTheShardsThatThanosDoes() throws {
    let path = try Fixtures.folder("thanos/hashes") + "/shard-matching.jsonl"
    var seen = 0
    for line in try textLines(path) {
      let record = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let labels = try #require(record["labels"] as? [String: String])
      let names = try #require(record["shard_labels"] as? [String])
      let total = try #require(record["total_shards"] as? Int)
      let isBy = record["by"] as? Bool ?? false
      let blob = labelBlob(labels.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 })
      let hash = blob.withView { blob in
        withViews(names) { tsdb_label_blob_shard_hash(blob, $0, $1, isBy) }
      }
      if total > 1 { #expect(record["member_of"] as? [Int] == [Int(hash % UInt64(total))], "\(line)") }
      seen += 1
    }
    #expect(seen > 100)
  }
}

/// A label blob, written plainly.
func labelBlob(_ labels: [(String, String)]) -> [UInt8] {
  func length(_ count: Int) -> [UInt8] {
    count < 128 ? [UInt8(count)] : [UInt8(count & 127 | 128)] + length(count >> 7)
  }
  return labels.flatMap { name, value -> [UInt8] in
    let pair =
      [0x0A] + length(name.utf8.count) + Array(name.utf8) + [0x12] + length(value.utf8.count) + Array(value.utf8)
    return [0x0A] + length(pair.count) + pair
  }
}

extension [UInt8] {
  func withView<Result>(_ body: (tsdb_bytes_view) throws -> Result) rethrows -> Result {
    try withUnsafeBufferPointer { try body(tsdb_bytes_view(bytes: $0.baseAddress, size: $0.count)) }
  }
}

/// Views of strings that stay for the call.
func withViews<Result>(
  _ strings: [String], _ body: (UnsafePointer<tsdb_bytes_view>?, Int) throws -> Result
) rethrows -> Result {
  try withViews(strings.map { Array($0.utf8) }, body)
}

func withViews<Result>(
  _ strings: [[UInt8]], _ body: (UnsafePointer<tsdb_bytes_view>?, Int) throws -> Result
) rethrows -> Result {
  let memory = strings.map { string in
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: string.count)
    copy.initialize(from: string, count: string.count)
    return copy
  }
  defer { memory.forEach { $0.deallocate() } }
  let views = zip(memory, strings).map { tsdb_bytes_view(bytes: UnsafePointer($0), size: $1.count) }
  return try views.withUnsafeBufferPointer { try body($0.baseAddress, $0.count) }
}
