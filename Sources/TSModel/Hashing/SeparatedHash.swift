// XXH64 over strings with FF behind each: the hash of label sets in Thanos, where Prometheus' servers hash the bytes that they keep
// (LabelSets.hash).
internal import CTSDB

extension Labels {
  /// Thanos' hash of labels, name FF value FF of each: what compaction groups are named by.
  public var separatedHash: UInt64 { Self.hash(nil, map { ($0.name, $0.value) }) }

  /// The same of labels as a file has them, among which empty values count.
  public static func separatedHash(of pairs: [(name: String, value: String)]) -> UInt64 {
    hash(nil, pairs.sorted { compareBytes($0.name, $1.name) < 0 })
  }

  /// The hash by which receive places a series of `tenant`: tenant FF, then as `separatedHash`.
  public func placementHash(tenant: String) -> UInt64 { Self.hash(tenant, map { ($0.name, $0.value) }) }

  private static func hash(_ tenant: String?, _ pairs: [(name: String, value: String)]) -> UInt64 {
    var hash = tsdb_xxhash64()
    unsafe tsdb_xxhash64_begin(&hash, 0)
    func feed(_ text: String) {
      var text = text
      text.withUTF8 { unsafe tsdb_xxhash64_feed(&hash, $0.baseAddress, $0.count) }
      var separator: UInt8 = 0xFF
      unsafe tsdb_xxhash64_feed(&hash, &separator, 1)
    }
    if let tenant { feed(tenant) }
    for pair in pairs {
      feed(pair.name)
      feed(pair.value)
    }
    return unsafe tsdb_xxhash64_end(&hash)
  }
}
