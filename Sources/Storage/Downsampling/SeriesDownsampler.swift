// The chunks of one series become chunks of aggregates: raw ones at any resolution, aggregates at a coarser one.
internal import CTSDB
internal import TSModel

/// Aggregates one series after the other. The memory is kept.
@safe struct SeriesDownsampler: ~Copyable {
  /// Distance of the points that come out, milliseconds.
  let resolutionMs: Int64
  /// Distance of those that go in, milliseconds; 0: raw samples.
  let inputResolutionMs: Int64

  private var floats: FloatDownsampler
  private let histograms: HistogramDownsampler
  private var samples = SampleColumns()
  private var decoder = SampleDecoder()
  private var encoder = ClusterEncoder()
  /// Aggregates that raw chunks in a downsampled block became.
  private var repairedRegions: [ByteRegion] = []
  private var inputs = ChunkViews()

  init(resolutionMs: Int64, inputResolutionMs: Int64) {
    self.resolutionMs = resolutionMs
    self.inputResolutionMs = inputResolutionMs
    floats = FloatDownsampler(resolutionMs: resolutionMs)
    histograms = HistogramDownsampler(resolutionMs: resolutionMs)
  }

  /// Replaces chunks by their aggregates, which are good until the next call. Throws `.order` where chunks overlap, and what is
  /// wrong with one.
  mutating func downsample(_ views: inout ChunkViews) throws(StorageError) {
    for index in views.metas.indices.dropFirst() {
      let (before, meta) = (views.metas[index - 1], views.metas[index])
      guard before.maxTimeMs < meta.minTimeMs else {
        throw StorageError(
          .order,
          "downsample chunks that overlap: one to \(before.maxTimeMs) ms, the next one from \(meta.minTimeMs) ms")
      }
    }
    encoder.removeAll()
    repairedRegions.removeAll(keepingCapacity: true)
    if inputResolutionMs == 0 {
      try downsampleRaw(views)
    } else {
      try downsampleAggregates(views)
    }
    views.removeAll()
    encoder.show(0..<encoder.chunks.count, in: &views)
  }

  // MARK: Raw samples

  /// Runs of chunks with floats and with histograms, each run for itself.
  private mutating func downsampleRaw(_ views: borrowing ChunkViews) throws(StorageError) {
    samples.removeAll()
    var isHistogram = false
    for index in 0..<views.count {
      let encoding = ChunkEncoding(rawValue: views.encodings[index])
      guard encoding.isFloat || encoding.isHistogram else {
        throw StorageError(.encoding, "downsample a chunk of \(encoding) among raw ones")
      }
      if index > 0, encoding.isHistogram != isHistogram { try endRun() }
      isHistogram = encoding.isHistogram
      unsafe try decode(RawSpan(_unsafeBytes: views.bytes(index)), encoding)
    }
    try endRun()
  }

  /// Decodes a chunk behind `samples`, without what cannot be counted.
  private mutating func decode(_ bytes: RawSpan, _ encoding: ChunkEncoding) throws(StorageError) {
    let start = samples.floats.count
    try decoder.append(bytes, encoding: encoding, to: &samples)
    guard encoding.isFloat else { return }
    unsafe samples.floats.filter(from: start) { times, values, _, count in
      unsafe tsdb_downsample_sanitize(times, values, count)
    }
  }

  private mutating func endRun() throws(StorageError) {
    try floats.downsample(&samples.floats, into: &encoder)
    samples.removeStaleMarkers()
    try histograms.downsample(samples, into: &encoder)
    samples.removeAll()
  }

  // MARK: Aggregates

  /// Runs of chunks with aggregates of floats and of histograms, each run for itself.
  private mutating func downsampleAggregates(_ views: borrowing ChunkViews) throws(StorageError) {
    inputs.removeAll()
    for index in 0..<views.count {
      if views.encodings[index] == ChunkEncoding.aggregates.rawValue {
        let meta = views.metas[index]
        unsafe inputs.append(
          minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs, encoding: views.encodings[index],
          start: views.starts[index], size: views.sizes[index])
      } else {
        try repair(views, index)
      }
    }
    var start = 0
    while start < inputs.count {
      let isHistogram = try self.isHistogram(start)
      var end = start + 1
      while end < inputs.count, try self.isHistogram(end) == isHistogram { end += 1 }
      try downsampleRun(start..<end, isHistogram: isHistogram)
      start = end
    }
  }

  /// A raw chunk in a downsampled block, as some versions of Thanos left them: aggregated as the block is.
  private mutating func repair(_ views: borrowing ChunkViews, _ index: Int) throws(StorageError) {
    var single = SeriesDownsampler(resolutionMs: inputResolutionMs, inputResolutionMs: 0)
    var raw = ChunkViews()
    let meta = views.metas[index]
    unsafe raw.append(
      minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs, encoding: views.encodings[index],
      start: views.starts[index], size: views.sizes[index])
    try single.downsample(&raw)
    for chunk in 0..<raw.count {
      let region = unsafe ByteRegion(copying: Array(raw.bytes(chunk)))
      repairedRegions.append(region)
      let start = unsafe region.withUnsafeBytes { unsafe $0.bytes }
      unsafe inputs.append(
        minTimeMs: raw.metas[chunk].minTimeMs, maxTimeMs: raw.metas[chunk].maxTimeMs, encoding: raw.encodings[chunk],
        start: start, size: raw.sizes[chunk])
    }
  }

  private func isHistogram(_ index: Int) throws(StorageError) -> Bool {
    unsafe try AggregateChunk.parse(RawSpan(_unsafeBytes: inputs.bytes(index)))[.counter]?.encoding.isHistogram ?? false
  }

  /// Whole chunks are taken together: only their first and last samples tell of resets.
  private mutating func downsampleRun(_ range: Range<Int>, isHistogram: Bool) throws(StorageError) {
    var sampleCount = 0
    for index in range { sampleCount += try inputs.sampleCount(index) }
    let chunkCount = tsdb_downsample_chunk_count(
      inputs.metas[range.lowerBound].minTimeMs, inputs.metas[range.upperBound - 1].maxTimeMs, inputResolutionMs,
      resolutionMs, sampleCount)
    let batchSize = max(1, range.count / chunkCount)
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(range.upperBound, start + batchSize)
      if isHistogram {
        try downsampleHistogramBatch(start..<end)
      } else {
        try downsampleFloatBatch(start..<end)
      }
      start = end
    }
  }

  /// Decodes one aggregate of the chunks `range` into `samples`.
  private mutating func expand(_ slot: AggregateChunk.Slot, _ range: Range<Int>) throws(StorageError) {
    samples.removeAll()
    for index in range {
      let bytes = unsafe RawSpan(_unsafeBytes: inputs.bytes(index))
      guard let part = try AggregateChunk.parse(bytes)[slot] else { continue }
      try decode(bytes.extracting(part.bytes), part.encoding)
    }
    samples.removeStaleMarkers()
  }

  private mutating func downsampleFloatBatch(_ range: Range<Int>) throws(StorageError) {
    var parts: [AggregateChunk.Slot: (encoding: ChunkEncoding, bytes: [UInt8])] = [:]
    var times: [Int64] = []
    var count = 0
    for slot in [AggregateChunk.Slot.count, .sum, .min, .max] {
      try expand(slot, range)
      let points = floats.windows(of: samples.floats, slot)
      guard !points.values.isEmpty else { continue }
      if slot == .count { count = points.values.count }
      times += points.timestampsMs
      parts[slot] = (
        .xor,
        try EncodedChunk.wholeFloats(encoding: .xor, timestampsMs: points.timestampsMs, values: points.values).bytes
      )
    }
    if let counter = try counterChunk(range) {
      times += [counter.minTimeMs, counter.maxTimeMs]
      parts[.counter] = (.xor, counter.bytes)
    }
    guard let first = times.min(), let last = times.max() else { return }
    encoder.append(
      EncodedChunk(
        encoding: .aggregates, minTimeMs: first, maxTimeMs: last, bytes: AggregateChunk.encode(parts),
        sampleCount: count))
  }

  /// The counters of the chunks `range`, falls taken as resets, at the ends of windows; with the first value before and the last
  /// raw one behind them. Its times are those of the windows.
  private mutating func counterChunk(_ range: Range<Int>) throws(StorageError) -> EncodedChunk? {
    samples.removeAll()
    var state = tsdb_counter_total()
    for index in range {
      let bytes = unsafe RawSpan(_unsafeBytes: inputs.bytes(index))
      guard let part = try AggregateChunk.parse(bytes)[.counter] else { continue }
      let start = samples.floats.count
      try decoder.append(bytes.extracting(part.bytes), encoding: part.encoding, to: &samples)
      unsafe samples.floats.filter(from: start) { times, values, starts, count in
        unsafe tsdb_counter_samples_add(&state, times, values, starts, count)
      }
    }
    let points = floats.windows(of: samples.floats, .counter)
    guard let first = points.timestampsMs.first, let last = points.timestampsMs.last else { return nil }
    var chunk = try EncodedChunk.wholeFloats(
      encoding: .xor, timestampsMs: [samples.floats.timestampsMs[0]] + points.timestampsMs + [last],
      values: [samples.floats.values[0]] + points.values + [state.last_value])
    (chunk.minTimeMs, chunk.maxTimeMs) = (first, last)
    return chunk
  }

  private mutating func downsampleHistogramBatch(_ range: Range<Int>) throws(StorageError) {
    try expand(.counter, range)
    guard samples.histogramCount > 0 else { return }
    var points = try histograms.points(samples, Array(0..<samples.histogramCount))
    try expand(.sum, range)
    points.sums = try histograms.points(samples, Array(0..<samples.histogramCount)).sums
    try expand(.count, range)
    points.counts = floats.windows(of: samples.floats, .count).values
    guard points.sums.count == points.counters.count, points.counts.count == points.counters.count else {
      throw StorageError(.malformed, "downsample histograms: their counts, sums and counters are of different times")
    }
    try histograms.encode(points, into: &encoder)
  }
}
