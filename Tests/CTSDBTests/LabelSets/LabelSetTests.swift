import CTSDB
import TestSupport
import Testing

@Suite struct LabelSetTests {
  typealias Pairs = [(name: String, value: String)]

  /// The encoding as it is told in the header.
  static func encode(_ pairs: Pairs) -> [UInt8] {
    func text(_ string: String) -> [UInt8] {
      let bytes = Array(string.utf8)
      let size = UInt32(bytes.count)
      if size < 255 { return [UInt8(size)] + bytes }
      return [255, UInt8(size & 255), UInt8(size >> 8 & 255), UInt8(size >> 16)] + bytes
    }
    return pairs.flatMap { text($0.name) + text($0.value) }
  }

  static func random(_ random: inout SplitMix64) -> Pairs {
    let names = ["A", "__name__", "__type__", "__unit__", "a", "ab", "b", "job", "le"]
    return names.filter { _ in Bool.random(using: &random) }.map { name in
      let size = Int.random(in: 0..<12, using: &random) == 0 ? Int.random(in: 250..<300, using: &random) : 2
      return (name, String(repeating: ["x", "é", "0"].randomElement(using: &random) ?? "x", count: size))
    }
  }

  /// Calls `body` with texts that live as long as the call.
  static func withTexts<Result>(_ strings: [String], _ body: ([tsdb_label_text]) -> Result) -> Result {
    let bytes = strings.flatMap { Array($0.utf8) }
    return bytes.withUnsafeBufferPointer { buffer in
      var at = 0
      let texts = strings.map { string in
        defer { at += string.utf8.count }
        return tsdb_label_text(bytes: buffer.baseAddress.map { $0 + at }, size: string.utf8.count)
      }
      return body(texts)
    }
  }

  static func call(_ capacity: Int, _ body: (UnsafeMutablePointer<UInt8>?, Int, inout Int) -> tsdb_status) -> [UInt8]? {
    var size = 0
    var status = TSDB_OK
    let bytes = [UInt8](unsafeUninitializedCapacity: max(capacity, 1)) { buffer, count in
      status = body(buffer.baseAddress, capacity, &size)
      count = status == TSDB_OK ? size : 0
    }
    return status == TSDB_OK ? bytes : nil
  }

  @Test func encodesAndReadsBack() {
    var random = SplitMix64(seed: 11)
    for i in 0..<300 {
      var pairs = Self.random(&random)
      // Lengths of one, two and three bytes more.
      if i < 3 { pairs.append(("zz", String(repeating: "x", count: [254, 65_535, 70_000][i]))) }
      let expected = Self.encode(pairs)
      let encoded = Self.withTexts(pairs.flatMap { [$0.name, $0.value] }) { texts in
        let labels = pairs.indices.map { tsdb_label(name: texts[2 * $0], value: texts[2 * $0 + 1]) }
        #expect(
          Self.call(expected.count - 1) { tsdb_label_set_encode(labels, labels.count, $0, $1, &$2) } == nil
            || expected.isEmpty)
        return Self.call(expected.count) { tsdb_label_set_encode(labels, labels.count, $0, $1, &$2) }
      }
      #expect(encoded == expected)
      var count = 0
      #expect(tsdb_label_set_check(expected, expected.count, &count) == TSDB_OK)
      #expect(count == pairs.count)
      for (name, value) in pairs {
        var found = false
        expected.withUnsafeBufferPointer { buffer in
          var text = tsdb_label_text()
          #expect(
            tsdb_label_set_find(buffer.baseAddress, buffer.count, Array(name.utf8), name.utf8.count, &text, &found)
              == TSDB_OK)
          #expect(Array(UnsafeBufferPointer(start: text.bytes, count: text.size)) == Array(value.utf8))
        }
        #expect(found)
      }
    }
  }

  @Test func namesMustAscend() {
    Self.withTexts(["b", "1", "a", "2"]) { texts in
      let labels = [tsdb_label(name: texts[0], value: texts[1]), tsdb_label(name: texts[2], value: texts[3])]
      var bytes = [UInt8](repeating: 0, count: 20)
      var size = 0
      #expect(tsdb_label_set_encode(labels, 2, &bytes, 20, &size) == TSDB_ERR_ORDER)
    }
    let doubled = Self.encode([("a", "1"), ("a", "2")])
    #expect(tsdb_label_set_check(doubled, doubled.count, nil) == TSDB_ERR_MALFORMED)
  }

  @Test func ordersByNamesThenValues() {
    var random = SplitMix64(seed: 12)
    func isLess(_ a: Pairs, _ b: Pairs) -> Bool {
      let (a, b) = (
        a.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] },
        b.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] }
      )
      for (x, y) in zip(a, b) where x != y { return x.lexicographicallyPrecedes(y) }
      return a.count < b.count
    }
    for _ in 0..<1000 {
      let (a, b) = (Self.random(&random), Self.random(&random))
      let (x, y) = (Self.encode(a), Self.encode(b))
      var order: Int32 = 7
      #expect(tsdb_label_set_compare(x, x.count, y, y.count, &order) == TSDB_OK)
      #expect(order.signum() == (isLess(a, b) ? -1 : isLess(b, a) ? 1 : 0))
    }
  }

  @Test func keepsDropsAndReplacesLabels() {
    var random = SplitMix64(seed: 13)
    let names = ["__name__", "ab", "b", "c"]
    for _ in 0..<300 {
      let pairs = Self.random(&random)
      let bytes = Self.encode(pairs)
      Self.withTexts(names) { texts in
        let kept = Self.call(bytes.count) {
          tsdb_label_set_keep(bytes, bytes.count, texts, texts.count, $0, $1, &$2)
        }
        #expect(kept == Self.encode(pairs.filter { names.contains($0.name) }))
        let left = Self.call(bytes.count) {
          tsdb_label_set_drop(bytes, bytes.count, texts, texts.count, $0, $1, &$2)
        }
        #expect(left == Self.encode(pairs.filter { !names.contains($0.name) }))
      }
      let plain = Self.call(bytes.count) { tsdb_label_set_drop_metadata(bytes, bytes.count, $0, $1, &$2) }
      #expect(plain == Self.encode(pairs.filter { !["__name__", "__type__", "__unit__"].contains($0.name) }))
      for (name, value) in [("a", "new"), ("aa", ""), ("b", ""), ("zz", "last"), ("", "first")] {
        let capacity = tsdb_label_set_replace_bound(bytes.count, name.utf8.count, value.utf8.count)
        let replaced = Self.call(capacity) {
          tsdb_label_set_replace(
            bytes, bytes.count, Array(name.utf8), name.utf8.count, Array(value.utf8), value.utf8.count, $0, $1, &$2)
        }
        var expected = pairs.filter { $0.name != name }
        if !value.isEmpty { expected.append((name, value)) }
        #expect(
          replaced
            == Self.encode(expected.sorted { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }))
      }
    }
  }

  @Test func hashIsThatOfTheBytes() {
    let bytes = Self.encode([("__name__", "up"), ("job", "node")])
    #expect(tsdb_label_set_hash(bytes, bytes.count) == tsdb_xxhash64_of(bytes, bytes.count, 0))
    #expect(tsdb_label_set_hash(nil, 0) == 0xEF46_DB37_51D8_E999)
  }

  @Test func cutAndFlippedSetsAreErrorsOrOtherSets() {
    let bytes = Self.encode([("a", "1"), ("bb", String(repeating: "x", count: 300)), ("c", "22")])
    let starts: Set<Int> = [0, 4, 4 + 3 + 304, bytes.count]
    for size in 0...bytes.count {
      let cut = Array(bytes.prefix(size))
      #expect((tsdb_label_set_check(cut, size, nil) == TSDB_OK) == starts.contains(size))
    }
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      var order: Int32 = 0
      let status = tsdb_label_set_compare(flipped, flipped.count, bytes, bytes.count, &order)
      #expect(status == TSDB_ERR_MALFORMED || (status == TSDB_OK && order != 0))
    }
  }
}
