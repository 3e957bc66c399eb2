// Some merged series of stores for the query engine: chunks become columns of samples when a series' turn comes.
internal import CTSDB
internal import PromQL
internal import Storage
internal import TSModel

/// Series whose chunks lie in messages of stores.
struct FanoutSeriesPart: SeriesPart {
  private let merged: MergedSeries
  private let reading: ChunkReading
  private let notes: StreamNotes

  init(_ merged: MergedSeries, _ reading: ChunkReading, _ notes: StreamNotes) {
    self.merged = merged
    self.reading = reading
    self.notes = notes
  }

  var count: Int { merged.count }

  func appendLabels(to sets: inout LabelSets) throws { try merged.appendLabels(to: &sets) }

  func newest(at timeMs: Int64, lookbackMs: Int64) -> NewestSamples? {
    // What is outside of the time that was asked for does not count, whatever a store sent.
    guard reading.timeRange.minTimeMs <= timeMs &- lookbackMs &+ 1, timeMs <= reading.timeRange.maxTimeMs else {
      return nil
    }
    return merged.newest(at: timeMs, lookbackMs: lookbackMs)
  }

  /// A chunk that cannot be decoded costs its samples and a warning; the query, where no part may be missing.
  func decode(_ index: Int, into columns: inout SampleColumns) throws {
    columns.removeAll()
    let range = merged.chunkRange(index)
    let isDownsampled = range.contains { merged.encoding(ofChunk: $0) == wireAggregates }
    if isOneRun(range) {
      // One replica's raw counter is read as it is: its resets are those that it had.
      _ = try read(range, asCounter: reading.isCounter && isDownsampled, into: &columns)
      return
    }
    let rows = replicas(of: index)
    if rows.count == 1 {
      _ = try read(rows[0], asCounter: reading.isCounter && isDownsampled, into: &columns)
      return
    }
    var all = SampleColumns()
    guard reading.deduplicates, reading.function != .chain else {
      // Parts of one series, or the samples of all replicas.
      for chunks in rows {
        let start = all.floats.count
        _ = try read(chunks, asCounter: reading.isCounter && (isDownsampled || reading.deduplicates), into: &all)
        all.floats.mergeRun(from: start)
      }
      all.settleOverlaps()
      swap(&all, &columns)
      return
    }
    // Penalty looks at counters whose resets are added up, as Thanos does; seamless keeps resets where they were.
    let addsUp = reading.isCounter && (isDownsampled || reading.function == .penalty)
    let ranges = try rows.map { try read($0, asCounter: addsUp, into: &all) }
    if reading.function == .seamless {
      columns.append(seamless: ranges, of: all, isCounter: reading.isCounter)
    } else {
      columns.append(replicas: ranges, of: all, isCounter: reading.isCounter)
    }
  }

  /// Whether each chunk begins after the one before is over, as is usual: then there is nothing to distribute.
  private func isOneRun(_ range: Range<Int>) -> Bool {
    for chunk in range.dropFirst()
    where merged.timeRange(ofChunk: chunk - 1).maxTimeMs >= merged.timeRange(ofChunk: chunk).minTimeMs {
      return false
    }
    return true
  }

  /// The chunks of a series by time, distributed so that those of one list do not overlap: each goes to the first list whose last chunk
  /// is over.
  private func replicas(of index: Int) -> [[Int]] {
    let range = merged.chunkRange(index)
    var ordered = Array(range)
    let times = range.map { merged.timeRange(ofChunk: $0) }
    func comesBefore(_ a: Int, _ b: Int) -> Bool {
      let (x, y) = (times[a - range.lowerBound], times[b - range.lowerBound])
      return (x.minTimeMs, x.maxTimeMs, a) < (y.minTimeMs, y.maxTimeMs, b)
    }
    if !zip(ordered, ordered.dropFirst()).allSatisfy(comesBefore) { ordered.sort(by: comesBefore) }
    var lists: [[Int]] = []
    for chunk in ordered {
      let time = times[chunk - range.lowerBound]
      let place: Int?
      if reading.function == .seamless {
        place = lists.indices.filter {
          times[lists[$0][lists[$0].count - 1] - range.lowerBound].maxTimeMs < time.minTimeMs
        }
        .min { misfit(of: time, after: lists[$0]) < misfit(of: time, after: lists[$1]) }
      } else {
        place = lists.firstIndex { list in
          list.last.map { times[$0 - range.lowerBound].maxTimeMs < time.minTimeMs } ?? true
        }
      }
      if let place { lists[place].append(chunk) } else { lists.append([chunk]) }
    }
    return lists.isEmpty ? [[]] : lists
  }

  /// How far the distance between the last chunk of a list and one that begins with `time` is from the distance of that chunk's samples,
  /// milliseconds: the chunk after it of the same replica has the least.
  private func misfit(of time: TimeRange, after list: [Int]) -> UInt64 {
    guard let last = list.last else { return 0 }
    let before = merged.timeRange(ofChunk: last)
    let sampleCount = Int64(merged.sampleCount(ofChunk: last))
    guard sampleCount > 1 else { return 0 }
    let interval = (before.maxTimeMs &- before.minTimeMs) / (sampleCount - 1)
    return (time.minTimeMs &- before.maxTimeMs &- interval).magnitude
  }

  /// Reads chunks that do not overlap behind what `columns` hold. Returns what of it lies in the time that was asked for.
  private func read(
    _ chunks: some Sequence<Int>, asCounter: Bool, into columns: inout SampleColumns
  ) throws(QueryError) -> ReplicaRange {
    var decoder = SampleDecoder()
    var total = CounterTotal()
    let (floats, histograms) = (columns.floats.count, columns.histogramCount)
    for chunk in chunks {
      let start = columns.floats.count
      do throws(StorageError) {
        if merged.encoding(ofChunk: chunk) == wireAggregates {
          try readAggregates(chunk, &decoder, into: &columns)
        } else {
          try merged.decode(chunk: chunk, &decoder, into: &columns)
        }
      } catch {
        let sentence = "decode a chunk of a series: \(error.message)"
        guard reading.allowsPartialResponse else { throw QueryError(.execution, sentence, cause: error) }
        notes.add(sentence)
      }
      if asCounter { total.add(&columns.floats, from: start) }
    }
    return columns.range(
      in: reading.timeRange, floats: floats..<columns.floats.count, histograms: histograms..<columns.histogramCount)
  }

  private func readAggregates(
    _ chunk: Int, _ decoder: inout SampleDecoder, into columns: inout SampleColumns
  ) throws(StorageError) {
    switch reading.choice {
    case .one(let aggregate): try merged.decode(aggregate: aggregate, ofChunk: chunk, &decoder, into: &columns)
    case .counter: try merged.decode(aggregate: 5, ofChunk: chunk, &decoder, into: &columns)
    case .average:
      var counts = SampleColumns()
      try merged.decode(aggregate: 1, ofChunk: chunk, &decoder, into: &counts)
      let (floats, histograms) = (columns.floats.count, columns.histogramCount)
      try merged.decode(aggregate: 2, ofChunk: chunk, &decoder, into: &columns)
      columns.floats.divide(from: floats, by: counts.floats)
      columns.divideHistograms(from: histograms, by: counts.floats)
    }
  }
}

/// How the merge marks chunks of aggregates.
private let wireAggregates = UInt8(TSDB_CHUNK_WIRE_AGGREGATES)
