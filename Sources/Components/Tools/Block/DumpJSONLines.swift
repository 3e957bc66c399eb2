// `apus tools block dump --format=jsonl`: one line a series, with its samples and its chunks. docs/formats/dump.md.
//
//   {"labels":{…},"samples":[[t,"v"],…],"chunks":[{…},…]}
//    └ from symbols ┘└ decoded chunk by chunk ┘└ written beside, appended at the end
internal import Storage
internal import TSModel

/// Writes series as lines of JSON. Memory: the columns of one chunk, the text of one series' chunk list, the output buffer.
final class JSONLinesDump {
  private var output: OutputStream
  private var floats = FloatColumns()
  private var histograms = HistogramColumns()
  private var chunkList = TextBuffer()
  private let timeRange: TimeRange
  private let tombstones: Tombstones

  /// Samples outside `timeRange` and those that `tombstones` delete are left out.
  init(output: consuming OutputStream, timeRange: TimeRange, tombstones: Tombstones) {
    self.output = output
    self.timeRange = timeRange
    self.tombstones = tombstones
  }

  /// Writes the series of `batch`, whose chunks are loaded. `name` is the block, for errors.
  func write(_ batch: SeriesBatch, name: String) throws {
    for series in 0..<batch.seriesCount {
      var start = output.buffer.count
      output.buffer.append("{\"labels\":{")
      writeLabels(batch, series)
      let deleted = tombstones.intervals(of: UInt64(batch.seriesRef(at: series)))
      var sampleCount = 0
      var isDownsampled = false
      chunkList.removeAll()
      output.buffer.append("},\"samples\":[")
      let samplesStart = output.buffer.count
      for index in batch.chunkRange(at: series) {
        guard let (encodingNumber, bytes) = unsafe batch.chunkBytes(index) else { continue }
        let encoding = ChunkEncoding(rawValue: encodingNumber)
        let chunk = batch.chunk(index)
        let span = unsafe RawSpan(_unsafeBytes: bytes)
        do throws(StorageError) {
          chunkList.append(chunkList.count == 0 ? "{\"min\":" : ",{\"min\":")
          chunkList.append(chunk.minTimeMs)
          chunkList.append(",\"max\":")
          chunkList.append(chunk.maxTimeMs)
          chunkList.append(",\"encoding\":\"")
          chunkList.append(encoding.description)
          chunkList.append("\",\"samples\":")
          if encoding == .aggregates {
            isDownsampled = true
            try writeAggregates(span, chunk)
          } else {
            chunkList.append(try chunkSampleCount(span, encoding))
            writePlace(chunk, bytes.count)
            sampleCount += try writeSamples(span, encoding, deleted, isFirst: sampleCount == 0)
          }
          chunkList.append(UInt8(ascii: "}"))
        } catch {
          // The lines before this one are whole and worth having.
          if output.buffer.count > start { output.buffer.truncate(to: start) }
          var error = error
          error.message = "dump \(batch.labels(at: series)) of block \(name), chunk \(chunk.ref): \(error.message)"
          throw error
        }
        // A series of many chunks is written piece by piece; what may have to be taken back is still in the buffer.
        if sampleCount > 0, output.buffer.count - start >= 1 << 24 {
          try output.flush()
          start = 0
        }
      }
      if isDownsampled, sampleCount == 0 {
        // Chunks of aggregates hold no samples of their own: the key is left out.
        output.buffer.truncate(to: samplesStart - ",\"samples\":[".utf8.count)
      } else if sampleCount == 0, !deleted.isEmpty || timeRange != .all {
        // Nothing is left of the series.
        output.buffer.truncate(to: start)
        continue
      } else {
        output.buffer.append(UInt8(ascii: "]"))
      }
      output.buffer.append(",\"chunks\":[")
      unsafe chunkList.withBytes { unsafe output.buffer.append($0) }
      output.buffer.append("]}\n")
      try output.drain()
    }
  }

  /// Writes what is still in the buffer.
  func finish() throws { try output.flush() }

  /// Writes the lines that are whole, before an error is told.
  func giveUp() throws { try output.flush() }

  private func writeLabels(_ batch: SeriesBatch, _ series: Int) {
    let ids = batch.labelIDs
    var isFirst = true
    for pair in batch.labelRange(at: series) {
      if !isFirst { output.buffer.append(UInt8(ascii: ",")) }
      isFirst = false
      _ = unsafe batch.symbols.withSymbol(ids[2 * pair]) { unsafe output.buffer.appendJSON($0) }
      output.buffer.append(UInt8(ascii: ":"))
      _ = unsafe batch.symbols.withSymbol(ids[2 * pair + 1]) { unsafe output.buffer.appendJSON($0) }
    }
  }

  private func writePlace(_ chunk: ChunkMeta, _ byteCount: Int) {
    chunkList.append(",\"ref\":\"")
    chunkList.append(chunk.ref)
    chunkList.append("\",\"data_bytes\":")
    chunkList.append(byteCount)
  }

  /// Writes the samples of a chunk that are to be seen; returns how many.
  private func writeSamples(
    _ bytes: RawSpan, _ encoding: ChunkEncoding, _ deleted: [TimeRange], isFirst: Bool
  ) throws(StorageError) -> Int {
    if encoding.isFloat {
      floats.removeAll()
      try floats.append(decoding: bytes, encoding: encoding)
      let timeRange = timeRange
      return output.buffer.appendSamples(floats, isFirst: isFirst) { timeMs in
        Self.isSeen(timeMs, timeRange, deleted)
      }
    }
    try histograms.decode(bytes, encoding: encoding)
    chunkList.append(",\"reset_header\":\"")
    chunkList.append(histograms.resetHeader.description)
    chunkList.append(UInt8(ascii: "\""))
    let timeRange = timeRange
    return output.buffer.appendSamples(histograms, isFirst: isFirst) { timeMs in
      Self.isSeen(timeMs, timeRange, deleted)
    }
  }

  @inline(__always)
  private static func isSeen(_ timeMs: Int64, _ timeRange: TimeRange, _ deleted: [TimeRange]) -> Bool {
    if !timeRange.contains(timeMs) { return false }
    for range in deleted where range.contains(timeMs) { return false }
    return true
  }

  // MARK: Aggregates

  /// Slots in the order of their names, as Go writes the keys of a map.
  private static let slots: [AggregateChunk.Slot] = [.count, .counter, .max, .min, .sum]

  /// Writes number, place, samples and encodings of a chunk of a downsampled block, all within the chunk list.
  private func writeAggregates(_ bytes: RawSpan, _ chunk: ChunkMeta) throws(StorageError) {
    let aggregates = try AggregateChunk.parse(bytes)
    chunkList.append(try aggregates.sampleCount(bytes))
    writePlace(chunk, bytes.byteCount)
    chunkList.append(",\"aggr\":{")
    var isFirst = true
    for slot in Self.slots {
      guard let part = aggregates[slot] else { continue }
      if !isFirst { chunkList.append(UInt8(ascii: ",")) }
      isFirst = false
      chunkList.append(UInt8(ascii: "\""))
      chunkList.append(slot.description)
      chunkList.append("\":[")
      try writeAggregate(bytes.extracting(part.bytes), part.encoding)
      chunkList.append(UInt8(ascii: "]"))
    }
    chunkList.append("},\"aggr_encoding\":{")
    isFirst = true
    for slot in Self.slots {
      guard let part = aggregates[slot] else { continue }
      if !isFirst { chunkList.append(UInt8(ascii: ",")) }
      isFirst = false
      chunkList.append(UInt8(ascii: "\""))
      chunkList.append(slot.description)
      chunkList.append("\":\"")
      chunkList.append(part.encoding.description)
      chunkList.append(UInt8(ascii: "\""))
    }
    chunkList.append(UInt8(ascii: "}"))
  }

  private func writeAggregate(_ bytes: RawSpan, _ encoding: ChunkEncoding) throws(StorageError) {
    if encoding.isFloat {
      floats.removeAll()
      try floats.append(decoding: bytes, encoding: encoding)
      _ = chunkList.appendSamples(floats, isFirst: true) { _ in true }
      return
    }
    try histograms.decode(bytes, encoding: encoding)
    _ = chunkList.appendSamples(histograms, isFirst: true) { _ in true }
  }
}
