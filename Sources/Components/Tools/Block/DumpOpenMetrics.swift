// `apus tools block dump --format=openmetrics`: what promtool's dump-openmetrics prints, which is to say floats only: a
// line a sample, no staleness markers, no native histograms, no metadata, `# EOF` at the end. Two things differ from promtool,
// both so that the text can be read back: labels are escaped as OpenMetrics says (promtool quotes as Go does), and names that
// are no plain identifiers stand in quotes.
internal import Storage
internal import TSModel

/// Writes series as OpenMetrics text. Memory: the columns of one chunk, the text of one series' labels, the output buffer.
final class OpenMetricsDump {
  private var output: OutputStream
  private var floats = FloatColumns()
  private var seriesText = TextBuffer()
  private let timeRange: TimeRange
  private let tombstones: Tombstones
  /// Histogram samples met, which the format cannot hold.
  private(set) var leftOutHistograms = 0

  init(output: consuming OutputStream, timeRange: TimeRange, tombstones: Tombstones) {
    self.output = output
    self.timeRange = timeRange
    self.tombstones = tombstones
  }

  /// Writes the series of `batch`, whose chunks are loaded. `name` is the block, for errors.
  func write(_ batch: SeriesBatch, name: String) throws {
    for series in 0..<batch.seriesCount {
      writeLabels(batch.labels(at: series))
      let deleted = tombstones.intervals(of: UInt64(batch.seriesRef(at: series)))
      for index in batch.chunkRange(at: series) {
        guard let (encodingNumber, bytes) = unsafe batch.chunkBytes(index) else { continue }
        let encoding = ChunkEncoding(rawValue: encodingNumber)
        do throws(StorageError) {
          guard encoding != .aggregates else {
            throw StorageError(
              .encoding, "a downsampled block has no samples for OpenMetrics; dump it as jsonl",
              disposition: .rejectRequest)
          }
          guard encoding.isFloat else {
            leftOutHistograms += try chunkSampleCount(unsafe RawSpan(_unsafeBytes: bytes), encoding)
            continue
          }
          floats.removeAll()
          try floats.append(decoding: unsafe RawSpan(_unsafeBytes: bytes), encoding: encoding)
        } catch {
          var error = error
          error.message =
            "dump \(batch.labels(at: series)) of block \(name), chunk \(batch.chunk(index).ref): \(error.message)"
          throw error
        }
        writeSamples(deleted)
        try output.drain()
      }
    }
  }

  /// Writes the last line and what is still in the buffer.
  func finish() throws {
    output.buffer.append("# EOF\n")
    try output.flush()
  }

  private func writeSamples(_ deleted: [TimeRange]) {
    let timeRange = timeRange
    Self.write(floats, series: seriesText, into: &output.buffer) { timeMs in
      timeRange.contains(timeMs) && !deleted.contains { $0.contains(timeMs) }
    }
  }

  private static func write(
    _ floats: borrowing FloatColumns, series: borrowing TextBuffer, into out: inout TextBuffer, isSeen: (Int64) -> Bool
  ) {
    let (times, values) = (floats.timestampsMs, floats.values)
    for index in 0..<floats.count {
      let timeMs = times[index]
      if values[index].bitPattern == Histogram.staleSumBits || !isSeen(timeMs) { continue }
      unsafe series.withBytes { unsafe out.append($0) }
      out.append(values[index])
      out.append(UInt8(ascii: " "))
      if timeMs < 0 { out.append(UInt8(ascii: "-")) }
      out.append(timeMs.magnitude / 1000)
      out.append(UInt8(ascii: "."))
      out.append(timeMs.magnitude % 1000, width: 3)
      out.append(UInt8(ascii: "\n"))
    }
  }

  private func writeLabels(_ labels: Labels) {
    seriesText.removeAll()
    let name = labels["__name__"]
    let isPlain = name.map { isPlainName($0, allowsColons: true) } ?? true
    if let name, isPlain { seriesText.append(name) }
    seriesText.append(UInt8(ascii: "{"))
    var isFirst = true
    if let name, !isPlain {
      appendQuoted(name)
      isFirst = false
    }
    for label in labels where label.name != "__name__" {
      if !isFirst { seriesText.append(UInt8(ascii: ",")) }
      isFirst = false
      if isPlainName(label.name, allowsColons: false) {
        seriesText.append(label.name)
      } else {
        appendQuoted(label.name)
      }
      seriesText.append(UInt8(ascii: "="))
      appendQuoted(label.value)
    }
    seriesText.append("} ")
  }

  private func appendQuoted(_ text: String) {
    seriesText.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): seriesText.append("\\\\")
      case UInt8(ascii: "\""): seriesText.append("\\\"")
      case UInt8(ascii: "\n"): seriesText.append("\\n")
      default: seriesText.append(byte)
      }
    }
    seriesText.append(UInt8(ascii: "\""))
  }
}

/// Whether `name` needs no quotes: letters, digits (not first), underscores and, in metric names, colons.
func isPlainName(_ name: String, allowsColons: Bool) -> Bool {
  var isFirst = true
  for byte in name.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
    case UInt8(ascii: "0")...UInt8(ascii: "9") where !isFirst: break
    case UInt8(ascii: ":") where allowsColons: break
    default: return false
    }
    isFirst = false
  }
  return !isFirst
}
