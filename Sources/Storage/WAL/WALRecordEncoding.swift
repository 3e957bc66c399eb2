// Makes records of entries. docs/formats/wal.md.
internal import CTSDB
public import TSModel

/// Labels as the C core wants them: texts, and where each is.
private struct LabelColumns {
  var ends: [UInt32] = []
  var texts: [tsdb_wal_text] = []
  var bytes: [UInt8] = []

  mutating func append(_ text: String) {
    let offset = bytes.count
    bytes.append(contentsOf: text.utf8)
    texts.append(
      tsdb_wal_text(
        offset: UInt32(truncatingIfNeeded: offset), size: UInt32(truncatingIfNeeded: bytes.count - offset)))
  }

  mutating func append(_ labels: [Labels.Label]) {
    for label in labels {
      append(label.name)
      append(label.value)
    }
    ends.append(UInt32(truncatingIfNeeded: texts.count / 2))
  }
}

extension WALRecord {
  /// A histogram with what a record says beside it.
  public struct HistogramEntry: Sendable {
    /// The series.
    public var seriesRef: UInt64
    /// Milliseconds since the Unix epoch.
    public var timestampMs: Int64
    /// Since when it has been counting, milliseconds since the Unix epoch; 0 where that is not known.
    public var startTimestampMs: Int64
    /// The histogram, of integers or of floats.
    public var histogram: Histogram

    /// An entry.
    public init(seriesRef: UInt64, timestampMs: Int64, startTimestampMs: Int64 = 0, histogram: Histogram) {
      self.seriesRef = seriesRef
      self.timestampMs = timestampMs
      self.startTimestampMs = startTimestampMs
      self.histogram = histogram
    }
  }

  /// An exemplar.
  public struct Exemplar: Sendable, Hashable {
    /// The series.
    public var seriesRef: UInt64
    /// Milliseconds since the Unix epoch.
    public var timestampMs: Int64
    /// What was observed.
    public var value: Double
    /// What tells about the observation.
    public var labels: [Labels.Label]

    /// An exemplar.
    public init(seriesRef: UInt64, timestampMs: Int64, value: Double, labels: [Labels.Label]) {
      self.seriesRef = seriesRef
      self.timestampMs = timestampMs
      self.value = value
      self.labels = labels
    }
  }

  /// What a metric is.
  public struct Metadata: Sendable, Hashable {
    /// The number of its type: 0 unknown, 1 counter, 2 gauge, 3 histogram, 4 gauge histogram, 5 summary, 6 info, 7 state set.
    public var metricType: UInt8
    /// What it counts in.
    public var unit: String
    /// What it is for.
    public var help: String

    /// Metadata.
    public init(metricType: UInt8, unit: String, help: String) {
      self.metricType = metricType
      self.unit = unit
      self.help = help
    }
  }

  /// A record of series.
  public static func encodeSeries(_ series: [(ref: UInt64, labels: [Labels.Label])]) -> [UInt8] {
    var columns = LabelColumns()
    for one in series { columns.append(one.labels) }
    let refs = series.map(\.ref)
    return unsafe make(entries: refs.count, labels: columns.texts.count / 2, textBytes: columns.bytes.count) {
      unsafe tsdb_wal_series_write(refs, columns.ends, columns.texts, columns.bytes, refs.count, $0, $1, &$2)
    }
  }

  /// A record of floats: of the second version, with start timestamps, where they are given. Precondition: columns are of one length.
  public static func encodeSamples(
    seriesRefs: [UInt64], timestampsMs: [Int64], values: [Double], startTimestampsMs: [Int64]? = nil
  ) -> [UInt8] {
    let count = seriesRefs.count
    precondition(
      timestampsMs.count == count && values.count == count && (startTimestampsMs?.count ?? count) == count,
      "columns of one length")
    return unsafe make(entries: count) { target, capacity, size in
      if let starts = startTimestampsMs {
        return unsafe tsdb_wal_samples_write(seriesRefs, timestampsMs, starts, values, count, target, capacity, &size)
      }
      return unsafe tsdb_wal_samples_write(seriesRefs, timestampsMs, nil, values, count, target, capacity, &size)
    }
  }

  /// A record of deletions: closed ranges of time.
  public static func encodeTombstones(_ tombstones: [(seriesRef: UInt64, range: TimeRange)]) -> [UInt8] {
    let (refs, mins) = (tombstones.map(\.seriesRef), tombstones.map(\.range.minTimeMs))
    let maxs = tombstones.map(\.range.maxTimeMs)
    return unsafe make(entries: refs.count) {
      unsafe tsdb_wal_tombstones_write(refs, mins, maxs, refs.count, $0, $1, &$2)
    }
  }

  /// A record of exemplars.
  public static func encodeExemplars(_ exemplars: [Exemplar]) -> [UInt8] {
    var columns = LabelColumns()
    for exemplar in exemplars { columns.append(exemplar.labels) }
    let (refs, times) = (exemplars.map(\.seriesRef), exemplars.map(\.timestampMs))
    let values = exemplars.map(\.value)
    return unsafe make(entries: refs.count, labels: columns.texts.count / 2, textBytes: columns.bytes.count) {
      unsafe tsdb_wal_exemplars_write(
        refs, times, values, columns.ends, columns.texts, columns.bytes, refs.count, $0, $1, &$2)
    }
  }

  /// A record of markers: what was in memory of a series is in this chunk.
  public static func encodeMarkers(_ markers: [(seriesRef: UInt64, chunkRef: UInt64)]) -> [UInt8] {
    let (refs, chunkRefs) = (markers.map(\.seriesRef), markers.map(\.chunkRef))
    return unsafe make(entries: refs.count) {
      unsafe tsdb_wal_markers_write(refs, chunkRefs, refs.count, $0, $1, &$2)
    }
  }

  /// A record of metadata.
  public static func encodeMetadata(_ metadata: [(seriesRef: UInt64, metadata: Metadata)]) -> [UInt8] {
    var columns = LabelColumns()
    for one in metadata {
      columns.append(one.metadata.unit)
      columns.append(one.metadata.help)
    }
    let (refs, types) = (metadata.map(\.seriesRef), metadata.map(\.metadata.metricType))
    return unsafe make(entries: refs.count, labels: 2 * refs.count, textBytes: columns.bytes.count) {
      unsafe tsdb_wal_metadata_write(refs, types, columns.texts, columns.bytes, refs.count, $0, $1, &$2)
    }
  }

  /// Records of histograms, all of integers or all of floats: with start timestamps one record of the second version, else one of those with
  /// exponential bounds and one of those with custom bounds, each where there are such. Precondition: one kind of counts.
  public static func encodeHistograms(_ entries: [HistogramEntry], hasStartTimestamps: Bool) -> [[UInt8]] {
    guard let kind = entries.first?.histogram.kind else { return [] }
    precondition(entries.allSatisfy { $0.histogram.kind == kind }, "histograms of one kind of counts")
    var columns = HistogramRecordColumns()
    for entry in entries { columns.append(entry.histogram) }
    var (refs, times) = (entries.map(\.seriesRef), entries.map(\.timestampMs))
    var starts = entries.map(\.startTimestampMs)
    let isFloat = kind == .float
    if hasStartTimestamps {
      return [columns.encoded(isFloat ? .floatHistogramsV2 : .histogramsV2, &refs, &times, &starts, base: nil)]
    }
    // The first record counts from the first entry, whichever record that is in, as Prometheus' does.
    let base = tsdb_wal_base(series_ref: refs[0], timestamp_ms: times[0])
    let records = [
      columns.encoded(isFloat ? .floatHistograms : .histograms, &refs, &times, &starts, base: base),
      columns.encoded(isFloat ? .customFloatHistograms : .customHistograms, &refs, &times, &starts, base: nil),
    ]
    return records.filter { !$0.isEmpty }
  }

  private static func make(
    entries: Int, labels: Int = 0, textBytes: Int = 0,
    _ write: (UnsafeMutablePointer<UInt8>?, Int, inout Int) -> tsdb_status
  ) -> [UInt8] {
    var counts = tsdb_wal_counts(entries: entries, labels: labels, spans: 0, buckets: 0, bounds: 0)
    let capacity = unsafe tsdb_wal_record_size_bound(&counts, textBytes)
    return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { target, size in
      let status = unsafe write(target.baseAddress, capacity, &size)
      assert(status == TSDB_OK, "the bound is enough for any entries")
    }
  }

  // MARK: Parts of records

  /// The entries that `keeps` wants, as records: none where it wants none. The record must have been decoded. Where it wants all, the
  /// record itself.
  public func filtered(_ keeps: (Int) -> Bool) -> [[UInt8]] {
    let kept = (0..<count).filter(keeps)
    if kept.count == count { return count == 0 ? [] : [bytes] }
    if kept.isEmpty { return [] }
    switch type {
    case .series:
      return [Self.encodeSeries(kept.map { (seriesRefs[$0], labelPairs(at: $0)) })]
    case .samples, .samplesV2:
      return [
        Self.encodeSamples(
          seriesRefs: kept.map { seriesRefs[$0] }, timestampsMs: kept.map { timestampsMs[$0] },
          values: kept.map { values[$0] },
          startTimestampsMs: type == .samples ? nil : kept.map { startTimestampsMs[$0] })
      ]
    case .tombstones:
      return [
        Self.encodeTombstones(
          kept.map { (seriesRefs[$0], TimeRange(minTimeMs: timestampsMs[$0], maxTimeMs: maxTimesMs[$0])) })
      ]
    case .exemplars: return [Self.encodeExemplars(kept.map(exemplar))]
    case .mmapMarkers: return [Self.encodeMarkers(kept.map { (seriesRefs[$0], markedChunkRefs[$0]) })]
    case .metadata: return [Self.encodeMetadata(kept.map { (seriesRefs[$0], metadata(at: $0)) })]
    default:
      return Self.encodeHistograms(
        kept.map {
          HistogramEntry(
            seriesRef: seriesRefs[$0], timestampMs: timestampsMs[$0], startTimestampMs: startTimestampsMs[$0],
            histogram: histogram(at: $0))
        }, hasStartTimestamps: type == .histogramsV2 || type == .floatHistogramsV2)
    }
  }

  /// An exemplar of a record of exemplars. Precondition: such a record, 0 ≤ index < count.
  public func exemplar(at index: Int) -> Exemplar {
    Exemplar(
      seriesRef: seriesRefs[index], timestampMs: timestampsMs[index], value: values[index],
      labels: labelPairs(at: index))
  }

  /// An entry of a record of metadata. Precondition: such a record, 0 ≤ index < count.
  public func metadata(at index: Int) -> Metadata {
    let (unit, help) = unitAndHelp(at: index)
    return Metadata(metricType: metricType(at: index), unit: unit, help: help)
  }
}
