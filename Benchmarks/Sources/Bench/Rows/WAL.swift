// Rows of write-ahead logs: records of a scrape through the kernels, and the replay of a million series.
import CTSDB
import Glibc
import Storage
import TSModel

let walRows: [Row] = [
  Row(name: "wal_samples_write", unit: "ns/sample") { samplesRun(reads: false) },
  Row(name: "wal_samples_read", unit: "ns/sample") { samplesRun(reads: true) },
  Row(name: "wal_replay_1m_series", unit: "ms") { try replayRun() },
]

/// Records of 1000 samples each, as a scrape logs them: encoded and put on pages, or found on their pages and decoded.
private func samplesRun(reads: Bool) -> Workload {
  let (recordCount, sampleCount) = (benchSize.pick(500, toy: 4), 1000)
  let refs = (0..<sampleCount).map { UInt64($0 + 100_000) }
  let times = (0..<sampleCount).map { 1_767_225_600_000 + Int64($0 % 3) }
  let values = (0..<sampleCount).map { Double($0) * 1.5 }
  var counts = tsdb_wal_counts(entries: sampleCount, labels: 0, spans: 0, buckets: 0, bounds: 0)
  var record = [UInt8](repeating: 0, count: tsdb_wal_record_size_bound(&counts, 0))
  let recordCapacity = record.count
  var segment = [UInt8](repeating: 0, count: recordCount * tsdb_wal_record_bound(recordCapacity))
  let segmentCapacity = segment.count
  var segmentSize = 0
  let write: () -> Void = {
    segmentSize = 0
    for _ in 0..<recordCount {
      var (size, written) = (0, 0)
      _ = tsdb_wal_samples_write(refs, times, nil, values, sampleCount, &record, recordCapacity, &size)
      segment.withUnsafeMutableBufferPointer { target in
        _ = tsdb_wal_record_write(
          segmentSize, record, size, TSDB_WAL_RAW, target.baseAddress.map { $0 + segmentSize },
          segmentCapacity - segmentSize, &written)
      }
      segmentSize += written
    }
  }
  write()
  guard reads else {
    return Workload(unitsPerRun: Double(recordCount * sampleCount)) {
      write()
      blackHole(segmentSize)
    }
  }
  var (readRefs, readTimes, readValues) = (refs, times, values)
  return Workload(unitsPerRun: Double(recordCount * sampleCount)) {
    var cursor = tsdb_wal_cursor_make(segmentSize)
    var extent = tsdb_wal_extent()
    var total = 0
    while tsdb_wal_next(segment, segmentSize, &cursor, &extent) == TSDB_WAL_RECORD {
      _ = tsdb_wal_record_copy(segment, segmentSize, &extent, &record, recordCapacity)
      var found = tsdb_wal_counts()
      _ = tsdb_wal_record_measure(record, extent.data_size, &found)
      _ = tsdb_wal_samples_read(
        record, extent.data_size, &counts, &readRefs, &readTimes, nil, &readValues, nil)
      total += found.entries
    }
    blackHole(total)
  }
}

/// A log of a million series with eight labels and three samples each, compressed with snappy, replayed.
private func replayRun() throws -> Workload {
  let seriesCount = benchSize.pick(1_000_000, toy: 2000)
  var template = Array("\(benchFolder)/wal-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw StorageError(.io, "make a temporary folder") }
  let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  mkdir(folder + "/wal", 0o777)
  var writer = try WALWriter(folder: folder + "/wal")
  for start in stride(from: 0, to: seriesCount, by: 1000) {
    try writer.append(
      WALRecord.encodeSeries(
        (start..<min(seriesCount, start + 1000)).map { number in
          let names = ["__name__", "cluster", "container", "instance", "job", "namespace", "pod", "zone"]
          let values = [
            "http_requests_total", "eu-west-1", "server", "10.0.\(number >> 8 & 255).\(number & 255):9100", "api",
            "production", "server-\(number)", "a",
          ]
          return (UInt64(number + 1), zip(names, values).map { Labels.Label(name: $0, value: $1) })
        }))
  }
  for round in 0..<3 {
    for start in stride(from: 0, to: seriesCount, by: 1000) {
      let refs = (start..<min(seriesCount, start + 1000)).map { UInt64($0 + 1) }
      try writer.append(
        WALRecord.encodeSamples(
          seriesRefs: refs, timestampsMs: refs.map { _ in 1_767_225_600_000 + Int64(round) * 15_000 },
          values: refs.map { Double($0) * Double(round + 1) }))
    }
  }
  try writer.finish()
  return Workload(unitsPerRun: 1) {
    do {
      var recovery = HeadRecovery(try HeadFolder(path: folder))
      try recovery.read()
      var samples = 0
      try recovery.forEachSeries { series throws(StorageError) in samples += series.timestampsMs.count }
      guard samples == 3 * seriesCount else { fatalError("\(samples) samples of \(3 * seriesCount)") }
      blackHole(samples)
    } catch {
      fatalError("\(error)")
    }
  }
}
