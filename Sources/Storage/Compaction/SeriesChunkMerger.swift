// The chunks of one series in several blocks become its chunks in one block.
//
//   of one block only          copied as they are
//   of several, apart          copied, in order of time
//   of several, overlapping    those that overlap decoded, deduplicated and encoded; the others copied (by seamless: all encoded)
//
// Deleted samples are left out first.
internal import CTSDB
internal import TSModel

/// Merges one series after the other. Its memory grows to the largest series and is used again.
@safe struct SeriesChunkMerger: ~Copyable {
  /// How overlapping chunks are merged.
  let deduplication: Deduplication
  /// Samples outside are left out.
  let timeRange: TimeRange
  /// Chunks that were there more than once, so far.
  private(set) var duplicateCount: UInt64 = 0
  /// The chunks of the last series, ready to be written. They lie in the windows of the inputs, and here.
  private(set) var views = ChunkViews()

  /// A part of the result: chunks of a list, or encoded ones.
  private struct Piece {
    var list: Int?
    var range: Range<Int>
  }

  /// The chunks of a block, some of which were encoded again since samples were deleted.
  @safe fileprivate struct EditedList {
    var minTimesMs: [Int64] = []
    var maxTimesMs: [Int64] = []
    var regions: [ByteRegion] = []
    var starts: [UnsafePointer<UInt8>?] = unsafe []
    var sizes: [UInt32] = []
    var encodings: [UInt8] = []
  }

  private var lists: UnsafeMutableBufferPointer<tsdb_chunk_list>
  private var encodings: [UnsafePointer<UInt8>?] = unsafe []
  private var heap: UnsafeMutableBufferPointer<UInt32>
  private var places: UnsafeMutableBufferPointer<tsdb_chunk_place>
  /// The replica of each list.
  private var replicas: [Int] = []
  /// Whether the series that is merged counts, as far as its name tells.
  private var isCounter = false
  private var edited: [EditedList] = []
  private var pieces: [Piece] = []
  private var samples = ClusterSamples()
  private var encoder = ClusterEncoder()
  private var decoder = SeriesSamples()

  /// A merge of at most `inputCount` blocks, all of whose samples lie in `timeRange` or are left out.
  init(inputCount: Int, deduplication: Deduplication, timeRange: TimeRange) {
    self.deduplication = deduplication
    self.timeRange = timeRange
    unsafe lists = .allocate(capacity: inputCount + 1)
    unsafe lists.initialize(repeating: tsdb_chunk_list())
    unsafe heap = .allocate(capacity: inputCount + 1)
    unsafe heap.initialize(repeating: 0)
    unsafe places = .allocate(capacity: 256)
  }

  deinit {
    unsafe lists.deallocate()
    unsafe heap.deallocate()
    unsafe places.deallocate()
  }

  /// Merges the series that each of `inputs` is at, in this order, into `views`.
  ///
  /// Throws `.malformed` and others where a chunk that must be decoded is not what the index says of it, `.encoding` where chunks
  /// of downsampled data overlap that cannot be merged.
  mutating func merge(_ inputs: [MergeInput]) throws(StorageError) {
    views.removeAll()
    pieces.removeAll(keepingCapacity: true)
    edited.removeAll(keepingCapacity: true)
    unsafe encodings.removeAll(keepingCapacity: true)
    encoder.removeAll()
    var count = 0
    replicas.removeAll(keepingCapacity: true)
    for input in inputs where try take(input, as: count) {
      count += 1
      replicas.append(input.replica)
    }
    if count == 1 {
      unsafe pieces.append(Piece(list: 0, range: 0..<lists[0].count))
    } else if count > 1 {
      if unsafe tsdb_chunk_lists_are_apart(lists.baseAddress, count, heap.baseAddress) {
        for place in 0..<count {
          let list = unsafe Int(heap[place])
          let start = place > 0 ? forgetReset(list, after: unsafe Int(heap[place - 1])) : 0
          unsafe pieces.append(Piece(list: list, range: start..<lists[list].count))
        }
      } else if deduplication == .seamless, !hasAggregates(count) {
        isCounter = inputs.first?.labelsOfCurrent["__name__"].map(Self.countsByName) ?? false
        try mergeWhole(listCount: count)
      } else {
        try mergeClusters(listCount: count)
      }
    }
    assemble()
  }

  /// Whether a metric of this name is a counter, by what names of counters end with.
  private static func countsByName(_ name: String) -> Bool {
    ["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
  }

  // MARK: Lists

  /// Makes the chunks of the series that `input` is at list number `place`. False where none are left.
  private mutating func take(_ input: MergeInput, as place: Int) throws(StorageError) -> Bool {
    let series = input.position
    let range = input.batch.chunkRange(at: series)
    guard !range.isEmpty else { return false }
    let ref = UInt64(input.batch.seriesRef(at: series))
    if try edit(input, range, ref, as: place) {
      guard let list = edited.last, !list.sizes.isEmpty else { return false }
      return true
    }
    unsafe input.batch.withColumns { columns, bytes in
      unsafe lists[place] = tsdb_chunk_list(
        min_times_ms: columns.chunkMinTimesMs.map { unsafe UnsafePointer($0 + range.lowerBound) },
        max_times_ms: columns.chunkMaxTimesMs.map { unsafe UnsafePointer($0 + range.lowerBound) },
        data: bytes.starts.map {
          unsafe UnsafeRawPointer($0 + range.lowerBound).assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
        },
        sizes: bytes.sizes.map { unsafe $0 + range.lowerBound }, count: range.count, position: 0)
      unsafe encodings.append(bytes.encodings.map { unsafe $0 + range.lowerBound })
    }
    return true
  }

  /// Leaves out what is deleted or outside the range. False where that concerns no chunk: then nothing was done.
  private mutating func edit(
    _ input: MergeInput, _ range: Range<Int>, _ ref: UInt64, as place: Int
  ) throws(StorageError) -> Bool {
    let tombstones = input.block.tombstones
    let hasDeletions = !tombstones.isEmpty && tombstones.columns(of: ref) != nil
    let first = input.batch.chunk(range.lowerBound)
    let isInside =
      first.minTimeMs >= timeRange.minTimeMs
      && range.allSatisfy {
        let chunk = input.batch.chunk($0)
        return chunk.minTimeMs <= chunk.maxTimeMs && chunk.maxTimeMs <= timeRange.maxTimeMs
      }
    guard hasDeletions || !isInside else { return false }
    var list = EditedList()
    for index in range {
      let meta = input.batch.chunk(index)
      guard let chunk = unsafe input.batch.chunkBytes(index) else { continue }
      let times = TimeRange(minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs)
      // A chunk of no samples, which some versions of Thanos left in downsampled blocks.
      guard !times.isEmpty else { continue }
      let isWhole =
        times.minTimeMs >= timeRange.minTimeMs && times.maxTimeMs <= timeRange.maxTimeMs
        && tombstones.coverage(of: times, seriesRef: ref) == .nothing
      if unsafe isWhole || chunk.encoding == ChunkEncoding.aggregates.rawValue {
        guard isWhole || (times.minTimeMs <= timeRange.maxTimeMs && times.maxTimeMs >= timeRange.minTimeMs),
          tombstones.coverage(of: times, seriesRef: ref) != .all
        else { continue }
        unsafe list.append(
          times, chunk.encoding, chunk.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
          UInt32(clamping: chunk.bytes.count))
        continue
      }
      let encoding = unsafe ChunkEncoding(rawValue: chunk.encoding)
      let content = try unsafe decoder.decode(
        RawSpan(_unsafeBytes: chunk.bytes), encoding: encoding, timeRange: timeRange, tombstones: tombstones,
        seriesRef: ref)
      guard let left = try decoder.encoded(content, encoding) else { continue }
      let region = ByteRegion(copying: left.bytes)
      list.regions.append(region)
      // The region keeps the bytes, and the list keeps the region.
      let start = unsafe region.withUnsafeBytes { unsafe $0.bytes }
      unsafe list.append(
        TimeRange(minTimeMs: left.minTimeMs, maxTimeMs: left.maxTimeMs), left.encoding.rawValue, start,
        UInt32(clamping: left.bytes.count))
    }
    edited.append(list)
    guard !list.sizes.isEmpty else { return true }
    // The arrays of an edited list do not change any more, and `edited` keeps them until the next series.
    let index = edited.count - 1
    unsafe lists[place] = tsdb_chunk_list(
      min_times_ms: address(of: edited[index].minTimesMs), max_times_ms: address(of: edited[index].maxTimesMs),
      data: address(of: edited[index].starts), sizes: address(of: edited[index].sizes), count: list.sizes.count,
      position: 0)
    unsafe encodings.append(address(of: edited[index].encodings))
    return true
  }

  // MARK: Whole series

  /// Where seamless deduplication lets list `list` follow a list of another replica: its first chunk is about histograms that came before
  /// it there, so that what it says of a reset is taken out, in a copy. Returns which chunk of the list comes next.
  private mutating func forgetReset(_ list: Int, after previous: Int) -> Int {
    let first = tsdb_chunk_place(list: UInt32(clamping: list), chunk: 0)
    let encoding = encoding(of: first)
    guard deduplication == .seamless, replicas[list] != replicas[previous], encoding.isHistogram else { return 0 }
    let times = unsafe (lists[list].min_times_ms[0], lists[list].max_times_ms[0])
    unsafe encoder.append(bytes(of: first), encoding: encoding, minTimeMs: times.0, maxTimeMs: times.1)
    encoder.forgetResetOfLast()
    append(nil, encoder.chunks.count - 1)
    return 1
  }

  private func hasAggregates(_ listCount: Int) -> Bool {
    for list in 0..<listCount {
      for chunk in 0..<(unsafe lists[list].count)
      where encoding(of: tsdb_chunk_place(list: UInt32(clamping: list), chunk: UInt32(clamping: chunk))) == .aggregates
      {
        return true
      }
    }
    return false
  }

  /// Seamless deduplication looks at the whole of a series whose replicas overlap: which of them is followed, and what is done to its
  /// values, must not end where no chunk of either lies across a moment.
  private mutating func mergeWhole(listCount: Int) throws(StorageError) {
    var all: [(list: Int, chunk: Int, minTimeMs: Int64)] = []
    for list in 0..<listCount {
      for chunk in 0..<(unsafe lists[list].count) {
        unsafe all.append((list, chunk, lists[list].min_times_ms[chunk]))
      }
    }
    all.sort { ($0.minTimeMs, $0.list, $0.chunk) < ($1.minTimeMs, $1.list, $1.chunk) }
    reservePlaces(all.count)
    for (index, place) in all.enumerated() {
      unsafe places[index] = tsdb_chunk_place(list: UInt32(clamping: place.list), chunk: UInt32(clamping: place.chunk))
    }
    let first = encoder.chunks.count
    try encodeCluster(all.count)
    guard encoder.chunks.count > first else {
      throw StorageError(.malformed, "merge \(all.count) overlapping chunks: no sample is left")
    }
    pieces.append(Piece(list: nil, range: first..<encoder.chunks.count))
  }

  private mutating func reservePlaces(_ wanted: Int) {
    guard unsafe wanted > places.count else { return }
    unsafe places.deallocate()
    unsafe places = .allocate(capacity: 2 * wanted)
  }

  // MARK: Clusters

  private mutating func mergeClusters(listCount: Int) throws(StorageError) {
    var total = 0
    for index in 0..<listCount { unsafe total += lists[index].count }
    // Encoding a cluster may make more chunks than went in, but all of them come out before the next cluster begins.
    var clusters = unsafe tsdb_chunk_clusters(
      lists: lists.baseAddress, list_count: listCount, heap: heap.baseAddress, heap_count: 0, dropped_count: 0)
    unsafe tsdb_clusters_init(&clusters)
    var inserted = 0..<0
    var insertedTimes: (mins: [Int64], maxs: [Int64]) = ([], [])
    var insertedStarts = unsafe [UnsafePointer<UInt8>?]()
    var insertedSizes: [UInt32] = []
    while true {
      reservePlaces(total + inserted.count)
      var taken = 0
      let status = unsafe tsdb_clusters_next(&clusters, places.baseAddress, places.count, &taken)
      guard status == TSDB_OK else { throw StorageError(status, "merge chunks") }
      guard taken > 0 else { break }
      if taken == 1 {
        let place = unsafe places[0]
        let chunk = Int(place.chunk)
        append(
          place.list < listCount ? Int(place.list) : nil, place.list < listCount ? chunk : inserted.lowerBound + chunk)
        continue
      }
      let first = encoder.chunks.count
      try encodeCluster(taken)
      let end = encoder.chunks.count
      guard end > first else { throw StorageError(.malformed, "merge \(taken) overlapping chunks: no sample is left") }
      append(nil, first)
      inserted = first + 1..<end
      insertedTimes = (encoder.chunks[inserted].map(\.minTimeMs), encoder.chunks[inserted].map(\.maxTimeMs))
      insertedSizes = encoder.chunks[inserted].map { UInt32($0.range.count) }
      unsafe insertedStarts.removeAll(keepingCapacity: true)
      for index in inserted { unsafe insertedStarts.append(encoder.start(of: encoder.chunks[index])) }
      var list = unsafe tsdb_chunk_list(
        min_times_ms: address(of: insertedTimes.mins), max_times_ms: address(of: insertedTimes.maxs),
        data: address(of: insertedStarts), sizes: address(of: insertedSizes), count: inserted.count, position: 0)
      unsafe tsdb_clusters_insert(&clusters, &list)
    }
    duplicateCount += unsafe clusters.dropped_count
    withExtendedLifetime((insertedTimes, insertedSizes)) {}
    unsafe withExtendedLifetime(insertedStarts) {}
  }

  /// Adds chunk `index` of a list, or of the encoded ones, to the result.
  private mutating func append(_ list: Int?, _ index: Int) {
    if let last = pieces.last, last.list == list, last.range.upperBound == index {
      pieces[pieces.count - 1].range = last.range.lowerBound..<index + 1
    } else {
      pieces.append(Piece(list: list, range: index..<index + 1))
    }
  }

  /// Decodes, deduplicates and encodes the first `count` places.
  private mutating func encodeCluster(_ count: Int) throws(StorageError) {
    let base = unsafe encoding(of: places[0])
    if deduplication != .chain, base == .aggregates {
      try encodeAggregates(count)
      return
    }
    samples.removeAll()
    var placeReplicas: [Int] = []
    // Prometheus' merge looks at the earliest chunk last of all; Thanos' folds the others into it.
    let order = deduplication == .chain ? Array(1..<count) + [0] : Array(0..<count)
    for index in order {
      let place = unsafe places[index]
      let encoding = encoding(of: place)
      guard encoding.isFloat || encoding.isHistogram else {
        throw StorageError(
          .encoding,
          "merge overlapping chunks of \(encoding): only replicas of downsampled data can be merged, by penalty",
          disposition: .rejectRequest)
      }
      // Thanos leaves chunks of another kind than the first one's out.
      if deduplication == .penalty, !encoding.isSameKind(as: base) { continue }
      unsafe try samples.append(RawSpan(_unsafeBytes: bytes(of: place)), encoding: encoding)
      try check(place)
      placeReplicas.append(replicas[Int(place.list)])
    }
    switch deduplication {
    case .chain: samples.chain()
    case .penalty: samples.penalty()
    case .seamless: samples.seamless(replicas: placeReplicas, isCounter: isCounter)
    }
    try encoder.encode(samples)
  }

  /// Throws where the samples that were just decoded are not within the times that the index says, or do not ascend: what they
  /// were encoded to could overlap other chunks.
  private func check(_ place: tsdb_chunk_place) throws(StorageError) {
    guard let rows = samples.lists.last?.rows else { return }
    let times = samples.rows.timestampsMs
    let list = unsafe lists[Int(place.list)]
    var last: Int64?
    for row in rows {
      let time = times[row]
      if let last, time <= last {
        throw StorageError(.order, "merge overlapping chunks: samples at \(last) and \(time) ms do not ascend")
      }
      last = time
    }
    let (min, max) = unsafe (list.min_times_ms[Int(place.chunk)], list.max_times_ms[Int(place.chunk)])
    guard let first = rows.first, let last, times[first] >= min, last <= max else {
      throw StorageError(
        .malformed, "merge overlapping chunks: the index says \(min) to \(max) ms, samples of the chunk are outside")
    }
  }

  private func encoding(of place: tsdb_chunk_place) -> ChunkEncoding {
    unsafe ChunkEncoding(rawValue: encodings[Int(place.list)]?[Int(place.chunk)] ?? 0)
  }

  private func bytes(of place: tsdb_chunk_place) -> UnsafeRawBufferPointer {
    let list = unsafe lists[Int(place.list)]
    let chunk = Int(place.chunk)
    return unsafe UnsafeRawBufferPointer(start: list.data[chunk], count: Int(list.sizes[chunk]))
  }

  // MARK: Aggregates

  /// Replicas of downsampled data: each aggregate is deduplicated alone. The counts decide where chunks end, and the other
  /// aggregates follow them. The counter's last value stands twice, as its format demands.
  private mutating func encodeAggregates(_ count: Int) throws(StorageError) {
    var slots: [AggregateChunk.Slot: (timestampsMs: [Int64], values: [Double])] = [:]
    for slot in AggregateChunk.Slot.allCases {
      samples.removeAll()
      // Here Thanos folds the earliest chunk in last.
      for index in Array(1..<count) + [0] {
        let place = unsafe places[index]
        guard encoding(of: place) == .aggregates else { continue }
        let bytes = unsafe RawSpan(_unsafeBytes: bytes(of: place))
        guard let part = try AggregateChunk.parse(bytes)[slot] else { continue }
        guard part.encoding == .xor else {
          throw StorageError(
            .encoding, "merge overlapping chunks of downsampled histograms: their replicas cannot be merged",
            disposition: .rejectRequest)
        }
        try samples.append(bytes.extracting(part.bytes), encoding: part.encoding)
      }
      guard !samples.lists.isEmpty else { continue }
      samples.penalty()
      slots[slot] = samples.orderedFloats
    }
    guard let counts = slots[.count] else { return }
    var start = 0
    while start < counts.timestampsMs.count {
      let end = min(counts.timestampsMs.count, start + ClusterEncoder.samplesPerChunk)
      let (minTimeMs, maxTimeMs) = (counts.timestampsMs[start], counts.timestampsMs[end - 1])
      var parts: [AggregateChunk.Slot: (encoding: ChunkEncoding, bytes: [UInt8])] = [:]
      for (slot, columns) in slots {
        let rows = columns.timestampsMs.indices.filter { (minTimeMs...maxTimeMs).contains(columns.timestampsMs[$0]) }
        guard let last = rows.last else { continue }
        let all = slot == .counter ? rows + [last] : rows
        let chunk = try EncodedChunk.wholeFloats(
          encoding: .xor, timestampsMs: all.map { columns.timestampsMs[$0] }, values: all.map { columns.values[$0] })
        parts[slot] = (chunk.encoding, chunk.bytes)
      }
      encoder.append(
        EncodedChunk(
          encoding: .aggregates, minTimeMs: minTimeMs, maxTimeMs: maxTimeMs, bytes: AggregateChunk.encode(parts),
          sampleCount: end - start))
      start = end
    }
  }

  // MARK: Result

  private mutating func assemble() {
    for piece in pieces {
      guard let place = piece.list else {
        encoder.show(piece.range, in: &views)
        continue
      }
      let list = unsafe lists[place]
      let kinds = unsafe encodings[place]
      for index in piece.range {
        unsafe views.append(
          minTimeMs: list.min_times_ms[index], maxTimeMs: list.max_times_ms[index], encoding: kinds?[index] ?? 0,
          start: list.data[index], size: list.sizes[index])
      }
    }
  }

  /// Where the elements of an array lie. They stay there as long as the array is kept and not changed.
  private func address<Element>(of array: [Element]) -> UnsafePointer<Element>? {
    unsafe array.withUnsafeBufferPointer { $0.baseAddress }
  }
}

extension SeriesChunkMerger.EditedList {
  fileprivate mutating func append(
    _ times: TimeRange, _ encoding: UInt8, _ start: UnsafePointer<UInt8>?, _ size: UInt32
  ) {
    minTimesMs.append(times.minTimeMs)
    maxTimesMs.append(times.maxTimeMs)
    encodings.append(encoding)
    unsafe starts.append(start)
    sizes.append(size)
  }
}

extension ChunkEncoding {
  /// Whether chunks of both encodings hold the same kind of samples.
  fileprivate func isSameKind(as other: ChunkEncoding) -> Bool {
    isFloat && other.isFloat || withoutStartTimestamps == other.withoutStartTimestamps
  }
}
