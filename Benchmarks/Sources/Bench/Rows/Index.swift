// Rows of the index (see targets.tsv), over an index like that of M1: a million series of eight labels.
import CTSDB
import Foundation
import Storage
import TSModel

let indexRows: [Row] = [
  Row(name: "index_open_m1", unit: "ms") {
    let path = try IndexOfM1.shared.path
    return Workload(unitsPerRun: 1) {
      guard let index = try? IndexReader(MappedFile(path: path)) else { fatalError("cannot open \(path)") }
      blackHole(index.symbols.count)
    }
  },
  Row(name: "index_postings_25k", unit: "us") {
    let index = try IndexOfM1.shared.reader
    let room = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: index.symbols.count + 2_000_000)
    return Workload(unitsPerRun: 1) {
      guard let postings = try? index.postings(name: "job", value: "job07") else { fatalError("no postings") }
      postings.copy(into: room)
      blackHole(room[0])
    }
  },
  Row(name: "index_label_values_100k", unit: "us") {
    let index = try IndexOfM1.shared.reader
    return Workload(unitsPerRun: 1) {
      guard let values = try? index.labelValues(of: "pod") else { fatalError("no values") }
      blackHole(values.count)
    }
  },
  Row(name: "series_ids_100k", unit: "ns/series") {
    let select = try SeriesOfM1()
    return Workload(unitsPerRun: Double(select.refs.count)) { blackHole(select.run()) }
  },
  Row(name: "series_strings_100k", unit: "ns/series") {
    let select = try SeriesOfM1()
    return Workload(unitsPerRun: Double(select.refs.count)) {
      let count = select.run()
      blackHole(select.resolve(count))
    }
  },
]

/// 100,000 series, those of four jobs, selected into a batch that is used again.
private final class SeriesOfM1 {
  let index: IndexReader
  let refs: [UInt32]
  let batch: SeriesBatch
  var slices: [SymbolSlice] = []

  init() throws {
    index = try IndexOfM1.shared.reader
    let jobs = try index.labelValues(of: "job")
    var refs: [UInt32] = []
    for job in 0..<min(4, jobs.count) { refs += try index.postings(jobs, at: job * jobs.count / 4).refs() }
    self.refs = refs.sorted()
    batch = SeriesBatch(symbols: index.symbols)
  }

  func run() -> Int {
    batch.removeAll()
    guard (try? index.series(refs, into: batch)) != nil else { fatalError("cannot read series") }
    return batch.seriesCount
  }

  func resolve(_ count: Int) -> UInt32 {
    let batch = self.batch
    let ids = batch.labelIDs
    if slices.count < ids.count { slices = [SymbolSlice](repeating: SymbolSlice(), count: ids.count) }
    guard (try? index.symbolTable.resolve(ids, into: &slices)) != nil else { fatalError("cannot resolve") }
    return slices[count].size
  }
}

/// An index with M1's shape, written once into a temporary file.
struct IndexOfM1 {
  let path: String
  let reader: IndexReader

  nonisolated(unsafe) private static var made: IndexOfM1?
  static var shared: IndexOfM1 {
    get throws {
      if let made { return made }
      let index = try IndexOfM1(seriesCount: benchSize.pick(1_000_000, toy: 2_000))
      made = index
      return index
    }
  }

  private init(seriesCount: Int) throws {
    path = NSTemporaryDirectory() + "apus-bench-index-\(ProcessInfo.processInfo.processIdentifier)"
    var random: UInt64 = 42
    func next() -> UInt64 {
      random &+= 0x9E37_79B9_7F4A_7C15
      var z = random
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    func padded(_ number: Int, _ digits: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    func hex(_ number: UInt64, _ digits: Int) -> String {
      let text = String(number, radix: 16)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let podCount = max(1, seriesCount / 10)
    let names = ["__name__", "cluster", "container", "instance", "job", "namespace", "pod", "zone"]
    let metrics = (0..<100).map { "metric_" + padded($0, 3) + "_total" }
    let jobs = (0..<40).map { "job" + padded($0, 2) }
    let namespaces = (0..<50).map { "namespace-" + padded($0, 2) }
    let zones = ["zone-a", "zone-b", "zone-c"]
    let instances = (0..<max(1, seriesCount / 40)).map { "10.\($0 / 65536).\($0 / 256 % 256).\($0 % 256):9100" }
    let pods = Set(
      (0..<podCount).map { "app" + padded($0 % 100, 2) + "-" + hex(next() >> 32, 8) + "-" + hex(next() >> 44, 5) }
    )
    .sorted()
    let containers = (0..<20).map { "container" + padded($0, 2) }
    let more = names + metrics + jobs + namespaces + zones + instances + pods + containers + ["bench"]
    let symbols = Set(more).map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
    var ids: [String: UInt32] = [:]
    var writer = try IndexWriter(path: path)
    for (id, symbol) in symbols.enumerated() {
      try symbol.withUnsafeBytes { try writer.addSymbol($0) }
      ids[String(decoding: symbol, as: UTF8.self)] = UInt32(id)
    }
    func id(_ text: String) -> UInt32 { ids[text]! }
    let nameIDs = names.map(id)
    // A pod has ten metrics; its other labels follow from its number.
    var rows: [[UInt32]] = []
    rows.reserveCapacity(seriesCount)
    for series in 0..<seriesCount {
      let pod = series / 10 % pods.count
      let values = [
        id(metrics[(series % 10) * 10 + pod % 10]), id("bench"), id(containers[pod % 20]),
        id(instances[pod / 4 % instances.count]), id(jobs[pod % 40]), id(namespaces[pod / 7 % 50]), id(pods[pod]),
        id(zones[pod % 3]),
      ]
      rows.append(values)
    }
    rows.sort { $0.lexicographicallyPrecedes($1) }
    var chunkRef: UInt64 = 8
    for row in rows {
      let labels = zip(nameIDs, row).flatMap { [$0, $1] }
      try writer.addSeries(
        labelIDs: labels,
        chunks: [ChunkMeta(minTimeMs: 1_767_225_600_000, maxTimeMs: 1_767_232_800_000 - 1, ref: chunkRef)])
      chunkRef += 30
    }
    try writer.finish()
    reader = try IndexReader(MappedFile(path: path))
    let file = path
    removeAtExit = file
    atexit { unlink(removeAtExit) }
  }
}

nonisolated(unsafe) private var removeAtExit = ""
