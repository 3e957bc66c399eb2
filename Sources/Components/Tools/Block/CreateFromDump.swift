// `apus tools block create-from jsonl`: a dump becomes a block again.
//
//   first pass   labels of each line: where the line is, and the block's symbols
//   second pass  line by line in label order: samples and chunks, encoded, into the block
//
// Chunks are cut where the dump lists them, else where Prometheus' head would cut. Memory: the labels of all series, and
// one line. Standard input cannot be read twice and is copied to a file in the output folder first.
internal import Storage
internal import TSModel

/// What was written.
struct ImportResult {
  var blockPath: String
  var seriesCount = 0
  var sampleCount = 0
}

/// Makes one block of one dump.
enum DumpImport {
  private struct Line {
    let labels: Labels
    let offset: Int64
    let number: Int
  }

  /// Reads `path`, which is a file and called `name` in errors, and writes a block into `folder`. Returns nil where the dump
  /// holds no series.
  static func run(path: String, name: String, folder: String) throws -> ImportResult? {
    var reader = try LineReader(path: path)
    var lines: [Line] = []
    var symbols = SymbolCollector()
    while let range = try reader.next() {
      if range.isEmpty { continue }
      do throws(JSONError) {
        let labels = try DumpedSeries(reader.bytes(range), labelsOnly: true).labels
        symbols.add(labels)
        lines.append(Line(labels: labels, offset: reader.lineOffset, number: reader.lineNumber))
      } catch { throw InputError(source: name, line: reader.lineNumber, message: error.message) }
    }
    if lines.isEmpty { return nil }
    lines.sort { $0.labels < $1.labels }
    for (left, right) in zip(lines, lines.dropFirst()) where left.labels == right.labels {
      throw InputError(
        source: name, line: max(left.number, right.number),
        message: "series \(right.labels) again; it is on line \(min(left.number, right.number)), too")
    }

    let writer = try BlockWriter(parentFolder: folder, ulid: .generate(), symbols: symbols.sorted())
    var result = ImportResult(blockPath: "")
    var isDownsampled = false
    var timestepsMs = Int64.max
    var next: Int64 = -1
    for line in lines {
      if line.offset != next { try reader.seek(to: line.offset) }
      guard let range = try reader.next() else {
        throw InputError(source: name, line: line.number, message: "the file became shorter while it was read")
      }
      next = line.offset + Int64(range.count) + 1
      let series: DumpedSeries
      do throws(JSONError) { series = try DumpedSeries(reader.bytes(range)) } catch {
        throw InputError(source: name, line: line.number, message: error.message)
      }
      do throws(StorageError) {
        let chunks = try encode(series)
        try writer.addSeries(labels: line.labels, chunks: chunks)
        result.seriesCount += 1
        for chunk in chunks { result.sampleCount += chunk.sampleCount }
      } catch {
        if error.disposition == .halt { throw error }
        throw InputError(source: name, line: line.number, message: "\(error.message)")
      }
      for chunk in series.chunks ?? [] {
        guard let count = chunk.aggregates[.count] else { continue }
        isDownsampled = true
        for (left, right) in zip(count, count.dropFirst()) {
          // Whatever a dump says: what is further apart than can be told is not the smallest distance.
          let (distance, overflows) = right.timestampMs.subtractingReportingOverflow(left.timestampMs)
          if !overflows { timestepsMs = min(timestepsMs, distance) }
        }
      }
    }
    result.blockPath = try writer.finish { meta in
      guard isDownsampled else { return }
      var thanos = ThanosMeta()
      // Windows end at multiples of the resolution less one; the last one of a series may end earlier.
      thanos.resolutionMs = timestepsMs > 300_000 && timestepsMs != .max ? 3_600_000 : 300_000
      thanos.labels = []
      thanos.source = "apus"
      meta.thanos = thanos
    }
    return result
  }

  /// The chunks of a series.
  static func encode(_ series: DumpedSeries) throws(StorageError) -> [EncodedChunk] {
    if let chunks = series.chunks, chunks.contains(where: { $0.encoding == .aggregates }) {
      var out: [EncodedChunk] = []
      for chunk in chunks { out.append(try encode(aggregates: chunk)) }
      return out
    }
    if let chunks = series.chunks, chunks.reduce(0, { $0 + $1.sampleCount }) == series.samples.count,
      let encoded = encode(series.samples[...], as: chunks)
    {
      return encoded
    }
    return try encodeAsHead(series)
  }

  /// Chunks as listed; nil where the list and the samples do not fit together.
  private static func encode(_ samples: ArraySlice<DumpedSample>, as chunks: [DumpedChunk]) -> [EncodedChunk]? {
    var rest = samples
    var out: [EncodedChunk] = []
    for chunk in chunks {
      let part = rest.prefix(chunk.sampleCount)
      rest = rest.dropFirst(chunk.sampleCount)
      guard let encoded = try? encode(part, chunk.encoding, chunk.resetHeader), encoded.minTimeMs == chunk.minTimeMs,
        encoded.maxTimeMs == chunk.maxTimeMs
      else { return nil }
      out.append(encoded)
    }
    return out
  }

  /// One chunk of these samples.
  private static func encode(
    _ samples: ArraySlice<DumpedSample>, _ encoding: ChunkEncoding, _ header: Histogram.ResetHint
  ) throws(StorageError) -> EncodedChunk {
    let misfit = StorageError(
      .argument, "encode samples as \(encoding): some are of another kind", disposition: .rejectRequest)
    if encoding.isFloat {
      var values: [Double] = []
      values.reserveCapacity(samples.count)
      for sample in samples {
        guard case .float(let value) = sample.value else { throw misfit }
        values.append(value)
      }
      return try .wholeFloats(
        encoding: encoding, timestampsMs: samples.map(\.timestampMs), values: values,
        startTimestampsMs: encoding == .xor2 ? samples.map(\.startTimestampMs) : [])
    }
    guard encoding.isHistogram else { throw misfit }
    var histograms: [(timestampMs: Int64, histogram: Histogram, startTimestampMs: Int64)] = []
    for sample in samples {
      guard case .histogram(var histogram) = sample.value else { throw misfit }
      // What a reader sees is worked out again from the header; only a gauge must say what it is.
      if histogram.resetHint != .gauge { histogram.resetHint = .unknown }
      histograms.append((sample.timestampMs, histogram, sample.startTimestampMs))
    }
    return try .wholeHistograms(encoding: encoding, resetHeader: header, samples: histograms)
  }

  private static func encode(aggregates chunk: DumpedChunk) throws(StorageError) -> EncodedChunk {
    guard chunk.encoding == .aggregates else {
      throw StorageError(
        .encoding, "a series mixes chunks of aggregates with chunks of samples", disposition: .rejectRequest)
    }
    var parts: [AggregateChunk.Slot: (encoding: ChunkEncoding, bytes: [UInt8])] = [:]
    for (slot, samples) in chunk.aggregates {
      guard let first = samples.first else { continue }
      var header = Histogram.ResetHint.unknown
      var encoding = ChunkEncoding.xor
      if case .histogram(let histogram) = first.value {
        header = histogram.resetHint
        encoding = histogram.kind == .int ? .histogram : .floatHistogram
      }
      encoding = chunk.aggregateEncodings[slot] ?? encoding
      let encoded = try encode(samples[...], encoding, header)
      parts[slot] = (encoded.encoding, encoded.bytes)
    }
    return EncodedChunk(
      encoding: .aggregates, minTimeMs: chunk.minTimeMs, maxTimeMs: chunk.maxTimeMs,
      bytes: AggregateChunk.encode(parts),
      sampleCount: chunk.aggregates[.count]?.count ?? 0)
  }

  /// Chunks cut where Prometheus' head would cut them.
  private static func encodeAsHead(_ series: DumpedSeries) throws(StorageError) -> [EncodedChunk] {
    let hasStarts = series.samples.contains { $0.startTimestampMs != 0 }
    var builder = try SeriesChunkBuilder(
      .init(floatEncoding: hasStarts ? .xor2 : .xor, histogramStartTimestamps: hasStarts))
    for sample in series.samples {
      switch sample.value {
      case .float(let value):
        try builder.append(
          timestampMs: sample.timestampMs, value: value, startTimestampMs: sample.startTimestampMs)
      case .histogram(var histogram):
        if histogram.resetHint != .gauge { histogram.resetHint = .unknown }
        try builder.append(timestampMs: sample.timestampMs, histogram, startTimestampMs: sample.startTimestampMs)
      }
    }
    return builder.finish()
  }
}
