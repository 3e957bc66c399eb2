// Metrics as text, line by line, into columns. C reads (Sources/CTSDB/include/tsdb/exposition.h has the drawing); what is here holds the
// columns, makes room where a line needs it, and says what is wrong with a line.
internal import CTSDB

/// A line that is refused.
public struct ExpositionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Its number among all lines that the reader was given, from 1.
  public var line: Int
  /// What is wrong with it.
  public var message: String

  /// An error with everything said by the caller.
  public init(line: Int, message: String) {
    self.line = line
    self.message = message
  }

  /// Line and message.
  public var description: String { "line \(line): \(message)" }
}

/// Reads Prometheus' text or OpenMetrics in batches.
@safe public struct ExpositionReader: ~Copyable {
  /// Which of the two formats a text is of.
  public enum Format: Sendable {
    /// Prometheus' own text, 0.0.4 or 1.0.0.
    case prometheusText
    /// OpenMetrics 1.0, with the quoted names that Prometheus 3 added to it.
    case openMetrics
  }

  /// What the caller wishes.
  public struct Options: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt32
    /// Options of these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// A sample without a time is refused.
    public static let requiresTimestamps = Options(rawValue: 1)
    /// Series need no metric name, as long as they have a label.
    public static let allowsNameless = Options(rawValue: 2)
  }

  /// What is known about a sample.
  public struct Flags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Flags of these bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Its line has a time.
    public static let hasTimestamp = Flags(rawValue: 1)
    /// It is of the same series as the sample before it in the batch, in the very words.
    public static let isSameSeries = Flags(rawValue: 2)
    /// It has an exemplar.
    public static let hasExemplar = Flags(rawValue: 4)
  }

  /// A line of metadata.
  public struct Metadata: Sendable, Equatable {
    /// What it tells.
    public enum Kind: UInt8, Sendable { case type, help, unit }
    /// What it tells.
    public let kind: Kind
    /// The metric family's name.
    public let name: String
    /// A type's word, a help text, a unit.
    public let text: String
  }

  /// Samples of a batch, at most.
  public static let sampleCountMax = 4096

  private let format: Format
  private let options: Options
  private var columns: tsdb_exposition

  /// A reader before the first line.
  public init(_ format: Format, options: Options = []) {
    self.format = format
    self.options = options
    unsafe columns = tsdb_exposition()
    let samples = Self.sampleCountMax
    unsafe columns.series = .allocate(capacity: samples)
    unsafe columns.timestamps_ms = .allocate(capacity: samples)
    unsafe columns.values = .allocate(capacity: samples)
    unsafe columns.flags = .allocate(capacity: samples)
    unsafe columns.sample_capacity = samples
    unsafe columns.blob_offsets = .allocate(capacity: samples + 1)
    unsafe columns.blob_offsets[0] = 0
    unsafe columns.series_capacity = samples
    grow(TSDB_EXPOSITION_BLOBS, by: 1 << 16)
    grow(TSDB_EXPOSITION_LABELS, by: 64)
    grow(TSDB_EXPOSITION_METADATA, by: 64)
  }

  deinit {
    unsafe columns.series.deallocate()
    unsafe columns.timestamps_ms.deallocate()
    unsafe columns.values.deallocate()
    unsafe columns.flags.deallocate()
    unsafe columns.blob_offsets.deallocate()
    unsafe columns.blobs?.deallocate()
    unsafe columns.labels?.deallocate()
    unsafe columns.metadata?.deallocate()
  }

  /// Lines read so far.
  public var lineCount: Int { unsafe columns.line_count }
  /// Exemplars met so far; they are checked and dropped.
  public var exemplarCount: Int { unsafe columns.exemplar_count }
  /// Whether `# EOF` was read.
  public var hasEnd: Bool { unsafe columns.has_end }

  /// Replaces the batch by the samples of the lines of `text` from `start` on; at most `sampleCountMax`. Returns where the rest begins.
  /// `text` is whole lines; only at the end of all the last one may lack its line feed. Where a line is refused, the batch has the samples
  /// before it.
  public mutating func read(_ text: Span<UInt8>, from start: Int) throws(ExpositionError) -> Int {
    var position = start
    unsafe tsdb_exposition_clear(&columns)
    let cFormat = format == .openMetrics ? TSDB_EXPOSITION_OPENMETRICS : TSDB_EXPOSITION_TEXT
    while true {
      let status = unsafe text.withUnsafeBufferPointer { bytes in
        unsafe tsdb_exposition_read(cFormat, options.rawValue, bytes.baseAddress, bytes.count, &position, &columns)
      }
      switch status {
      case TSDB_OK: return position
      case TSDB_ERR_CAPACITY:
        // A full batch is handed out; only a line that nothing came before needs more room.
        if unsafe columns.sample_count > 0 || columns.metadata_count > 0 { return position }
        let (array, wanted) = unsafe (columns.full, columns.wanted)
        grow(array, by: wanted)
      case TSDB_ERR_MALFORMED:
        let lineStart = position
        let message = unsafe text.withUnsafeBufferPointer { unsafe refusal($0, lineStart: lineStart) }
        throw ExpositionError(line: lineCount + 1, message: message)
      default:
        throw ExpositionError(line: lineCount + 1, message: "the line is too long")
      }
    }
  }

  /// How many samples the batch has.
  public var sampleCount: Int { unsafe columns.sample_count }
  /// How many series its samples are of: at most one a sample, as lines that differ are not compared.
  public var seriesCount: Int { unsafe columns.series_count }

  /// Which series each sample is of.
  public var series: Span<UInt32> {
    @_lifetime(borrow self) get {
      let span = unsafe Span(_unsafeStart: UnsafePointer(columns.series), count: columns.sample_count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
  /// The samples' times, in milliseconds; 0 for one without.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self) get {
      let span = unsafe Span(_unsafeStart: UnsafePointer(columns.timestamps_ms), count: columns.sample_count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
  /// The samples' values.
  public var values: Span<Double> {
    @_lifetime(borrow self) get {
      let span = unsafe Span(_unsafeStart: UnsafePointer(columns.values), count: columns.sample_count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// What is known about sample `index`.
  public func flags(at index: Int) -> Flags {
    precondition(index >= 0 && index < sampleCount, "no sample \(index) in a batch of \(sampleCount)")
    return unsafe Flags(rawValue: columns.flags[index])
  }

  /// The label blob of series `index`: bytes that are the same for the same labels.
  public func labelBlob(at index: Int) -> [UInt8] {
    unsafe Array(blob(at: index))
  }

  /// The labels of series `index`.
  public func labels(at index: Int) -> Labels {
    let bytes = unsafe blob(at: index)
    let view = unsafe tsdb_bytes_view(bytes: bytes.baseAddress, size: bytes.count)
    var position = 0
    var (name, value) = unsafe (tsdb_bytes_view(), tsdb_bytes_view())
    var labels: [Labels.Label] = []
    while unsafe tsdb_label_blob_next(view, &position, &name, &value) {
      unsafe labels.append(Labels.Label(name: string(of: name), value: string(of: value)))
    }
    return Labels(labels: labels)
  }

  private func blob(at index: Int) -> UnsafeBufferPointer<UInt8> {
    precondition(index >= 0 && index < seriesCount, "no series \(index) in a batch of \(seriesCount)")
    let (start, end) = unsafe (Int(columns.blob_offsets[index]), Int(columns.blob_offsets[index + 1]))
    return unsafe UnsafeBufferPointer(start: columns.blobs + start, count: end - start)
  }

  /// The metadata of the batch. `text` is what the batch was read from: they lie in it.
  public func metadata(of text: Span<UInt8>) -> [Metadata] {
    // The columns point into the bytes that were read, which the caller still has.
    unsafe text.withUnsafeBufferPointer { bytes in
      let count = unsafe columns.metadata_count
      return (0..<count).compactMap { index in
        let entry = unsafe columns.metadata[index]
        guard let kind = Metadata.Kind(rawValue: unsafe entry.kind),
          let name = unsafe unescaped(entry.name, within: bytes, quotes: true),
          let text = unsafe unescaped(entry.text, within: bytes, quotes: format == .openMetrics)
        else { return nil }
        return Metadata(kind: kind, name: name, text: text)
      }
    }
  }

  private func unescaped(_ view: tsdb_bytes_view, within bytes: UnsafeBufferPointer<UInt8>, quotes: Bool) -> String? {
    guard let start = unsafe view.bytes, let base = bytes.baseAddress, unsafe start >= base,
      unsafe start - base <= bytes.count - view.size
    else { return nil }
    return unsafe String(unsafeUninitializedCapacity: view.size) { room in
      var size = 0
      unsafe tsdb_exposition_unescape(view, quotes, room.baseAddress, room.count, &size)
      return size
    }
  }

  // MARK: Room

  private mutating func grow(_ array: tsdb_exposition_array, by wanted: Int) {
    switch array {
    case TSDB_EXPOSITION_BLOBS:
      unsafe columns.blob_capacity = larger(columns.blob_capacity, by: wanted)
      unsafe columns.blobs?.deallocate()
      unsafe columns.blobs = .allocate(capacity: columns.blob_capacity)
    case TSDB_EXPOSITION_LABELS:
      unsafe columns.label_capacity = larger(columns.label_capacity, by: wanted)
      unsafe columns.labels?.deallocate()
      unsafe columns.labels = .allocate(capacity: columns.label_capacity)
    case TSDB_EXPOSITION_METADATA:
      unsafe columns.metadata_capacity = larger(columns.metadata_capacity, by: wanted)
      unsafe columns.metadata?.deallocate()
      unsafe columns.metadata = .allocate(capacity: columns.metadata_capacity)
    default: break
    }
  }

  private func larger(_ capacity: Int, by wanted: Int) -> Int { max(2 * capacity, capacity + wanted) }

  // MARK: Messages

  private func refusal(_ text: UnsafeBufferPointer<UInt8>, lineStart: Int) -> String {
    let refused = unsafe columns.refused
    // Columns are counted in bytes of the line, from 1.
    var place: Int {
      guard let base = text.baseAddress, let bytes = unsafe refused.bytes else { return 1 }
      return unsafe bytes - base - lineStart + 1
    }
    var quoted: String { unsafe "\"\(string(of: refused))\"" }
    return switch unsafe columns.reason {
    case TSDB_EXPOSITION_EMPTY_LINE: "empty line"
    case TSDB_EXPOSITION_NO_SERIES: "expected a metric name or { at column \(place)"
    case TSDB_EXPOSITION_NO_LABEL_NAME: "expected a label name at column \(place)"
    case TSDB_EXPOSITION_NO_EQUALS_SIGN: "expected = at column \(place)"
    case TSDB_EXPOSITION_NO_LABEL_VALUE: "expected a label value in quotes at column \(place)"
    case TSDB_EXPOSITION_NO_SEPARATOR: "expected , or } at column \(place)"
    case TSDB_EXPOSITION_OPEN_QUOTES: "a text in quotes that begins at column \(place) does not end"
    case TSDB_EXPOSITION_DUPLICATE_LABEL: "label \(quoted) occurs twice"
    case TSDB_EXPOSITION_NOT_UTF8: "a name or a label value is not UTF-8"
    case TSDB_EXPOSITION_NO_LABELS: "a sample without a name and without labels"
    case TSDB_EXPOSITION_NO_METRIC_NAME: "a sample without a metric name"
    case TSDB_EXPOSITION_NO_VALUE: "expected a blank and a value at column \(place)"
    case TSDB_EXPOSITION_BAD_VALUE: "invalid value \(quoted)"
    case TSDB_EXPOSITION_NO_TIMESTAMP: "a timestamp is missing: every sample of a block needs one"
    case TSDB_EXPOSITION_BAD_TIMESTAMP: "invalid timestamp \(quoted)"
    case TSDB_EXPOSITION_TRAILING_TEXT: "unexpected text at column \(place)"
    case TSDB_EXPOSITION_NO_EXEMPLAR_VALUE: "an exemplar without a value"
    case TSDB_EXPOSITION_BAD_EXEMPLAR_TIMESTAMP: "invalid timestamp of an exemplar"
    case TSDB_EXPOSITION_BAD_COMMENT: "expected # TYPE, # HELP, # UNIT or # EOF"
    case TSDB_EXPOSITION_NO_METADATA_NAME: unsafe "a metric name was expected after \(string(of: refused))"
    case TSDB_EXPOSITION_NO_METADATA_BLANK: "a blank was expected after the metric name"
    case TSDB_EXPOSITION_BAD_TYPE: "invalid metric type \(quoted)"
    case TSDB_EXPOSITION_BAD_UNIT: "the unit is not the end of the metric's name"
    case TSDB_EXPOSITION_NO_LINE_FEED: "the line does not end: the text was cut short"
    case TSDB_EXPOSITION_AFTER_END: "text after # EOF"
    default: "the line is not understood"
    }
  }
}

/// A copy of the bytes; what is no UTF-8 becomes U+FFFD.
private func string(of view: tsdb_bytes_view) -> String {
  unsafe String(decoding: UnsafeBufferPointer(start: view.bytes, count: view.size), as: UTF8.self)
}

/// The double that decimal digits, or the words for infinities and NaN, mean; nil for any other text (see tsdb_float_read). Digits beyond the
/// largest double are an infinity.
public func floatingPoint(of text: Span<UInt8>) -> Double? {
  var value = 0.0
  let status = unsafe text.withUnsafeBufferPointer { bytes in
    unsafe tsdb_float_read(bytes.baseAddress, bytes.count, &value)
  }
  return status == TSDB_OK || status == TSDB_ERR_SIZE ? value : nil
}
