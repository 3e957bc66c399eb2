// Some merged series for the query engine: chunks become columns of samples when a series' turn comes.
internal import PromQL
internal import Storage
internal import TSModel

/// Series whose chunks lie in blocks.
struct BlockSeriesPart: SeriesPart {
  private let merged: MergedSeries
  private let notes: StreamNotes

  init(_ merged: MergedSeries, _ notes: StreamNotes) {
    self.merged = merged
    self.notes = notes
  }

  var count: Int { merged.count }

  func appendLabels(to sets: inout LabelSets) throws { try merged.appendLabels(to: &sets) }

  func newest(at timeMs: Int64, lookbackMs: Int64) -> NewestSamples? {
    merged.newest(at: timeMs, lookbackMs: lookbackMs)
  }

  /// Bytes of a file that was cut short, or could not be read, are zeros.
  var isIntact: Bool {
    guard merged.hasFault else { return true }
    notes.add(StoreServingErrors.faulted.message)
    return false
  }

  /// A chunk that cannot be decoded costs its samples and a warning.
  func decode(_ index: Int, into columns: inout SampleColumns) throws {
    columns.removeAll()
    let chunks = merged.chunkRange(index)
    var decoder = SampleDecoder()
    var (lastMs, overlaps) = (Int64.min, false)
    for chunk in chunks {
      let range = merged.timeRange(ofChunk: chunk)
      let isLater = chunk == chunks.lowerBound || range.minTimeMs > lastMs
      overlaps = overlaps || !isLater
      lastMs = max(lastMs, range.maxTimeMs)
      let floats = columns.floats.count
      do throws(StorageError) {
        try merged.decode(chunk: chunk, &decoder, into: &columns)
      } catch { notes.add("decode a chunk of a series: \(error.message)") }
      if !isLater { columns.floats.mergeRun(from: floats) }
    }
    if overlaps { columns.settleOverlaps() }
  }
}
