// Random indexes: written by ours, read by ours and by the slowest reader that one can write.
import Storage
import TSModel
import TestSupport
import Testing

/// Reads an index of version 2 without checks, a field at a time, into dictionaries.
struct SlowIndex {
  var symbols: [String] = []
  var series: [UInt32: (labels: [(String, String)], chunks: [ChunkMeta])] = [:]
  var postings: [String: [UInt32]] = [:]

  private let bytes: [UInt8]
  private func be(_ at: Int, _ size: Int) -> Int { (0..<size).reduce(0) { $0 << 8 | Int(bytes[at + $1]) } }
  private func uvarint(_ at: inout Int) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }
  private func varint(_ at: inout Int) -> Int64 {
    let value = uvarint(&at)
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
  private func string(_ at: inout Int) -> String {
    let size = Int(uvarint(&at))
    at += size
    return String(decoding: bytes[at - size..<at], as: UTF8.self)
  }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    let toc = bytes.count - 52
    var at = be(toc, 8) + 8
    for _ in 0..<be(be(toc, 8) + 4, 4) { symbols.append(string(&at)) }
    let table = be(toc + 40, 8)
    at = table + 8
    for _ in 0..<be(table + 4, 4) {
      at += 1
      let key = string(&at) + "\u{0}" + string(&at)
      let list = Int(uvarint(&at))
      postings[key] = (0..<be(list + 4, 4)).map { UInt32(be(list + 8 + 4 * $0, 4)) }
    }
    for ref in postings["\u{0}"] ?? [] {
      at = Int(ref) * 16
      _ = uvarint(&at)
      var labels: [(String, String)] = []
      for _ in 0..<uvarint(&at) { labels.append((symbols[Int(uvarint(&at))], symbols[Int(uvarint(&at))])) }
      var chunks: [ChunkMeta] = []
      for index in 0..<Int(uvarint(&at)) {
        let start = index == 0 ? varint(&at) : chunks[index - 1].maxTimeMs + Int64(uvarint(&at))
        let end = start + Int64(uvarint(&at))
        let ref = index == 0 ? uvarint(&at) : UInt64(Int64(chunks[index - 1].ref) + varint(&at))
        chunks.append(ChunkMeta(minTimeMs: start, maxTimeMs: end, ref: ref))
      }
      series[ref] = (labels, chunks)
    }
  }
}

@Suite("Random indexes") struct IndexRandomTests {
  /// A random index and what was written into it: labels and chunks of each series, in order.
  static func write(_ random: inout SplitMix64, to path: String, memoryLimitBytes: Int) throws
    -> [(labels: Labels, chunks: [ChunkMeta])]
  {
    let nameCount = 1 + random.below(40)
    // Short values occur under many names, long ones have prefixes in common, sizes pass 127 bytes.
    let values = (0..<1 + random.below(300)).map { _ in
      let stem = ["", "v", "value-", String(repeating: "long", count: 40)][random.below(4)]
      return stem + String(random.below(1000))
    }
    var content: [Labels: [ChunkMeta]] = [:]
    for _ in 0..<random.below(400) {
      var labels: [(name: String, value: String)] = [("n0", values[random.below(values.count)])]
      for _ in 0..<random.below(12) {
        labels.append(("n\(random.below(nameCount))", values[random.below(values.count)]))
      }
      content[Labels(labels)] = []
    }
    var ref: UInt64 = 8
    let series = content.keys.sorted().map { labels in
      var chunks: [ChunkMeta] = []
      var time = Int64(bitPattern: random.next()) >> (2 + random.below(60))
      for _ in 0..<random.below(6) {
        let end = time + Int64(random.below(1 << random.below(40)))
        chunks.append(ChunkMeta(minTimeMs: time, maxTimeMs: end, ref: ref))
        time = end + 1 + Int64(random.below(1 << random.below(40)))
        ref += UInt64(random.below(1 << random.below(34)))
      }
      return (labels: labels, chunks: chunks)
    }
    let symbols = Set(series.flatMap { $0.labels.flatMap { [$0.name, $0.value] } }).map { Array($0.utf8) }
      .sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    let ids = Dictionary(uniqueKeysWithValues: symbols.enumerated().map { ($0.element, UInt32($0.offset)) })
    var writer = try IndexWriter(path: path, memoryLimitBytes: memoryLimitBytes)
    for symbol in symbols { try writer.addSymbol(symbol) }
    for (labels, chunks) in series {
      try writer.addSeries(labelIDs: labels.flatMap { [ids[$0.name]!, ids[$0.value]!] }, chunks: chunks)
    }
    try writer.finish()
    return series
  }

  @Test func whatIsWrittenIsReadAsTheSlowReaderReadsIt() throws {
    let folder = try TemporaryFolder("index-random")
    for seed in 0..<(isLongTier ? 2000 : 20) {
      var random = SplitMix64(seed: UInt64(seed))
      let path = folder.file("index-\(seed)")
      let written = try Self.write(&random, to: path, memoryLimitBytes: 16 << 20)
      let bytes = try readFile(path)
      let slow = SlowIndex(bytes)
      let index = try IndexReader(seed % 2 == 0 ? MappedFile(path: path) : IndexInMemory(bytes))
      index.verify { Issue.record("seed \(seed): \($0)") }

      for (id, symbol) in slow.symbols.enumerated() {
        #expect(index.symbols.string(UInt32(id)) == symbol)
        #expect(index.symbolTable.id(of: symbol) == UInt32(id))
      }
      #expect(index.symbols.string(UInt32(slow.symbols.count)) == nil)
      var lists = 0
      for name in [""] + (try index.labelNames()) {
        let values = try index.labelValues(of: name)
        for value in 0..<values.count {
          let text = values.string(value)
          let refs = try index.postings(values, at: value).refs()
          #expect(refs == slow.postings[name + "\u{0}" + text])
          #expect(try index.postings(name: name, value: text).refs() == refs)
          #expect(values.index(of: text) == value)
          lists += 1
        }
        #expect(try index.postings(name: name, value: "not a value").count == 0)
      }
      #expect(lists == slow.postings.count)

      let refs = try index.allPostings().refs()
      let batch = SeriesBatch(symbols: index.symbols)
      try index.series(refs, into: batch)
      try #require(batch.seriesCount == written.count)
      var slices = [SymbolSlice](repeating: SymbolSlice(), count: batch.labelIDs.count)
      try index.symbolTable.resolve(batch.labelIDs, into: &slices)
      for (place, entry) in written.enumerated() {
        #expect(batch.seriesRef(at: place) == refs[place])
        #expect(batch.labels(at: place) == entry.labels)
        #expect(batch.chunkRange(at: place).map(batch.chunk) == entry.chunks)
        #expect(slow.series[refs[place]]?.labels.map { "\($0)" } == entry.labels.map { "\(($0.name, $0.value))" })
        #expect(slow.series[refs[place]]?.chunks == entry.chunks)
        for (label, pair) in zip(entry.labels, batch.labelRange(at: place)) {
          let text = index.symbolTable.withSymbolBytes { bytes in
            let slice = slices[2 * pair + 1]
            return String(decoding: bytes[Int(slice.offset)..<Int(slice.offset + slice.size)], as: UTF8.self)
          }
          #expect(text == label.value)
        }
      }

      // The same within a time range: only chunks that overlap, only series that have one.
      let times = written.flatMap { $0.chunks }.map(\.minTimeMs).sorted()
      guard !times.isEmpty else { continue }
      let range = TimeRange(minTimeMs: times[times.count / 3], maxTimeMs: times[times.count / 2])
      batch.removeAll()
      try index.series(refs, into: batch, timeRange: range)
      let expected = written.map { entry in
        (entry.labels, entry.chunks.filter { $0.minTimeMs <= range.maxTimeMs && $0.maxTimeMs >= range.minTimeMs })
      }.filter { !$0.1.isEmpty }
      #expect((0..<batch.seriesCount).map { batch.labels(at: $0) } == expected.map(\.0))
      #expect((0..<batch.seriesCount).map { batch.chunkRange(at: $0).map(batch.chunk) } == expected.map(\.1))
    }
  }

  @Test func aBudgetLimitsABatchAndIsGivenBack() throws {
    let folder = try TemporaryFolder("index-random")
    var random = SplitMix64(seed: 7)
    _ = try Self.write(&random, to: folder.file("index"), memoryLimitBytes: 16 << 20)
    let index = try IndexReader(MappedFile(path: folder.file("index")))
    let refs = try index.allPostings().refs()
    try #require(!refs.isEmpty)
    let small = MemoryBudget(name: "query", limitBytes: 1000)
    let error = #expect(throws: StorageError.self) {
      try index.series(refs, into: SeriesBatch(symbols: index.symbols), budget: small)
    }
    #expect(error?.code == .budget)
    #expect(small.usedBytes == 0)

    let large = MemoryBudget(name: "query", limitBytes: 1 << 24)
    var batch: SeriesBatch? = SeriesBatch(symbols: index.symbols)
    if let batch {
      try index.series(refs, into: batch, budget: large)
      #expect(large.usedBytes == batch.allocatedBytes)
      let used = large.usedBytes
      batch.removeAll()
      try index.series(refs, into: batch)
      #expect(large.usedBytes == used, "a batch that is filled again takes no new memory")
    }
    batch = nil
    #expect(large.usedBytes == 0)
  }

  @Test func chunksThatOverlapReadAsTheyWereGiven() throws {
    // The writer refuses them, so the bytes are made by hand: the page's example with the second chunk 1 ms earlier wraps.
    var bytes = try IndexPageTests.example()
    let entry = 48
    let content = entry + 1..<entry + 1 + Int(bytes[entry])
    // {a=x, b=y}, two chunks: from 1000, 300 long, at 8; then −1 (ten bytes do not fit here), so a step of 0 is as far as
    // this entry goes: equal times overlap.
    let step = content.lowerBound + 11
    #expect(bytes[step] == 1)
    bytes[step] = 0
    let crc = crc32c(bytes[content])
    for index in 0..<4 { bytes[content.upperBound + index] = UInt8(truncatingIfNeeded: crc >> (24 - 8 * index)) }
    let index = try IndexReader(IndexInMemory(bytes))
    let batch = SeriesBatch(symbols: index.symbols)
    try index.series(index.postings(name: "b", value: "y").refs(), into: batch)
    #expect(batch.chunk(1).minTimeMs == 1300)
    var defects: [IndexDefect] = []
    index.verify { defects.append($0) }
    #expect(defects.count == 1 && defects[0].offset == entry)
  }

  /// Bit by bit.
  func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }
}
