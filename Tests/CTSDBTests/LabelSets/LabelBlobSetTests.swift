import CTSDB
import TestSupport
import Testing

@Suite struct LabelBlobSetTests {
  /// A label as messages carry it.
  private static func blob(_ name: String, _ value: String) -> [UInt8] {
    func varint(_ value: Int) -> [UInt8] {
      value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
    }
    func field(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] { [tag] + varint(bytes.count) + bytes }
    return field(0x0A, field(0x0A, Array(name.utf8)) + field(0x12, Array(value.utf8)))
  }

  private static func sets(of blobs: [[UInt8]], capacity: Int) -> (tsdb_status, [UInt8], [Int]) {
    let bytes = blobs.flatMap(\.self)
    var out = [UInt8](repeating: 0, count: capacity)
    var ends = [Int](repeating: 0, count: blobs.count)
    let status = bytes.withUnsafeBufferPointer { bytes in
      var at = 0
      let series = blobs.map { blob in
        defer { at += blob.count }
        return tsdb_wire_series(
          labels: tsdb_bytes_view(bytes: bytes.baseAddress.map { $0 + at }, size: blob.count), chunk_count: 0)
      }
      return tsdb_label_blobs_to_sets(series, series.count, &out, capacity, &ends)
    }
    return (status, Array(out.prefix(ends.last ?? 0)), ends)
  }

  @Test func setsHoldTheSameLabels() {
    var random = SplitMix64(seed: 3)
    for _ in 0..<300 {
      let all = (0..<5).map { _ in LabelSetTests.random(&random) }
      let blobs = all.map { $0.flatMap { Self.blob($0.name, $0.value) } }
      let (status, bytes, ends) = Self.sets(of: blobs, capacity: blobs.map(\.count).reduce(0, +))
      #expect(status == TSDB_OK)
      let expected = all.map { LabelSetTests.encode($0) }
      #expect(bytes == expected.flatMap(\.self))
      var sum = 0
      #expect(
        ends
          == expected.map {
            sum += $0.count; return sum
          })
    }
  }

  @Test func aLabelWithoutValueIsLeftOut() {
    let (status, bytes, _) = Self.sets(of: [Self.blob("a", "") + Self.blob("b", "c")], capacity: 64)
    #expect(status == TSDB_OK && bytes == [1, 0x62, 1, 0x63])
  }

  @Test func cutBlobsAndTooLittleRoomAreErrors() {
    let blob = Self.blob("name", "value") + Self.blob("other", "x")
    for size in 1..<blob.count where size != Self.blob("name", "value").count {
      #expect(Self.sets(of: [Array(blob.prefix(size))], capacity: 64).0 == TSDB_ERR_MALFORMED, "\(size)")
    }
    for capacity in 0..<19 { #expect(Self.sets(of: [blob], capacity: capacity).0 == TSDB_ERR_CAPACITY, "\(capacity)") }
    #expect(Self.sets(of: [blob], capacity: 19).0 == TSDB_OK)
  }
}
