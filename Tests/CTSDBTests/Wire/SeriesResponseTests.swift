// Label blobs, their order, merging, messages and reading them again, compared with plain Swift.
import CTSDB
import TSModel
import TestSupport
import Testing

@Suite struct LabelBlobTests {
  private static let words = [
    "", "a", "b", "ab", "job", "instance", "zz", String(repeating: "x", count: 17),
    String(repeating: "long", count: 60),
  ]

  private func randomLabels(_ random: inout SplitMix64) -> [(String, String)] {
    var names: Set<String> = []
    for _ in 0..<Int(random.next() % 6) { names.insert(Self.words[1 + Int(random.next() % 8)]) }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
      .map { ($0, Self.words[1 + Int(random.next() % 8)]) }
  }

  @Test func blobsCompareAsLabelSetsDo() {
    var random = SplitMix64(seed: 11)
    for _ in 0..<5000 {
      let (a, b) = (randomLabels(&random), randomLabels(&random))
      let (x, y) = (Labels(a.map { (name: $0, value: $1) }), Labels(b.map { (name: $0, value: $1) }))
      let order = labelBlob(a).withView { a in labelBlob(b).withView { b in tsdb_label_blobs_compare(a, b) } }
      #expect(order == 0 ? x == y : order < 0 ? x < y : y < x, "\(x) \(y)")
    }
  }

  @Test func damagedBlobsAreComparedWithinTheirBytes() {
    let blob = labelBlob([("a", "1"), ("job", String(repeating: "v", count: 200))])
    for length in 0...blob.count {
      withExactBytes(Array(blob[..<length])) { bytes, size in
        let view = tsdb_bytes_view(bytes: bytes, size: size)
        _ = blob.withView { tsdb_label_blobs_compare(view, $0) }
      }
    }
    for bit in 0..<8 * blob.count {
      var damaged = blob
      damaged[bit / 8] ^= 1 << (bit % 8)
      withExactBytes(damaged) { bytes, size in
        let view = tsdb_bytes_view(bytes: bytes, size: size)
        _ = blob.withView { tsdb_label_blobs_compare(view, $0) }
        _ = tsdb_label_blob_shard_hash(view, nil, 0, false)
      }
    }
  }

  @Test func sortingIsStableAndAscending() {
    var random = SplitMix64(seed: 12)
    for count in [0, 1, 2, 3, 17, 64, 257] {
      let labels = (0..<count).map { _ in randomLabels(&random) }
      let sets = labels.map { Labels($0.map { (name: $0, value: $1) }) }
      var order = (0..<UInt32(count)).map { $0 }
      var scratch = order
      withViews(labels.map { labelBlob($0) }) { blobs, _ in tsdb_label_blobs_sort(blobs, &order, &scratch, count) }
      let expected = (0..<count).sorted { sets[$0] != sets[$1] ? sets[$0] < sets[$1] : $0 < $1 }
      #expect(order.map { Int($0) } == expected, "\(count) series")
    }
  }

  /// Labels of a block, with labels added and dropped, as plain Swift does it.
  @Test func addedLabelsWinAndDroppedOnesGo() {
    var random = SplitMix64(seed: 13)
    let symbols = Set(Self.words).sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    var bytes: [UInt8] = []
    var places: [String: tsdb_index_slice] = [:]
    for symbol in symbols {
      places[symbol] = tsdb_index_slice(offset: UInt32(bytes.count), size: UInt32(symbol.utf8.count))
      bytes += Array(symbol.utf8)
    }
    let id = Dictionary(uniqueKeysWithValues: symbols.enumerated().map { ($1, UInt32($0)) })
    for _ in 0..<300 {
      let series = (0..<20).map { _ in randomLabels(&random) }
      let added = [("aa", "1"), ("job", "mine"), ("zzz", String(repeating: "e", count: 130))].filter { _ in
        random.next() % 2 == 0
      }
      let dropped = random.next() % 2 == 0 ? ["instance"] : []
      var offsets: [UInt32] = [0]
      var ids: [UInt32] = []
      for labels in series {
        for (name, value) in labels { ids += [id[name]!, id[value]!] }
        offsets.append(UInt32(ids.count / 2))
      }
      let slices = ids.map { places[symbols[Int($0)]]! }
      let droppedIDs = dropped.map { id[$0]! }
      var ends = [UInt64](repeating: 0, count: series.count)
      let blobs = withViews(added.flatMap { [$0.0, $0.1] }) { views, _ in
        let labels = added.indices.map { index in
          tsdb_added_label(
            name: views![2 * index], value: views![2 * index + 1],
            name_rank: UInt32(
              symbols.filter { Array($0.utf8).lexicographicallyPrecedes(Array(added[index].0.utf8)) }.count))
        }
        return labels.withUnsafeBufferPointer { labels in
          withExactBytes(bytes) { bytes, size in
            offsets.withUnsafeBufferPointer { offsets in
              ids.withUnsafeBufferPointer { ids in
                slices.withUnsafeBufferPointer { slices in
                  droppedIDs.withUnsafeBufferPointer { dropped in
                    var source = tsdb_labels_source(
                      label_offsets: offsets.baseAddress, label_ids: ids.baseAddress, slices: slices.baseAddress,
                      series_count: series.count, symbols: bytes, symbols_size: size, added: labels.baseAddress,
                      added_count: labels.count, dropped_ids: dropped.baseAddress, dropped_count: dropped.count)
                    let bound = tsdb_label_blobs_bound(&source)
                    var room = [UInt8](repeating: 0, count: bound)
                    #expect(tsdb_label_blobs_write(&source, &room, bound - 1, &ends) == TSDB_ERR_CAPACITY)
                    #expect(tsdb_label_blobs_write(&source, &room, bound, &ends) == TSDB_OK)
                    source.symbols_size -= 1
                    _ = tsdb_label_blobs_bound(&source)
                    return room
                  }
                }
              }
            }
          }
        }
      }
      var start = 0
      for (index, labels) in series.enumerated() {
        var expected = Dictionary(uniqueKeysWithValues: labels.filter { !dropped.contains($0.0) })
        for (name, value) in added { expected[name] = value }
        let pairs = Labels(expected.map { (name: $0.key, value: $0.value) }).map { ($0.name, $0.value) }
        #expect(Array(blobs[start..<Int(ends[index])]) == labelBlob(pairs))
        start = Int(ends[index])
      }
    }
  }

  @Test func lastRunOfSeriesThatBeginAlike() {
    // {a} {a,b} {a,b,c} {b}: the first three are one run.
    let offsets: [UInt32] = [0, 1, 3, 6, 7]
    let ids: [UInt32] = [1, 9, 1, 9, 2, 9, 1, 9, 2, 9, 3, 9, 2, 9]
    #expect(tsdb_label_runs_last(offsets, ids, 3) == 0)
    #expect(tsdb_label_runs_last(offsets, ids, 4) == 3)
    #expect(tsdb_label_runs_last(offsets, ids, 0) == 0)
  }
}

/// A chunk of a source: two bytes of data from a time on.
private struct ChunkOfTest: Hashable, Comparable {
  var minTimeMs: Int64
  var data: [UInt8]

  static func < (a: ChunkOfTest, b: ChunkOfTest) -> Bool {
    a.minTimeMs != b.minTimeMs ? a.minTimeMs < b.minTimeMs : a.data.lexicographicallyPrecedes(b.data)
  }
}

/// A series of a source.
private struct SeriesOfTest: Equatable {
  var blob: [UInt8]
  var chunks: [ChunkOfTest]
}

@Suite struct SeriesMergeTests {
  private func blob(_ number: Int) -> [UInt8] { labelBlob([("__name__", "m\(100 + number)"), ("i", "\(number)")]) }

  /// Any number of sources in windows of any size give what sorting everything gives.
  @Test func mergesAsSortingDoes() {
    var random = SplitMix64(seed: 21)
    for _ in 0..<200 {
      var expected: [Int: Set<ChunkOfTest>] = [:]
      var sources: [[SeriesOfTest]] = []
      for _ in 0..<Int(1 + random.next() % 7) {
        var numbers: Set<Int> = []
        for _ in 0..<Int(random.next() % 30) { numbers.insert(Int(random.next() % 40)) }
        var source: [SeriesOfTest] = []
        for number in numbers.sorted() {
          var chunks: [ChunkOfTest] = []
          for chunk in 0..<Int(random.next() % 4) {
            chunks.append(ChunkOfTest(minTimeMs: Int64(10 * chunk), data: [UInt8(random.next() % 3), UInt8(chunk)]))
          }
          expected[number, default: []].formUnion(chunks)
          source.append(SeriesOfTest(blob: blob(number), chunks: chunks))
        }
        sources.append(source)
      }
      let merged = merge(sources, windowSize: Int(1 + random.next() % 9), capacity: Int(1 + random.next() % 9))
      let want = expected.sorted { $0.key < $1.key }.map { SeriesOfTest(blob: blob($0.key), chunks: $0.value.sorted()) }
      #expect(merged == want)
    }
  }

  /// Labels that part late, in the midst of a piece, by a length, by a zero byte, or not at all.
  private func hardLabels(_ random: inout SplitMix64) -> [UInt8] {
    let texts = [
      "a", "ab", "abc", "abcd", "abcde", "abcdef", "a\0", "a\0\0", "abcd\0", "b", "\u{FF}",
      String(repeating: "abcd", count: 31), String(repeating: "abcd", count: 31) + "e",
      String(repeating: "abcd", count: 40),
      String(repeating: "abcd", count: 40) + "\0", String(repeating: "z", count: 5000),
    ]
    var labels: [(String, String)] = []
    for name in ["a", "ab", "abcd", "abcdefgh", String(repeating: "n", count: 130)] where random.next() % 3 != 0 {
      labels.append((name, texts[Int(random.next() % UInt64(texts.count))]))
    }
    return labelBlob(labels)
  }

  private func isBefore(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    withViews([a, b]) { views, _ in tsdb_label_blobs_compare(views![0], views![1]) < 0 }
  }

  /// Takes the least of the next series of all sources, one after the other: the meaning of a merge.
  private func slowMerge(_ sources: [[SeriesOfTest]]) -> [SeriesOfTest] {
    var left = sources.map { $0[...] }
    var result: [SeriesOfTest] = []
    while true {
      var best: Int?
      for index in left.indices {
        guard let head = left[index].first else { continue }
        if let old = best, let least = left[old].first, !isBefore(head.blob, least.blob) { continue }
        best = index
      }
      guard let best else { return result }
      let series = left[best].removeFirst()
      if result.last?.blob == series.blob {
        let chunks = Set(result[result.count - 1].chunks).union(series.chunks)
        result[result.count - 1].chunks = chunks.sorted()
      } else {
        result.append(series)
      }
    }
  }

  @Test(arguments: [true, false]) func labelsThatPartAnywhere(inOrder: Bool) {
    var random = SplitMix64(seed: inOrder ? 22 : 23)
    for round in 0..<400 {
      var sources: [[SeriesOfTest]] = []
      for _ in 0..<Int(1 + random.next() % 9) {
        var source = (0..<Int(random.next() % 30)).map { _ in
          SeriesOfTest(
            blob: hardLabels(&random), chunks: [ChunkOfTest(minTimeMs: 5, data: [UInt8(random.next() % 3)])])
        }
        if inOrder || random.next() % 2 == 0 { source.sort { isBefore($0.blob, $1.blob) } }
        sources.append(source)
      }
      let merged = merge(sources, windowSize: Int(1 + random.next() % 9), capacity: Int(1 + random.next() % 9))
      #expect(merged == slowMerge(sources), "round \(round)")
    }
  }

  /// The merge, with windows of `windowSize` series and room for `capacity` series.
  private func merge(
    _ sources: [[SeriesOfTest]], windowSize: Int, capacity: Int
  ) -> [SeriesOfTest] {
    var keep: [() -> Void] = []
    defer { keep.forEach { $0() } }
    func own<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
      let memory = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
      memory.initialize(from: values, count: values.count)
      keep.append { memory.deallocate() }
      return memory
    }
    var windows = sources.map { _ in 0 }
    func window(_ index: Int) -> tsdb_merge_source {
      let source = sources[index]
      let range = windows[index]..<min(source.count, windows[index] + windowSize)
      windows[index] = range.upperBound
      var blobs: [tsdb_bytes_view] = []
      var chunks: [ChunkOfTest] = []
      var offsets: [UInt32] = [0]
      for series in source[range] {
        blobs.append(tsdb_bytes_view(bytes: own(series.blob), size: series.blob.count))
        chunks += series.chunks
        offsets.append(UInt32(chunks.count))
      }
      let data: [UnsafePointer<UInt8>?] = chunks.map { UnsafePointer(own($0.data)) }
      var made = tsdb_merge_source()
      made.blobs = UnsafePointer(own(blobs))
      made.order = UnsafePointer(own((0..<UInt32(range.count)).map { $0 }))
      made.count = range.count
      made.chunk_offsets = UnsafePointer(own(offsets))
      made.min_times_ms = UnsafePointer(own(chunks.map { $0.minTimeMs }))
      made.max_times_ms = UnsafePointer(own(chunks.map { $0.minTimeMs + 9 }))
      made.data = UnsafePointer(own(data))
      made.sizes = UnsafePointer(own(chunks.map { UInt32($0.data.count) }))
      made.encodings = UnsafePointer(own([UInt8](repeating: 1, count: chunks.count)))
      made.is_last = range.upperBound == source.count
      return made
    }
    let states = own(sources.map { _ in tsdb_merge_source() })
    var merge = tsdb_merge()
    merge.sources = states
    merge.source_count = sources.count
    merge.nodes = own(Array(repeating: tsdb_merge_node(), count: sources.count))
    merge.series = own(Array(repeating: tsdb_wire_series(), count: capacity))
    merge.series_capacity = capacity
    merge.chunks = own(Array(repeating: tsdb_wire_chunk(), count: 64))
    merge.chunk_capacity = 64
    for index in sources.indices {
      states[index] = window(index)
      tsdb_merge_push(&merge, index)
    }
    var result: [SeriesOfTest] = []
    while true {
      var source = 0
      let stop = tsdb_merge_run(&merge, &source)
      let closed = merge.series_count - (merge.open_entries > 0 ? 1 : 0)
      var chunk = 0
      for index in 0..<closed {
        let series = merge.series[index]
        let blob = Array(UnsafeBufferPointer(start: series.labels.bytes, count: series.labels.size))
        var one = SeriesOfTest(blob: blob, chunks: [])
        for _ in 0..<Int(series.chunk_count) {
          let found = merge.chunks[chunk]
          let data = Array(UnsafeBufferPointer(start: found.data, count: Int(found.size)))
          one.chunks.append(ChunkOfTest(minTimeMs: found.min_time_ms, data: data))
          chunk += 1
        }
        result.append(one)
      }
      for index in closed..<merge.series_count { merge.series[index - closed] = merge.series[index] }
      for index in chunk..<merge.chunk_count { merge.chunks[index - chunk] = merge.chunks[index] }
      merge.series_count -= closed
      merge.chunk_count -= chunk
      if stop == TSDB_MERGE_END { return result }
      if stop == TSDB_MERGE_REFILL {
        states[source] = window(source)
        tsdb_merge_push(&merge, source)
      }
    }
  }
}

/// A window with room for so much.
final class WireWindowOfTest {
  var window = tsdb_wire_window()

  init(capacity: Int) {
    window.blobs = .allocate(capacity: capacity)
    window.is_loose = .allocate(capacity: capacity)
    window.chunk_offsets = .allocate(capacity: capacity + 1)
    window.chunk_offsets[0] = 0
    window.min_times_ms = .allocate(capacity: capacity)
    window.max_times_ms = .allocate(capacity: capacity)
    window.data = .allocate(capacity: capacity)
    window.sizes = .allocate(capacity: capacity)
    window.encodings = .allocate(capacity: capacity)
    window.series_capacity = capacity
    window.chunks_capacity = capacity
  }

  deinit {
    window.blobs.deallocate()
    window.is_loose.deallocate()
    window.chunk_offsets.deallocate()
    window.min_times_ms.deallocate()
    window.max_times_ms.deallocate()
    window.data.deallocate()
    window.sizes.deallocate()
    window.encodings.deallocate()
  }

  /// The labels of a series, those of a loose one written anew; nil where they cannot be.
  func labels(_ index: Int) -> [String]? {
    let view = window.blobs[index]
    var bytes = [UInt8](repeating: 0, count: view.size + 16 * (view.size / 2) + 1)
    var scratch = [tsdb_bytes_view](repeating: tsdb_bytes_view(), count: view.size + 2)
    var size = 0
    if window.is_loose[index] == 0 {
      bytes = Array(UnsafeBufferPointer(start: view.bytes, count: view.size))
      size = bytes.count
    } else {
      let status = tsdb_loose_labels_write(
        view, nil, 0, &scratch, scratch.count / 2, &bytes, bytes.count, &size)
      guard status == TSDB_OK else { return nil }
    }
    return bytes.withUnsafeBufferPointer { bytes in
      let blob = tsdb_bytes_view(bytes: bytes.baseAddress, size: size)
      var position = 0
      var (name, value) = (tsdb_bytes_view(), tsdb_bytes_view())
      func text(_ view: tsdb_bytes_view) -> String {
        String(decoding: UnsafeBufferPointer(start: view.bytes, count: view.size), as: UTF8.self)
      }
      var found: [String] = []
      while tsdb_label_blob_next(blob, &position, &name, &value) { found.append("\(text(name))=\(text(value))") }
      return position == size ? found : nil
    }
  }
}

@Suite struct SeriesMessageTests {
  private let labels = [
    [("__name__", "up"), ("job", "a")], [("__name__", "up"), ("job", String(repeating: "b", count: 300))],
  ]

  /// The messages of two series, the first with two chunks.
  private func encoded(batchSize: UInt32, framed: Bool = false, capacity: Int? = nil) -> (
    status: tsdb_status, bytes: [UInt8]
  ) {
    withViews(labels.map { labelBlob($0) }) { blobs, _ in
      withExactBytes([0, 3, 1, 2, 9, 9, 9]) { data, size in
        let series = [
          tsdb_wire_series(labels: blobs![0], chunk_count: 2), tsdb_wire_series(labels: blobs![1], chunk_count: 0),
        ]
        let chunks = [
          tsdb_wire_chunk(min_time_ms: -5, max_time_ms: 0, data: data, size: UInt32(size), encoding: 1),
          tsdb_wire_chunk(min_time_ms: 1, max_time_ms: 1 << 40, data: data, size: 3, encoding: 3),
        ]
        var options = tsdb_wire_options(batch_size: batchSize, aggregates: 0, writes_hashes: true, is_framed: framed)
        var (seriesCount, chunkCount, bound) = (0, 0, 0)
        #expect(
          tsdb_series_response_measure(series, 2, chunks, 2, &options, .max, &seriesCount, &chunkCount, &bound)
            == TSDB_OK)
        #expect(seriesCount == 2 && chunkCount == 2)
        var written = 0
        var room = [UInt8](repeating: 0, count: capacity ?? bound)
        let status = tsdb_series_response_encode(series, 2, chunks, 2, &options, &room, room.count, &written)
        #expect(status != TSDB_OK || written <= bound)
        return (status, Array(room[..<(status == TSDB_OK ? written : 0)]))
      }
    }
  }

  @Test(arguments: [UInt32(0), 1, 2, 64]) func whatIsWrittenIsReadAgain(batchSize: UInt32) {
    let (status, bytes) = encoded(batchSize: batchSize)
    #expect(status == TSDB_OK)
    withExactBytes(bytes) { src, size in
      let read = WireWindowOfTest(capacity: 20)
      var notes = tsdb_wire_notes()
      // Two messages in a row have the fields of both.
      #expect(tsdb_series_response_scan(src, size, &read.window, &notes) == TSDB_OK)
      #expect(read.window.series_count == 2 && notes.warning.size == 0)
      for (index, labels) in labels.enumerated() {
        #expect(read.window.is_loose[index] == 0)
        #expect(read.labels(index) == labels.map { "\($0.0)=\($0.1)" })
      }
      #expect((0..<2).map { read.window.min_times_ms[$0] } == [-5, 1])
      #expect((0..<2).map { read.window.max_times_ms[$0] } == [0, 1 << 40])
      #expect((0..<2).map { read.window.sizes[$0] } == [7, 3])
      #expect((0..<2).map { read.window.encodings[$0] } == [1, 3])
    }
  }

  @Test func tooLittleRoomIsNoticed() {
    let whole = encoded(batchSize: 2).bytes.count
    for capacity in stride(from: 0, to: whole, by: 7) {
      #expect(encoded(batchSize: 2, capacity: capacity).status == TSDB_ERR_CAPACITY)
    }
  }

  @Test func framesTellTheirLength() {
    let (plain, framed) = (encoded(batchSize: 2).bytes, encoded(batchSize: 2, framed: true).bytes)
    #expect(framed[0] == 0 && framed[1..<5].reduce(0) { $0 << 8 | Int($1) } == plain.count)
    #expect(Array(framed[5...]) == plain)
  }

  @Test func damagedMessagesGiveColumnsOrAnError() {
    let bytes = encoded(batchSize: 2).bytes
    func read(_ bytes: [UInt8]) {
      withExactBytes(bytes) { src, size in
        let read = WireWindowOfTest(capacity: 400)
        var notes = tsdb_wire_notes()
        let status = tsdb_series_response_scan(src, size, &read.window, &notes)
        #expect(status != TSDB_ERR_CAPACITY)
        if status != TSDB_OK { #expect(read.window.series_count == 0) }
      }
    }
    for length in 0..<bytes.count { read(Array(bytes[..<length])) }
    for bit in 0..<8 * bytes.count {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << (bit % 8)
      read(damaged)
    }
  }

  @Test func arraysThatAreFullAreNoticedAndChangeNothing() {
    let bytes = encoded(batchSize: 2).bytes
    // Two series, and two chunks of the first.
    let read = WireWindowOfTest(capacity: 1)
    var notes = tsdb_wire_notes()
    #expect(tsdb_series_response_scan(bytes, bytes.count, &read.window, &notes) == TSDB_ERR_CAPACITY)
    #expect(read.window.series_count == 0)
    let enough = WireWindowOfTest(capacity: 2)
    #expect(tsdb_series_response_scan(bytes, bytes.count, &enough.window, &notes) == TSDB_OK)
  }
}
