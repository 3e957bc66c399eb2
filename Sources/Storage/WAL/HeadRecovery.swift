// Recovers what a head held, from its files: chunks, snapshot, write-ahead log with checkpoint, log of out-of-order samples.
//
//   pass 1   all logs: series, what each weighs, deletions, metadata, exemplars, damage
//   pass 2…  all logs again, for as many series at a time as fit into the memory that is allowed; their chunks beside
//
// Where nothing is damaged the samples are those that Prometheus recovers. Where something is, only what the damaged record itself held
// is lost: the log is read on behind it, out-of-order samples are not given up, and a chunk that is lost is made up for by the log.
internal import CTSDB
public import TSModel

/// What was lost, or could not be used.
public struct RecoveryLosses: Sendable {
  /// Bytes that should have been records or chunks.
  public internal(set) var damages: [WALDamage] = []
  /// Samples, histograms, exemplars, deletions and metadata of series whose labels are not known.
  public internal(set) var entriesOfUnknownSeries = 0
  /// Histograms of a schema that this program does not know.
  public internal(set) var unknownHistograms = 0
  /// Chunks whose samples cannot be decoded, or of an encoding that this program does not know.
  public internal(set) var unreadableChunks = 0
  /// Whether nothing was.
  public var isEmpty: Bool {
    damages.isEmpty && entriesOfUnknownSeries == 0 && unknownHistograms == 0 && unreadableChunks == 0
  }
}

/// A series as it was recovered: samples in ascending order of time, each time once, without those that were deleted.
public struct RecoveredSeries: Sendable {
  /// Its labels.
  public let labels: Labels
  /// Its metadata, where there is any.
  public let metadata: WALRecord.Metadata?
  /// Milliseconds since the Unix epoch.
  public internal(set) var timestampsMs: [Int64] = []
  /// Since when counters have been counting; 0 where that is not known. As many as `timestampsMs`.
  public internal(set) var startTimestampsMs: [Int64] = []
  /// Floats, as many as `timestampsMs`; without meaning where `histogramIndices` has an index.
  public internal(set) var values: [Double] = []
  /// Where a sample's histogram is in `histograms`; -1 for floats. As many as `timestampsMs`.
  public internal(set) var histogramIndices: [Int32] = []
  /// The histograms.
  public internal(set) var histograms: [Histogram] = []
}

/// Recovers a head. Memory: labels and deletions of all series, `batchBytes` of samples, the largest record.
public struct HeadRecovery: ~Copyable {
  /// What is recovered, and how.
  public struct Options: Sendable {
    /// Samples before this are in blocks, and left out, but for chunks that reach it and samples that came out of order: the end of the
    /// newest block that was not made of out-of-order samples.
    public var minValidTimeMs = Int64.min
    /// Most memory for samples, bytes. Where all samples take more, the logs are read several times.
    public var batchBytes = 256 << 20
    /// Most exemplars that are kept: the newest.
    public var exemplarsMax = 100_000

    /// Everything.
    public init() {}
  }

  /// The files.
  public let folder: HeadFolder
  /// See `Options`.
  public let options: Options
  /// What was lost; whole after `read`.
  public private(set) var losses = RecoveryLosses()
  /// Exemplars by the labels of their series, in the order in which they came; whole after `read`.
  public private(set) var exemplars: [(labels: Labels, exemplar: WALRecord.Exemplar)] = []
  /// Series, evicted ones among them; known after `read`.
  public var seriesCount: Int { table.count }

  private var table = HeadSeriesTable()
  private var weights: [Int] = []
  private var tombstones = Tombstones()
  private var metadata: [Int: WALRecord.Metadata] = [:]
  private var rawExemplars: [(series: Int, exemplar: WALRecord.Exemplar)] = []
  private var newestExemplars: [Int: WALRecord.Exemplar] = [:]
  private var chunks: [ChunkPlace] = []
  private var files: [HeadChunkFile] = []
  private var snapshotChunks: [Int: EncodedChunk] = [:]
  private var samples = RecoveredSamples()
  // Of which series there were samples before there were labels, and how many.
  private var unknownRefs: [UInt64: Int] = [:]
  private var hasAllSamples = true

  private struct ChunkPlace {
    var series: Int32
    var file: Int32
    var offset: Int32
    var size: Int32
    var encoding: ChunkEncoding
    var isOutOfOrder: Bool
  }

  /// A recovery of the head in `folder`.
  public init(_ folder: HeadFolder, _ options: Options = Options()) {
    self.folder = folder
    self.options = options
  }

  // MARK: Pass 1

  /// Reads everything once. `progress` is told bytes done and bytes altogether. Throws what reading files throws; damage is no error but
  /// a loss.
  public mutating func read(progress: (Int, Int) -> Void = { _, _ in }) throws(StorageError) {
    try readSnapshot()
    try pass(0..<Int.max, isFirst: true, progress)
    try readChunks()
    for (ref, count) in unknownRefs {
      // Where a series was told after its samples, they are read again.
      if table.number(of: ref) != nil { hasAllSamples = false } else { losses.entriesOfUnknownSeries += count }
    }
    unknownRefs = [:]
    exemplars = rawExemplars.suffix(options.exemplarsMax).map { (table.labels(of: $0.series), $0.exemplar) }
    rawExemplars = []
    newestExemplars = [:]
  }

  /// Reads the snapshot, unless the log has been begun anew since.
  private mutating func readSnapshot() throws(StorageError) {
    guard !folder.isLog, let snapshot = try ChunkSnapshot.inFolder(folder.path).last else { return }
    let last = try WALSegment.inFolder(folder.walPath).last?.number ?? -1
    guard last < 0 || last >= snapshot.segmentNumber else { return }
    var reader = WALReader(try WALSegment.inFolder(snapshot.path))
    var deletions: [Tombstones] = []
    var refs: [UInt64: Int] = [:]
    var pendingExemplars: [WALRecord.Exemplar] = []
    while let event = try reader.next() {
      switch event {
      case .damage(let damage): losses.damages.append(damage)
      case .record(let place):
        do throws(StorageError) {
          switch try ChunkSnapshot.parse(reader.record.bytes) {
          case .series(let series):
            let record = WALRecord.encodeSeries([(series.ref, series.labels)])
            guard let number = table.number(ofLabels: 9..<record.count, in: record) else { continue }
            weigh(number, 0)
            refs[series.ref] = number
            if table.number(of: series.ref) == nil { table.assign(series.ref, to: number) }
            if let chunk = series.chunk {
              snapshotChunks[number] = chunk
              weigh(number, Self.weight(of: chunk.encoding, chunk.bytes.count))
            }
          case .tombstones(let found): deletions.append(found)
          case .exemplars(let found): pendingExemplars += found
          case .unknown: break
          }
        } catch {
          losses.damages.append(Self.damage(place, error))
        }
      }
    }
    for found in deletions {
      for ref in found.seriesRefs {
        guard let number = refs[ref] else { continue }
        for range in found.intervals(of: ref) { tombstones.add(range, toSeries: UInt64(number)) }
      }
    }
    for exemplar in pendingExemplars {
      if let number = refs[exemplar.seriesRef] { add(exemplar, to: number) }
    }
  }

  private static func damage(_ place: WALPlace, _ error: StorageError) -> WALDamage {
    WALDamage(
      path: place.path, segmentNumber: place.segmentNumber, offset: place.offset, endOffset: place.endOffset,
      reason: error.message, isTorn: false)
  }

  private static func weight(of encoding: ChunkEncoding, _ byteCount: Int) -> Int {
    encoding.isFloat ? 16 * byteCount + 64 : 12 * byteCount + 256
  }

  private mutating func weigh(_ number: Int, _ bytes: Int) {
    extend(&weights, to: number + 1, 0)
    weights[number] += bytes
  }

  private mutating func readChunks() throws(StorageError) {
    guard !folder.isLog else { return }
    files = try HeadChunkFile.inFolder(folder.chunksPath)
    for (index, file) in files.enumerated() {
      let minValidTimeMs = options.minValidTimeMs
      var found: [(HeadChunk, Int)] = []
      var damages: [WALDamage] = []
      try file.forEachChunk { chunk, _ throws(StorageError) in
        if chunk.isOutOfOrder || chunk.timeRange.maxTimeMs >= minValidTimeMs { found.append((chunk, index)) }
      } onDamage: { damage throws(StorageError) in
        damages.append(damage)
      }
      losses.damages += damages
      for (chunk, index) in found {
        guard let number = table.number(of: chunk.seriesRef), !table.isEvicted[number] else {
          losses.entriesOfUnknownSeries += 1
          continue
        }
        weigh(number, Self.weight(of: chunk.encoding, chunk.dataRange.count))
        chunks.append(
          ChunkPlace(
            series: Int32(truncatingIfNeeded: number), file: Int32(truncatingIfNeeded: index),
            offset: Int32(truncatingIfNeeded: chunk.dataRange.lowerBound),
            size: Int32(truncatingIfNeeded: chunk.dataRange.count), encoding: chunk.encoding,
            isOutOfOrder: chunk.isOutOfOrder))
      }
    }
  }

  // MARK: Passes over the logs

  /// Reads all logs. In the first pass everything but samples is kept, and samples for as long as they fit; in others the samples of series
  /// with these numbers.
  private mutating func pass(
    _ numbers: Range<Int>, isFirst: Bool, _ progress: (Int, Int) -> Void
  ) throws(StorageError) {
    samples.removeAll()
    let logs = try folder.logs()
    let total = logs.reduce(0) { $0 + $1.segments.reduce(0) { $0 + $1.byteCount } }
    var before = 0
    for log in logs {
      let isOutOfOrder = log.name == "wbl"
      var reader = WALReader(log.segments)
      var recordCount = 0
      while let event = try reader.next() {
        recordCount += 1
        if recordCount % 1024 == 0 { progress(before + reader.bytesDone, total) }
        switch event {
        case .damage(let damage):
          if isFirst { losses.damages.append(damage) }
        case .record(let place):
          if let error = reader.decode() {
            if isFirst { losses.damages.append(Self.damage(place, error)) }
            continue
          }
          take(reader.record, numbers, isFirst: isFirst, isOutOfOrder: isOutOfOrder)
        }
      }
      before += reader.bytesTotal
    }
    progress(total, total)
  }

  private mutating func take(_ record: WALRecord, _ numbers: Range<Int>, isFirst: Bool, isOutOfOrder: Bool) {
    switch record.type {
    case .series:
      for index in 0..<record.count {
        let ref = record.seriesRefs[index]
        guard isFirst else { continue }  // all references are assigned
        guard let number = table.number(ofLabels: record.labelBytes(at: index), in: record.bytes) else { continue }
        weigh(number, 0)
        table.assign(ref, to: number)
      }
    case .samples, .samplesV2:
      let (refs, times) = (record.seriesRefs, record.timestampsMs)
      for index in 0..<record.count {
        guard isOutOfOrder || times[index] >= options.minValidTimeMs else { continue }
        guard let number = table.number(of: refs[index]) else {
          note(refs[index], isFirst)
          continue
        }
        if isFirst { weights[number] += RecoveredSamples.floatBytes }
        guard numbers.contains(number) else { continue }
        samples.append(
          series: number, origin: isOutOfOrder ? .outOfOrderLog : .log, timestampMs: times[index],
          startTimestampMs: record.startTimestampsMs[index], value: record.values[index])
      }
      limit(isFirst)
    case let type where type.isHistograms:
      for index in 0..<record.count {
        let timeMs = record.timestampsMs[index]
        guard isOutOfOrder || timeMs >= options.minValidTimeMs else { continue }
        guard let number = table.number(of: record.seriesRefs[index]) else {
          note(record.seriesRefs[index], isFirst)
          continue
        }
        if isFirst { weights[number] += 256 + 4 * record.bytes.count / max(1, record.count) }
        guard numbers.contains(number) else { continue }
        guard let histogram = record.histogram(at: index).withKnownSchema else {
          if isFirst { losses.unknownHistograms += 1 }
          continue
        }
        samples.append(
          series: number, origin: isOutOfOrder ? .outOfOrderLog : .log, timestampMs: timeMs,
          startTimestampMs: record.startTimestampsMs[index], histogram)
      }
      limit(isFirst)
    default:
      if isFirst { takeOnce(record) }
    }
  }

  /// Samples of series that are not known yet are counted as lost; where the series comes later in the log, the next pass has them.
  private mutating func note(_ ref: UInt64, _ isFirst: Bool) {
    if isFirst { unknownRefs[ref, default: 0] += 1 }
  }

  /// Gives up collecting in the first pass where samples take more than is allowed.
  private mutating func limit(_ isFirst: Bool) {
    guard isFirst, hasAllSamples, samples.memoryBytes > options.batchBytes else { return }
    hasAllSamples = false
    samples.removeAll()
    samples.isClosed = true
  }

  private mutating func takeOnce(_ record: WALRecord) {
    for index in 0..<record.count {
      guard record.type != .mmapMarkers else { return }
      guard let number = table.number(of: record.seriesRefs[index]) else {
        losses.entriesOfUnknownSeries += 1
        continue
      }
      switch record.type {
      case .tombstones:
        let range = TimeRange(minTimeMs: record.timestampsMs[index], maxTimeMs: record.maxTimesMs[index])
        if range == .all {
          table.evict(number)
        } else if !range.isEmpty, range.maxTimeMs >= options.minValidTimeMs {
          tombstones.add(range, toSeries: UInt64(number))
        }
      case .metadata: metadata[number] = record.metadata(at: index)
      case .exemplars:
        if record.timestampsMs[index] >= options.minValidTimeMs { add(record.exemplar(at: index), to: number) }
      default: break
      }
    }
  }

  /// Keeps an exemplar unless it is the newest of its series again, or older than that.
  private mutating func add(_ exemplar: WALRecord.Exemplar, to number: Int) {
    if let newest = newestExemplars[number] {
      if exemplar.timestampMs < newest.timestampMs { return }
      if exemplar.timestampMs == newest.timestampMs, exemplar.value <= newest.value || exemplar.value.isNaN { return }
    }
    newestExemplars[number] = exemplar
    rawExemplars.append((number, exemplar))
    if rawExemplars.count > 2 * options.exemplarsMax + 16 {
      rawExemplars.removeFirst(rawExemplars.count - options.exemplarsMax)
    }
  }

  // MARK: Series

  /// Hands over every series that has samples, in the order in which they were first seen. After `read`. Throws what reading files throws,
  /// and what `body` throws.
  public mutating func forEachSeries(
    progress: (Int, Int) -> Void = { _, _ in }, _ body: (RecoveredSeries) throws(StorageError) -> Void
  ) throws(StorageError) {
    chunks.sort { ($0.series, $0.file, $0.offset) < ($1.series, $1.file, $1.offset) }
    var firstChunk = 0
    var begin = 0
    while begin < table.count {
      var (end, bytes) = (begin, 0)
      while end < table.count, end == begin || bytes + weights[end] <= options.batchBytes {
        bytes += weights[end]
        end += 1
      }
      if !hasAllSamples || begin > 0 {
        samples.isClosed = false
        try pass(begin..<end, isFirst: false, progress)
      } else {
        end = table.count
      }
      try handOver(begin..<end, &firstChunk, body)
      begin = end
    }
  }

  private mutating func handOver(
    _ numbers: Range<Int>, _ firstChunk: inout Int, _ body: (RecoveredSeries) throws(StorageError) -> Void
  ) throws(StorageError) {
    let groups = samples.groups(numbers)
    var file: (number: Int32, map: MappedFile)?
    var floats = FloatColumns()
    var histograms = HistogramColumns()
    for number in numbers {
      var timeline = SeriesTimeline()
      while firstChunk < chunks.count, Int(chunks[firstChunk].series) == number {
        let place = chunks[firstChunk]
        firstChunk += 1
        if file?.number != place.file { file = (place.file, try MappedFile(path: files[Int(place.file)].path)) }
        guard let map = file?.map else { continue }
        let region = try map.region(offset: Int(place.offset), count: Int(place.size))
        let isRead = timeline.append(
          region.bytes, place.encoding, origin: place.isOutOfOrder ? .outOfOrderChunk : .chunk, &floats, &histograms)
        if !isRead { losses.unreadableChunks += 1 }
        guard !map.hasFault else {
          throw StorageError(.faulted, "read \(map.name): the file was cut short or cannot be read")
        }
      }
      if let chunk = snapshotChunks[number] {
        let isRead = timeline.append(
          unsafe chunk.bytes.span.bytes, chunk.encoding, origin: .snapshot, &floats, &histograms)
        if !isRead { losses.unreadableChunks += 1 }
      }
      guard !table.isEvicted[number] else { continue }
      samples.forEach(in: groups[number - numbers.lowerBound]) { timeline.append($0) }
      guard !timeline.isEmpty else { continue }
      var series = RecoveredSeries(labels: table.labels(of: number), metadata: metadata[number])
      timeline.settle(into: &series, deleted: tombstones.intervals(of: UInt64(number)), samples.histograms)
      if !series.timestampsMs.isEmpty { try body(series) }
    }
  }
}
