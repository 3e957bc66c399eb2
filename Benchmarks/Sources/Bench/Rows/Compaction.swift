// Rows of merging, deduplicating and downsampling (see targets.tsv): kernels over series like those of the data sets RA and RB,
// and whole compactions of D by the program.
import CTSDB
import Glibc

let compactionRows: [Row] = [
  Row(name: "dedup_penalty", unit: "ns/input sample") { penaltyRun() },
  Row(name: "vertical_compaction_kernel", unit: "ns/input sample") { verticalRun() },
  Row(name: "downsample_5m_kernel", unit: "ns/sample") { downsampleRun() },
  Row(name: "merge_10x10k_distinct", unit: "ns/series") { mergeRun(seriesPerSource: 10_000, isSame: false) },
  Row(name: "merge_10x100k_same", unit: "ns/input series") { mergeRun(seriesPerSource: 100_000, isSame: true) },
  Row(name: "compact_plain_d", unit: "CPU s", peer: prometheusCompaction) { try compactRun() },
  Row(name: "compact_penalty_ra_rb", unit: "ns/input sample") { try penaltyCompactionRun() },
]

/// A day of one counter as two replicas saw it: the second 5.5 s later, each missing ten minutes in every six hours.
private struct ReplicaDay {
  var times: [[Int64]] = [[], []]
  var values: [[Double]] = [[], []]

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let offset = Int64(random.below(9000))
    var value = Double(random.below(1_000_000))
    var gaps: [[Int]] = [[], []]
    for quarter in 0..<4 { gaps[Int(random.below(2))].append(quarter * 1440 + Int(random.below(1400))) }
    for scrape in 0..<5760 {
      value += Double(random.below(1000))
      let late = random.below(100) < 3 ? Int64(random.below(41)) - 20 : 0
      for replica in 0..<2 where !gaps[replica].contains(where: { ($0..<$0 + 40).contains(scrape) }) {
        times[replica].append(1_767_225_600_000 + offset + 15_000 * Int64(scrape) + late + Int64(replica) * 5500)
        values[replica].append(value)
      }
    }
  }
}

private func column<Element>(of: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
  UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<Element>.stride * count, alignment: 64)
    .bindMemory(to: of, capacity: count)
}

private func copied<Element>(_ array: [Element]) -> UnsafeMutablePointer<Element> {
  let memory = column(of: Element.self, array.count)
  memory.initialize(from: array, count: array.count)
  return memory
}

/// Two columns into one: times and values.
private func penaltyRun() -> Workload {
  let days = (0..<benchSize.pick(50, toy: 2)).map { ReplicaDay(seed: UInt64($0 + 1)) }
  let times = days.map { $0.times.map(copied) }
  let values = days.map { $0.values.map(copied) }
  let (outTimes, outValues) = (column(of: Int64.self, 12_000), column(of: Double.self, 12_000))
  let runs = UnsafeMutablePointer<tsdb_sample_run>.allocate(capacity: 256)
  return Workload(unitsPerRun: Double(days.reduce(0) { $0 + $1.times[0].count + $1.times[1].count })) {
    var total = 0
    for (index, day) in days.enumerated() {
      var penalty = tsdb_penalty()
      tsdb_penalty_init(&penalty)
      var a = tsdb_sample_list(timestamps_ms: times[index][0], count: day.times[0].count, position: 0)
      var b = tsdb_sample_list(timestamps_ms: times[index][1], count: day.times[1].count, position: 0)
      var (count, written) = (0, 0)
      repeat {
        count = tsdb_penalty_run(&penalty, &a, true, &b, true, runs, 256)
        for place in 0..<count {
          let run = runs[place]
          let (first, length) = (Int(run.first), Int(run.count))
          memcpy(outTimes + written, times[index][Int(run.list)] + first, 8 * length)
          memcpy(outValues + written, values[index][Int(run.list)] + first, 8 * length)
          written += length
        }
      } while count == 256
      total += written
    }
    blackHole(total)
  }
}

/// A chunk of the two replicas of a series as a record of a segment.
private struct RecordedChunk {
  var minTimeMs: Int64
  var start: UnsafePointer<UInt8>
  var size: Int
}

/// Chunks of 120 samples as records.
private func records(_ times: [Int64], _ values: [Double]) -> [RecordedChunk] {
  stride(from: 0, to: times.count, by: 120).map { start in
    let count = min(120, times.count - start)
    let chunk = UnsafeMutablePointer<UInt8>.allocate(capacity: tsdb_xor_bound(count))
    var appender = tsdb_xor_appender()
    var limits = tsdb_append_limits_none()
    var (size, appended) = (0, 0)
    _ = tsdb_xor_appender_init(&appender, chunk, tsdb_xor_bound(count), &size)
    _ = tsdb_xor_append(
      &appender, chunk, tsdb_xor_bound(count), Array(times[start..<start + count]),
      Array(values[start..<start + count]), count, &limits, &appended, &size)
    let record = UnsafeMutablePointer<UInt8>.allocate(capacity: size + 16)
    var recordSize = 0
    _ = tsdb_chunk_record_write(1, chunk, UInt32(size), record, size + 16, &recordSize)
    return RecordedChunk(minTimeMs: times[start], start: UnsafePointer(record), size: recordSize)
  }
}

/// Columns that chunks are decoded into.
private struct DecodedColumns {
  let times = column(of: Int64.self, 16_000)
  let values = column(of: Double.self, 16_000)

  /// Checks and decodes a record behind `count` samples; how many more there are.
  func decode(_ chunk: RecordedChunk, behind count: Int) -> Int {
    var record = tsdb_chunk_record()
    var cursor = tsdb_xor_cursor()
    var decoded = 0
    guard tsdb_chunk_record_read(chunk.start, chunk.size, &record) == TSDB_OK,
      tsdb_xor_cursor_init(&cursor, chunk.start + record.data_offset, Int(record.data_size)) == TSDB_OK,
      tsdb_xor_decode(
        &cursor, chunk.start + record.data_offset, Int(record.data_size), times + count, values + count, 240, &decoded)
        == TSDB_OK
    else { fatalError("decode a chunk") }
    return decoded
  }
}

/// Read, check, decode, fold, encode, write: a day of two replicas, one series after the other.
private func verticalRun() -> Workload {
  let days = (0..<benchSize.pick(50, toy: 2)).map { ReplicaDay(seed: UInt64($0 + 1)) }
  let chunks = days.map { day in
    (records(day.times[0], day.values[0]) + records(day.times[1], day.values[1])).sorted { $0.minTimeMs < $1.minTimeMs }
  }
  let decoded = DecodedColumns()
  let (times, skips, scratch) = (
    column(of: Int64.self, 16_000), column(of: Int64.self, 16_000), column(of: Int64.self, 16_000)
  )
  let (rows, scratchRows) = (column(of: UInt32.self, 16_000), column(of: UInt32.self, 16_000))
  let values = column(of: Double.self, 16_000)
  let bound = tsdb_xor_bound(120)
  let chunk = UnsafeMutablePointer<UInt8>.allocate(capacity: bound)
  let record = UnsafeMutablePointer<UInt8>.allocate(capacity: bound + 16)
  return Workload(unitsPerRun: Double(days.reduce(0) { $0 + $1.times[0].count + $1.times[1].count })) {
    var total = 0
    for series in chunks {
      var column = tsdb_penalty_column(timestamps_ms: times, rows: rows, skips_ms: skips, count: 0)
      var count = 0
      for input in series {
        let more = decoded.decode(input, behind: count)
        tsdb_penalty_fold(&column, decoded.times + count, more, UInt32(count), scratch, scratchRows)
        count += more
      }
      for index in 0..<column.count { values[index] = decoded.values[Int(rows[index])] }
      var start = 0
      while start < column.count {
        let length = min(120, column.count - start)
        var appender = tsdb_xor_appender()
        var limits = tsdb_append_limits_none()
        var (size, appended, written) = (0, 0, 0)
        guard tsdb_xor_appender_init(&appender, chunk, bound, &size) == TSDB_OK,
          tsdb_xor_append(&appender, chunk, bound, times + start, values + start, length, &limits, &appended, &size)
            == TSDB_OK, tsdb_chunk_record_write(1, chunk, UInt32(size), record, bound + 16, &written) == TSDB_OK
        else { fatalError("encode a chunk") }
        total += written
        start += length
      }
    }
    blackHole(total)
  }
}

/// Decode, aggregate, encode: a day of each series in batches as they are cut for five minutes.
private func downsampleRun() -> Workload {
  let days = (0..<benchSize.pick(50, toy: 2)).map { ReplicaDay(seed: UInt64($0 + 1)) }
  let chunks = days.map { records($0.times[0], $0.values[0]) }
  let decoded = DecodedColumns()
  let room = 512
  let (ends, columns) = (column(of: Int64.self, room), column(of: Double.self, 5 * room))
  let capacity = max(tsdb_downsample_chunk_bound(room), 5 * tsdb_xor_bound(room + 2))
  let (scratch, out) = (
    UnsafeMutablePointer<UInt8>.allocate(capacity: capacity), UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
  )
  return Workload(unitsPerRun: Double(days.reduce(0) { $0 + $1.times[0].count })) {
    var total = 0
    for series in chunks {
      var count = 0
      for input in series { count += decoded.decode(input, behind: count) }
      count = tsdb_downsample_sanitize(decoded.times, decoded.values, count)
      let chunkCount = tsdb_downsample_chunk_count(
        decoded.times[0], decoded.times[count - 1], 60_000, 300_000, count)
      let batch = count / chunkCount + 1
      var start = 0
      while start < count {
        var end = min(count, start + batch)
        let windowEnd = tsdb_window_end(decoded.times[end - 1], 300_000)
        while end < count, decoded.times[end] <= windowEnd { end += 1 }
        let kept = tsdb_nan_remove(decoded.times + start, decoded.values + start, end - start)
        var points = tsdb_downsample_points(
          timestamps_ms: ends, counts: columns, sums: columns + room, mins: columns + 2 * room,
          maxs: columns + 3 * room, counters: columns + 4 * room)
        let written = tsdb_downsample_floats(
          decoded.times + start, decoded.values + start, kept, 300_000, &points)
        var size = 0
        guard
          tsdb_downsample_chunk_write(
            &points, written, decoded.times[start], decoded.values[start], decoded.values[start + kept - 1], scratch,
            capacity, out, capacity, &size) == TSDB_OK
        else { fatalError("encode aggregates") }
        total += size
        start = end
      }
    }
    blackHole(total)
  }
}

/// Series of ten sources by their labels, which are eight each, as the StoreAPI has them.
private func mergeRun(seriesPerSource full: Int, isSame: Bool) -> Workload {
  let (sourceCount, count) = (10, benchSize.pick(full, toy: 100))
  func blob(_ series: Int) -> [UInt8] {
    func padded(_ number: Int, _ digits: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let labels = [
      ("__name__", "metric_" + padded(series / 10_000, 3) + "_total"), ("cluster", "bench"),
      ("container", "container" + padded(series % 20, 2)),
      ("instance", "10.0.\(series / 256 % 256).\(series % 256):9100"),
      ("job", "job" + padded(series % 40, 2)), ("namespace", "namespace-" + padded(series % 50, 2)),
      ("pod", "app-" + padded(series, 8)), ("zone", "zone-a"),
    ]
    return labels.flatMap { name, value -> [UInt8] in
      let (name, value) = (Array(name.utf8), Array(value.utf8))
      let content = [0x0A, UInt8(name.count)] + name + [0x12, UInt8(value.count)] + value
      return [0x0A, UInt8(content.count)] + content
    }
  }
  let ids = (0..<(isSame ? count : sourceCount * count))
  let blobs = ids.map(blob)
  var sorted = Array(ids)
  var views: [tsdb_bytes_view] = blobs.map { tsdb_bytes_view(bytes: copied($0), size: $0.count) }
  sorted.sort { tsdb_label_blobs_compare(views[$0], views[$1]) < 0 }
  views = sorted.map { views[$0] }
  let order = copied((0..<count).map { UInt32($0) })
  let inputs = (0..<sourceCount).map { source in
    copied(isSame ? views : stride(from: source, to: views.count, by: sourceCount).map { views[$0] })
  }
  let sources = UnsafeMutablePointer<tsdb_merge_source>.allocate(capacity: sourceCount)
  let nodes = UnsafeMutablePointer<tsdb_merge_node>.allocate(capacity: sourceCount)
  let series = UnsafeMutablePointer<tsdb_wire_series>.allocate(capacity: sourceCount * count)
  return Workload(unitsPerRun: Double(sourceCount * count)) {
    var merge = tsdb_merge()
    merge.sources = sources
    merge.source_count = sourceCount
    merge.nodes = nodes
    merge.series = series
    merge.series_capacity = sourceCount * count
    for index in 0..<sourceCount {
      sources[index] = tsdb_merge_source()
      sources[index].blobs = UnsafePointer(inputs[index])
      sources[index].order = UnsafePointer(order)
      sources[index].count = count
      sources[index].is_last = true
    }
    for index in 0..<sourceCount { tsdb_merge_push(&merge, index) }
    var source = 0
    guard tsdb_merge_run(&merge, &source) == TSDB_MERGE_END, merge.series_count == blobs.count else {
      fatalError("merge series")
    }
    blackHole(series[0].labels.size)
  }
}

/// How much of a data set whole compactions work on.
private var setScale: String { benchSize == .full ? "0.06" : "0.02" }

/// The folder of a data set at that scale, made where it is not there.
private func dataSet(_ name: String) throws -> String {
  guard access(apus, X_OK) == 0 else { throw ProgramError(description: "\(apus) is not built: run Scripts/bench") }
  let data = benchFolder + "/\(name)-twelve-" + setScale
  mkdir(data, 0o755)
  if firstBlock(data) == nil {
    guard runProgram([apus, "tools", "bench", "generate", "--set", name, "--scale", setScale, "-o", data]) == 0 else {
      throw ProgramError(description: "apus tools bench generate did not make \(data)")
    }
  }
  return data
}

/// The twelve blocks of D into one by the program, whole; the cost is that of all of D.
private func compactRun() throws -> Workload {
  let (data, out) = (try dataSet("D"), benchFolder + "/D-compacted")
  return shell(
    "rm -rf \(out) && exec \(apus) tools block compact \(data)/0* -o \(out)", units: Double(setScale) ?? 1)
}

/// The 24 blocks of two replicas into one.
private func penaltyCompactionRun() throws -> Workload {
  let (a, b, out) = (try dataSet("RA"), try dataSet("RB"), benchFolder + "/R-compacted")
  let count =
    "cat \(a)/0*/meta.json \(b)/0*/meta.json | sed -n 's/.*\"numSamples\": *\\([0-9]*\\).*/\\1/p' | awk '{ n += $1 } END { printf \"%d\", n }'"
  guard let samples = Double(try output(of: ["/bin/sh", "-c", count], core: serverCore).filter { $0 != "\n" }),
    samples > 0
  else { throw ProgramError(description: "the blocks of \(a) do not tell how many samples they have") }
  return shell(
    "rm -rf \(out) && exec \(apus) tools block compact \(a)/0* \(b)/0* -o \(out) --deduplication.func=penalty "
      + "--deduplication.replica-label=replica", units: samples)
}

/// A Prometheus that finds D's twelve blocks and compacts them by itself, into ranges of six hours: its CPU time from when it is ready until
/// it rests, by the share of the blocks that it took (the newest ones it leaves). It begins after a minute.
private let prometheusCompaction = Peer(name: "Prometheus") {
  guard benchSize == .full, let program = peerPath("prometheus") else { return nil }
  let (data, folder) = (try dataSet("D"), benchFolder + "/prometheus-compacts")
  return Workload(cost: {
    let config = folder + ".yml"
    guard
      runProgram([
        "/bin/sh", "-c", "rm -rf \(folder) && cp -r \(data) \(folder) && echo 'scrape_configs: []' >\(config)",
      ])
        == 0
    else { throw ProgramError(description: "\(data) could not be copied") }
    let port = freePort()
    let prometheus = try RunningProgram(
      [
        program, "--config.file=" + config, "--storage.tsdb.path=" + folder, "--storage.tsdb.retention.time=100y",
        "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=6h",
        "--web.listen-address=127.0.0.1:\(port)",
      ], core: clientCore)
    defer { prometheus.stop() }
    try awaited("Prometheus' port") { listens(port) ? () : nil }
    sleep(3)
    let begin = prometheus.timeNs()
    let blocks = "ls -d \(folder)/0* | grep -v tmp | wc -l"
    func blockCount() throws -> Int {
      Int(try output(of: ["/bin/sh", "-c", blocks], core: serverCore).filter { !$0.isWhitespace }) ?? 12
    }
    var (before, now) = (begin, begin)
    for _ in 0..<100 {
      sleep(2)
      (before, now) = (now, prometheus.timeNs())
      let left = try blockCount()
      // Of each three blocks one is left.
      if left < 12, now - before < 3e7 {
        let made = Double((12 - left) / 2)
        return (now - begin) / (Double(setScale) ?? 1) * 12 / (3 * made)
      }
    }
    throw ProgramError(description: "Prometheus did not compact within 200 s")
  })
}
