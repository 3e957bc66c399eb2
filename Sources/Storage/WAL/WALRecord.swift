// One record of a log, as columns. docs/formats/wal.md.
internal import CTSDB
public import TSModel

/// What a record holds. An open set: a number that this program does not know is still a value.
public struct WALRecordType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number as stored.
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Labels of series, and the references that stand for them.
  public static let series = WALRecordType(rawValue: 1)
  /// Floats.
  public static let samples = WALRecordType(rawValue: 2)
  /// Deletions.
  public static let tombstones = WALRecordType(rawValue: 3)
  /// Exemplars.
  public static let exemplars = WALRecordType(rawValue: 4)
  /// What has gone from memory into head chunk files; in logs of out-of-order samples.
  public static let mmapMarkers = WALRecordType(rawValue: 5)
  /// Type, unit and help of metrics.
  public static let metadata = WALRecordType(rawValue: 6)
  /// Native histograms with integer counts.
  public static let histograms = WALRecordType(rawValue: 7)
  /// Native histograms with float counts.
  public static let floatHistograms = WALRecordType(rawValue: 8)
  /// The same as `histograms`, with custom bounds.
  public static let customHistograms = WALRecordType(rawValue: 9)
  /// The same as `floatHistograms`, with custom bounds.
  public static let customFloatHistograms = WALRecordType(rawValue: 10)
  /// Floats with start timestamps.
  public static let samplesV2 = WALRecordType(rawValue: 11)
  /// Native histograms of both kinds of bounds with integer counts and start timestamps.
  public static let histogramsV2 = WALRecordType(rawValue: 12)
  /// The same with float counts.
  public static let floatHistogramsV2 = WALRecordType(rawValue: 13)

  private static let names = [
    "series", "samples", "tombstones", "exemplars", "mmapmarkers", "metadata", "histogram_samples",
    "float_histogram_samples", "custom_buckets_histogram_samples", "custom_buckets_float_histogram_samples",
    "samples_v2", "histogram_samples_v2", "float_histogram_samples_v2",
  ]

  /// Whether this program knows it. Readers pass over all others.
  public var isKnown: Bool { rawValue >= 1 && rawValue <= 13 }
  /// Whether it is of floats.
  public var isSamples: Bool { self == .samples || self == .samplesV2 }
  /// Whether it is of histograms with integer counts.
  public var isIntHistograms: Bool { [.histograms, .customHistograms, .histogramsV2].contains(self) }
  /// Whether it is of histograms with float counts.
  public var isFloatHistograms: Bool {
    [.floatHistograms, .customFloatHistograms, .floatHistogramsV2].contains(self)
  }
  /// Whether it is of histograms.
  public var isHistograms: Bool { isIntHistograms || isFloatHistograms }
  /// The name that Prometheus has for it, or `unknown`.
  public var description: String { isKnown ? Self.names[Int(rawValue) - 1] : "unknown" }
}

/// A record, decoded. Its memory is used again for the next one.
public struct WALRecord: Sendable {
  /// The record's bytes, decompressed.
  public private(set) var bytes: [UInt8] = []
  /// Entries in it: series, samples, intervals … 0 until `decode`.
  public private(set) var count = 0

  // Grown, never shrunk: the first elements are this record's.
  private var refs: [UInt64] = []
  private var times: [Int64] = []
  private var secondTimes: [Int64] = []
  private var doubles: [Double] = []
  private var chunkRefs: [UInt64] = []
  private var types: [UInt8] = []
  private var labelEnds: [UInt32] = []
  private var texts: [tsdb_wal_text] = []
  private var histogramColumns = HistogramRecordColumns()

  /// An empty record.
  public init() {}

  /// A record of these bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Lets `body` fill in the bytes of another record. Returns what it returned.
  mutating func fill(_ body: (inout [UInt8]) -> Bool) -> Bool {
    count = 0
    return body(&bytes)
  }

  /// What it holds.
  public var type: WALRecordType { WALRecordType(rawValue: bytes.first ?? 0) }

  /// Finds out what is in the bytes. A record of an unknown type has no entries. Throws `.truncated`, `.malformed`, `.count`,
  /// `.size`.
  public mutating func decode() throws(StorageError) {
    count = 0
    var counts = tsdb_wal_counts()
    var status = unsafe tsdb_wal_record_measure(bytes, bytes.count, &counts)
    if status == TSDB_OK, type.isKnown { status = read(&counts) }
    guard status == TSDB_OK else {
      throw StorageError(status, "read a record of \(type) of \(bytes.count) bytes")
    }
    count = counts.entries
  }

  private mutating func read(_ counts: inout tsdb_wal_counts) -> tsdb_status {
    let entries = counts.entries
    extend(&refs, to: entries, 0)
    switch type {
    case .series:
      extend(&labelEnds, to: entries, 0)
      extend(&texts, to: 2 * counts.labels, tsdb_wal_text())
      return unsafe tsdb_wal_series_read(bytes, bytes.count, &counts, &refs, &labelEnds, &texts)
    case .samples, .samplesV2:
      extend(&times, to: entries, 0)
      extend(&secondTimes, to: entries, 0)
      extend(&doubles, to: entries, 0)
      return unsafe tsdb_wal_samples_read(
        bytes, bytes.count, &counts, &refs, &times, &secondTimes, &doubles, nil)
    case .tombstones:
      extend(&times, to: entries, 0)
      extend(&secondTimes, to: entries, 0)
      return unsafe tsdb_wal_tombstones_read(bytes, bytes.count, &counts, &refs, &times, &secondTimes)
    case .exemplars:
      extend(&times, to: entries, 0)
      extend(&doubles, to: entries, 0)
      extend(&labelEnds, to: entries, 0)
      extend(&texts, to: 2 * counts.labels, tsdb_wal_text())
      return unsafe tsdb_wal_exemplars_read(
        bytes, bytes.count, &counts, &refs, &times, &doubles, &labelEnds, &texts, nil)
    case .mmapMarkers:
      extend(&chunkRefs, to: entries, 0)
      return unsafe tsdb_wal_markers_read(bytes, bytes.count, &counts, &refs, &chunkRefs)
    case .metadata:
      extend(&types, to: entries, 0)
      extend(&texts, to: 2 * entries, tsdb_wal_text())
      return unsafe tsdb_wal_metadata_read(bytes, bytes.count, &counts, &refs, &types, &texts)
    default:
      extend(&times, to: entries, 0)
      extend(&secondTimes, to: entries, 0)
      return histogramColumns.read(bytes, &counts, &refs, &times, &secondTimes)
    }
  }

  // MARK: Entries

  /// The series that entries are of, `count` of them.
  public var seriesRefs: Span<UInt64> {
    @_lifetime(borrow self) get { refs.span.extracting(..<count) }
  }

  /// Times of samples, histograms and exemplars, first milliseconds of deletions: since the Unix epoch, `count` of them, or none.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self) get { times.span.extracting(..<(hasTimes ? count : 0)) }
  }

  private var hasTimes: Bool {
    type.isSamples || type.isHistograms || type == .exemplars || type == .tombstones
  }

  /// Since when counters have been counting, milliseconds since the Unix epoch, 0 where that is not known: `count` of them for
  /// samples and histograms, else none.
  public var startTimestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get { secondTimes.span.extracting(..<(type.isSamples || type.isHistograms ? count : 0)) }
  }

  /// Last milliseconds of deletions, included; none of other records.
  public var maxTimesMs: Span<Int64> {
    @_lifetime(borrow self) get { secondTimes.span.extracting(..<(type == .tombstones ? count : 0)) }
  }

  /// Values of samples and exemplars, `count` of them, or none.
  public var values: Span<Double> {
    @_lifetime(borrow self)
    get { doubles.span.extracting(..<(type.isSamples || type == .exemplars ? count : 0)) }
  }

  /// Chunks that markers are of, `count` of them; none of other records.
  public var markedChunkRefs: Span<UInt64> {
    @_lifetime(borrow self) get { chunkRefs.span.extracting(..<(type == .mmapMarkers ? count : 0)) }
  }

  /// The number of a metric's type. Precondition: a record of metadata, 0 ≤ index < count.
  public func metricType(at index: Int) -> UInt8 {
    precondition(type == .metadata && index >= 0 && index < count, "an entry of metadata")
    return types[index]
  }

  /// A metric's unit and help. Precondition: as for `metricType`.
  public func unitAndHelp(at index: Int) -> (unit: String, help: String) {
    precondition(type == .metadata && index >= 0 && index < count, "an entry of metadata")
    return (text(texts[2 * index]), text(texts[2 * index + 1]))
  }

  /// Labels of a series or an exemplar, as they stand in the record. Precondition: such a record, 0 ≤ index < count.
  public func labelPairs(at index: Int) -> [Labels.Label] {
    labelRange(at: index).map { Labels.Label(name: text(texts[2 * $0]), value: text(texts[2 * $0 + 1])) }
  }

  /// A histogram. Schemas above 8 are as they stand. Precondition: a record of histograms, 0 ≤ index < count.
  public func histogram(at index: Int) -> Histogram {
    precondition(type.isHistograms && index >= 0 && index < count, "an entry of histograms")
    return histogramColumns.histogram(at: index, isFloat: type.isFloatHistograms)
  }

  private func labelRange(at index: Int) -> Range<Int> {
    precondition((type == .series || type == .exemplars) && index >= 0 && index < count, "an entry with labels")
    return (index == 0 ? 0 : Int(labelEnds[index - 1]))..<Int(labelEnds[index])
  }

  private func text(_ text: tsdb_wal_text) -> String {
    String(decoding: bytes[Int(text.offset)..<Int(text.offset) + Int(text.size)], as: UTF8.self)
  }

  /// Where the labels of a series stand in the bytes, count and all: the same for the same labels. Precondition: a record of
  /// series, 0 ≤ index < count.
  func labelBytes(at index: Int) -> Range<Int> {
    let labels = labelRange(at: index)
    var countSize = 1
    while labels.count >> (7 * countSize) > 0 { countSize += 1 }
    guard let last = labels.last else { return 0..<0 }
    // The first name begins behind the count and its own size.
    let first = texts[2 * labels.lowerBound]
    var sizeSize = 1
    while Int(first.size) >> (7 * sizeSize) > 0 { sizeSize += 1 }
    let end = texts[2 * last + 1]
    return max(0, Int(first.offset) - sizeSize - countSize)..<Int(end.offset) + Int(end.size)
  }
}

/// Makes `column` at least `count` long.
func extend<Element>(_ column: inout [Element], to count: Int, _ zero: Element) {
  if column.count < count { column.append(contentsOf: repeatElement(zero, count: count - column.count)) }
}
