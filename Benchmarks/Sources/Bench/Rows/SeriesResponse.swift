// Rows of the StoreAPI's messages (see targets.tsv): series with the labels of M1, eight each, and one chunk of 130 bytes.
import CTSDB

let seriesResponseRows: [Row] = [
  Row(name: "series_response_encode", unit: "ns/series") {
    let series = MessagesOfM1()
    return Workload(unitsPerRun: Double(series.count)) { blackHole(series.encode()) }
  },
  Row(name: "series_response_decode", unit: "ns/series") {
    let series = MessagesOfM1()
    let size = series.encode()
    return Workload(unitsPerRun: Double(series.count)) { blackHole(series.decode(size)) }
  },
]

/// Series as columns with their strings found, messages of 64 series, and a window to read these into.
private final class MessagesOfM1 {
  let count = benchSize.pick(20_000, toy: 200)
  private var source = tsdb_labels_source()
  private let blobs: UnsafeMutablePointer<UInt8>
  private let blobsCapacity: Int
  private let ends: UnsafeMutablePointer<UInt64>
  private let series: UnsafeMutablePointer<tsdb_wire_series>
  private let chunks: UnsafeMutablePointer<tsdb_wire_chunk>
  private let messages: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  private var options = tsdb_wire_options(batch_size: 64, aggregates: 0, writes_hashes: false, is_framed: true)
  private var window = tsdb_wire_window()

  init() {
    let names = ["__name__", "cluster", "container", "instance", "job", "namespace", "pod", "zone"]
    var texts: [UInt8] = []
    var slices: [tsdb_index_slice] = []
    var ids: [UInt32] = []
    func add(_ text: String) -> tsdb_index_slice {
      let slice = tsdb_index_slice(offset: UInt32(texts.count), size: UInt32(text.utf8.count))
      texts += Array(text.utf8)
      return slice
    }
    func padded(_ number: Int, _ digits: Int, radix: Int = 10) -> String {
      let text = String(number, radix: radix)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let nameSlices = names.map(add)
    for index in 0..<count {
      // As they lie in an index: by metric, within one by the other labels.
      let (metric, pod) = (index / (count / 10), index % (count / 10))
      let values = [
        "metric_" + padded(metric, 3) + "_total", "bench", "container" + padded(pod % 20, 2),
        "10.0.\(pod / 4 / 256).\(pod / 4 % 256):9100", "job" + padded(pod % 40, 2),
        "namespace-" + padded(pod / 7 % 50, 2),
        "app" + padded(pod % 100, 2) + "-" + padded(pod &* 2_654_435_761 & 0xFFFF_FFFF, 8, radix: 16) + "-"
          + padded(pod &* 40_503 & 0xFFFFF, 5, radix: 16), ["zone-a", "zone-b", "zone-c"][pod % 3],
      ]
      for (label, value) in values.enumerated() {
        slices += [nameSlices[label], add(value)]
        ids += [UInt32(label), UInt32(ids.count + 8)]
      }
    }
    let labelsOfOne = names.count
    source.label_offsets = UnsafePointer(kept((0...count).map { UInt32($0 * labelsOfOne) }))
    source.label_ids = UnsafePointer(kept(ids))
    source.slices = UnsafePointer(kept(slices))
    source.series_count = count
    source.symbols = UnsafePointer(kept(texts))
    source.symbols_size = texts.count
    blobsCapacity = tsdb_label_blobs_bound(&source)
    blobs = .allocate(capacity: blobsCapacity)
    ends = .allocate(capacity: count)
    series = .allocate(capacity: count)
    chunks = .allocate(capacity: count)
    let data = kept((0..<130 * count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) })
    for index in 0..<count {
      chunks[index] = tsdb_wire_chunk(
        min_time_ms: 1_767_225_600_000, max_time_ms: 1_767_232_799_999, data: data + 130 * index, size: 130, encoding: 1
      )
    }
    capacity = blobsCapacity + 300 * count
    messages = .allocate(capacity: capacity)
    window.blobs = .allocate(capacity: count)
    window.is_loose = .allocate(capacity: count)
    window.chunk_offsets = .allocate(capacity: count + 1)
    window.chunk_offsets[0] = 0
    window.series_capacity = count
    window.min_times_ms = .allocate(capacity: count)
    window.max_times_ms = .allocate(capacity: count)
    window.data = .allocate(capacity: count)
    window.sizes = .allocate(capacity: count)
    window.encodings = .allocate(capacity: count)
    window.chunks_capacity = count
  }

  /// Labels into blobs, blobs and chunks into messages. Returns the bytes of these.
  func encode() -> Int {
    var written = 0
    guard tsdb_label_blobs_write(&source, blobs, blobsCapacity, ends) == TSDB_OK else { fatalError("labels") }
    var start = 0
    for index in 0..<count {
      let end = Int(ends[index])
      series[index] = tsdb_wire_series(
        labels: tsdb_bytes_view(bytes: UnsafePointer(blobs + start), size: end - start), chunk_count: 1)
      start = end
    }
    guard
      tsdb_series_response_encode(series, count, chunks, count, &options, messages, capacity, &written) == TSDB_OK
    else { fatalError("encode") }
    return written
  }

  /// Reads the messages as a merge takes them, and sees that series are in order. Returns the number of series.
  func decode(_ size: Int) -> Int {
    window.series_count = 0
    var position = 0
    while position < size {
      let length = (1..<5).reduce(0) { $0 << 8 | Int(messages[position + $1]) }
      var notes = tsdb_wire_notes()
      guard
        tsdb_series_response_scan(messages + position + 5, length, &window, &notes) == TSDB_OK
      else { fatalError("decode") }
      position += 5 + length
    }
    return tsdb_label_blobs_disorder(tsdb_bytes_view(), window.blobs, window.series_count)
  }
}

/// Memory that stays to the end of the program.
private func kept<Element>(_ values: [Element]) -> UnsafeMutablePointer<Element> {
  let memory = UnsafeMutablePointer<Element>.allocate(capacity: values.count)
  memory.initialize(from: values, count: values.count)
  return memory
}
