// Rows of the exposition formats, for which there are no targets: OpenMetrics with 100 samples of each of 200 series, as a dump has it, and the
// same samples with the series in turn, as pages of exporters have it.
import CTSDB

let expositionRows: [Row] = [
  Row(name: "exposition_parse", unit: "ns/sample") { expositionParse(inTurn: false) },
  Row(name: "exposition_parse_in_turn", unit: "ns/sample") { expositionParse(inTurn: true) },
  Row(name: "float_read", unit: "ns/value") { floatRead() },
]

private func expositionParse(inTurn: Bool) -> Workload {
  let (seriesCount, samplesPerSeries) = (200, 100)
  var text: [UInt8] = []
  for place in 0..<seriesCount * samplesPerSeries {
    let series = inTurn ? place % seriesCount : place / samplesPerSeries
    let sample = inTurn ? place / seriesCount : place % samplesPerSeries
    let time = "\(1_767_225_600 + 15 * sample).\(100 + sample % 900)"
    let value = sample % 2 == 0 ? "\(1000 * series + sample)" : "\(Double(series) + Double(sample) / 37)"
    text += Array(
      "http_requests_total{code=\"\(series % 5)00\",handler=\"/api/v1/query\",instance=\"host-\(series):9090\",job=\"api\"} \(value) \(time)\n"
        .utf8)
  }
  let columns = ExpositionColumns(capacity: 4096)
  return Workload(unitsPerRun: Double(seriesCount * samplesPerSeries)) { blackHole(columns.read(text)) }
}

/// Columns with room for so many samples, filled and emptied in turn.
private final class ExpositionColumns {
  private var columns = tsdb_exposition()

  init(capacity: Int) {
    columns.series = .allocate(capacity: capacity)
    columns.timestamps_ms = .allocate(capacity: capacity)
    columns.values = .allocate(capacity: capacity)
    columns.flags = .allocate(capacity: capacity)
    columns.blob_offsets = .allocate(capacity: capacity + 1)
    columns.blobs = .allocate(capacity: 256 * capacity)
    columns.labels = .allocate(capacity: 64)
    (columns.sample_capacity, columns.series_capacity) = (capacity, capacity)
    (columns.blob_capacity, columns.label_capacity) = (256 * capacity, 64)
    columns.blob_offsets[0] = 0
  }

  func read(_ text: [UInt8]) -> Int {
    var (position, count) = (0, 0)
    while position < text.count {
      tsdb_exposition_clear(&columns)
      let status = tsdb_exposition_read(TSDB_EXPOSITION_OPENMETRICS, 0, text, text.count, &position, &columns)
      guard status == TSDB_OK || status == TSDB_ERR_CAPACITY, columns.sample_count > 0 else {
        fatalError("exposition: read")
      }
      count += columns.sample_count
    }
    return count
  }
}

/// Values of 17 digits.
private func floatRead() -> Workload {
  let texts = (0..<1000).map { Array("\(Double($0) / 37 + 1e-3)".utf8) }
  return Workload(unitsPerRun: Double(texts.count)) {
    var sum = 0.0
    for text in texts {
      var value = 0.0
      guard tsdb_float_read(text, text.count, &value) == TSDB_OK else { fatalError("float: read") }
      sum += value
    }
    blackHole(sum)
  }
}
