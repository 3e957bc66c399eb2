// Series with samples, histograms and exemplars in flat memory: what remote write brings and remote read answers with. C fills and
// writes it (Sources/CTSDB/include/tsdb/wire_samples.h has the drawing).
internal import CTSDB
public import TSModel

/// Series with their samples, in columns. Filled by one task, then read by any number.
///
/// Everything that was appended stays where it is until `removeAll`, also where a later message is refused.
@safe public final class SampleBatch: @unchecked Sendable {
  /// The columns as C knows them.
  var samples = unsafe tsdb_wire_samples()
  /// Messages, and labels that were written anew: columns point into them.
  private var blocks: [UnsafeMutableRawBufferPointer] = unsafe []
  private var charge: BudgetCharge

  /// An empty batch, whose memory is charged to `budget`.
  public init(budget: MemoryBudget? = nil) throws(BudgetExceeded) {
    charge = try BudgetCharge(budget, bytes: 0)
    let minimum = 64
    for array in Self.arrays where array != TSDB_SAMPLES_LABEL_BYTES { try grow(array, by: minimum) }
  }

  deinit {
    for index in unsafe blocks.indices { unsafe blocks[index].deallocate() }
    unsafe samples.blobs?.deallocate()
    unsafe samples.is_loose?.deallocate()
    unsafe samples.sample_offsets?.deallocate()
    unsafe samples.histogram_offsets?.deallocate()
    unsafe samples.exemplar_offsets?.deallocate()
    unsafe samples.timestamps_ms?.deallocate()
    unsafe samples.start_timestamps_ms?.deallocate()
    unsafe samples.values?.deallocate()
    unsafe samples.histograms?.deallocate()
    unsafe samples.spans?.deallocate()
    unsafe samples.buckets?.deallocate()
    unsafe samples.bounds?.deallocate()
    unsafe samples.exemplars?.deallocate()
    unsafe samples.metadata?.deallocate()
  }

  /// Forgets everything; the memory of columns stays.
  public func removeAll() {
    var freed = 0
    for index in unsafe blocks.indices {
      unsafe freed += blocks[index].count
      unsafe blocks[index].deallocate()
    }
    unsafe blocks.removeAll(keepingCapacity: true)
    charge.shrink(by: freed)
    unsafe tsdb_wire_samples_clear(&samples)
    unsafe samples.label_bytes = nil
    unsafe samples.label_capacity = 0
  }

  // MARK: Reading

  /// How many series there are. The same labels may occur several times.
  public var seriesCount: Int { unsafe samples.series_count }
  /// How many float samples they have together.
  public var sampleCount: Int { unsafe Int(samples.sample_offsets[samples.series_count]) }
  /// How many histograms they have together.
  public var histogramCount: Int { unsafe Int(samples.histogram_offsets[samples.series_count]) }
  /// How many exemplars they have together.
  public var exemplarCount: Int { unsafe Int(samples.exemplar_offsets[samples.series_count]) }

  private func check(_ index: Int) {
    precondition(index >= 0 && index < seriesCount, "no series \(index) in a batch of \(seriesCount)")
  }

  /// Where the float samples of a series lie.
  public func sampleRange(at index: Int) -> Range<Int> {
    check(index)
    return unsafe Int(samples.sample_offsets[index])..<Int(samples.sample_offsets[index + 1])
  }

  /// Where its histograms lie.
  public func histogramRange(at index: Int) -> Range<Int> {
    check(index)
    return unsafe Int(samples.histogram_offsets[index])..<Int(samples.histogram_offsets[index + 1])
  }

  /// Where its exemplars lie.
  public func exemplarRange(at index: Int) -> Range<Int> {
    check(index)
    return unsafe Int(samples.exemplar_offsets[index])..<Int(samples.exemplar_offsets[index + 1])
  }

  /// Times of all float samples, milliseconds.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: samples.timestamps_ms, count: sampleCount))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Since when each of them counts, milliseconds; 0: not known.
  public var startTimestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(
        _unsafeElements: UnsafeBufferPointer(start: samples.start_timestamps_ms, count: sampleCount))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Values of all float samples.
  public var values: Span<Double> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: samples.values, count: sampleCount))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The labels of a series as bytes of messages (`0A L (0A n name 12 v value)` each), ascending by name: what series are compared and
  /// hashed by. nil where the sender wrote them in another way, until `normalizeLabels`.
  @_lifetime(borrow self)
  public func labelBytes(at index: Int) -> RawSpan? {
    check(index)
    guard unsafe samples.is_loose[index] == 0 else { return nil }
    let view = unsafe samples.blobs[index]
    let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: view.bytes, count: view.size))
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The labels of a series as strings: for the edges of the process. Of several of one name the last counts.
  public func labels(at index: Int) -> Labels {
    Labels(sentLabels(at: index))
  }

  /// The labels of a series as they were sent, which may be in any order and of any name.
  public func sentLabels(at index: Int) -> [(name: String, value: String)] {
    check(index)
    return unsafe Self.pairs(samples.blobs[index])
  }

  /// All fields of number 1 of a message that were read before.
  static func pairs(_ view: tsdb_bytes_view) -> [(name: String, value: String)] {
    guard let start = unsafe view.bytes else { return [] }
    let span = unsafe RawSpan(_unsafeStart: start, byteCount: view.size)
    var reader = ProtobufReader(span)
    var found: [(name: String, value: String)] = []
    while let field = try? reader.next() {
      guard field.number == 1 else { continue }
      guard let label = try? reader.message(LabelMessage.self) else { break }
      found.append((label.name, label.value))
    }
    return found
  }

  /// A histogram with its times, milliseconds; `startTimestampMs` is 0 where it is not known.
  public func histogram(_ index: Int) -> (timestampMs: Int64, startTimestampMs: Int64, histogram: Histogram) {
    precondition(index >= 0 && index < histogramCount, "no histogram \(index) in a batch of \(histogramCount)")
    let head = unsafe samples.histograms[index]
    func spans(_ start: Int, _ count: UInt32) -> [Histogram.Span] {
      (start..<(start + Int(count))).map {
        unsafe Histogram.Span(offset: samples.spans[$0].offset, length: samples.spans[$0].length)
      }
    }
    func numbers<Number>(_ start: Int, _ count: UInt32, _ number: (UInt64) -> Number) -> [Number] {
      (start..<(start + Int(count))).map { unsafe number(samples.buckets[$0]) }
    }
    let (spanStart, bucketStart, boundStart) = (Int(head.span_start), Int(head.bucket_start), Int(head.bound_start))
    let (positive, negative) = (head.positive_bucket_count, head.negative_bucket_count)
    let counts: Histogram.Counts =
      head.is_float
      ? .float(
        count: Double(bitPattern: head.count), zeroCount: Double(bitPattern: head.zero_count),
        positive: numbers(bucketStart, positive) { Double(bitPattern: $0) },
        negative: numbers(bucketStart + Int(positive), negative) { Double(bitPattern: $0) })
      : .int(
        count: head.count, zeroCount: head.zero_count,
        positive: numbers(bucketStart, positive) { Int64(bitPattern: $0) },
        negative: numbers(bucketStart + Int(positive), negative) { Int64(bitPattern: $0) })
    let histogram = Histogram(
      schema: head.schema, zeroThreshold: head.zero_threshold, sum: head.sum,
      resetHint: Histogram.ResetHint(rawValue: head.reset_hint) ?? .unknown,
      positiveSpans: spans(spanStart, head.positive_span_count),
      negativeSpans: spans(spanStart + Int(head.positive_span_count), head.negative_span_count),
      customValues: (boundStart..<(boundStart + Int(head.bound_count))).map { unsafe samples.bounds[$0] },
      counts: counts)
    return (head.timestamp_ms, head.start_timestamp_ms, histogram)
  }

  /// An exemplar.
  public struct Exemplar: Hashable, Sendable {
    /// Its labels.
    public var labels: Labels
    /// Its value.
    public var value: Double
    /// Its time, milliseconds; 0: none.
    public var timestampMs: Int64

    /// An exemplar of these parts.
    public init(labels: Labels, value: Double, timestampMs: Int64) {
      self.labels = labels
      self.value = value
      self.timestampMs = timestampMs
    }
  }

  /// The exemplar at a place.
  public func exemplar(_ index: Int) -> Exemplar {
    precondition(index >= 0 && index < exemplarCount, "no exemplar \(index) in a batch of \(exemplarCount)")
    let found = unsafe samples.exemplars[index]
    return unsafe Exemplar(
      labels: Labels(Self.pairs(found.labels)), value: found.value, timestampMs: found.timestamp_ms)
  }

  /// What is known about a metric.
  public struct Metadata: Hashable, Sendable {
    /// Kinds of metrics, by their numbers in messages.
    public enum Kind: UInt32, Hashable, Sendable {
      case unknown = 0
      case counter, gauge, histogram, gaugeHistogram, summary, info, stateset
    }

    /// The metric, or nil where it is the series `seriesIndex`.
    public var family: String?
    /// By index; nil where it is about a family.
    public var seriesIndex: Int?
    /// Its kind; numbers that nobody knows are `unknown`.
    public var kind: Kind
    /// What it is about.
    public var help: String
    /// Its unit.
    public var unit: String

    /// Metadata of these parts.
    public init(family: String?, seriesIndex: Int?, kind: Kind, help: String, unit: String) {
      self.family = family
      self.seriesIndex = seriesIndex
      self.kind = kind
      self.help = help
      self.unit = unit
    }
  }

  /// All metadata, in the order in which it was sent.
  public var metadata: [Metadata] {
    func text(_ view: tsdb_bytes_view) -> String {
      unsafe String(decoding: UnsafeBufferPointer(start: view.bytes, count: view.size), as: UTF8.self)
    }
    return unsafe (0..<samples.metadata_count).map { index in
      let found = unsafe samples.metadata[index]
      let isOfFamily = unsafe found.series == .max
      return unsafe Metadata(
        family: isOfFamily ? text(found.family) : nil, seriesIndex: isOfFamily ? nil : Int(found.series),
        kind: Metadata.Kind(rawValue: found.type) ?? .unknown, help: text(found.help), unit: text(found.unit))
    }
  }

  // MARK: Labels

  /// Writes labels anew that were not sent in order: ascending by name, of several of one name the last, without empty values. Throws
  /// where a series has more than 4096 labels that are not in order.
  public func normalizeLabels() throws {
    for index in 0..<seriesCount where unsafe samples.is_loose[index] != 0 {
      unsafe samples.blobs[index] = try normalized(samples.blobs[index])
      unsafe samples.is_loose[index] = 0
    }
    for index in 0..<exemplarCount where unsafe samples.exemplars[index].is_loose {
      unsafe samples.exemplars[index].labels = try normalized(samples.exemplars[index].labels)
      unsafe samples.exemplars[index].is_loose = false
    }
  }

  private func normalized(_ old: tsdb_bytes_view) throws -> tsdb_bytes_view {
    let labelsMax = unsafe min(4096, old.size / 2)
    let room = unsafe try block(old.size + 16 * labelsMax)
    let bytes = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var (size, status) = (0, TSDB_OK)
    unsafe withUnsafeTemporaryAllocation(of: tsdb_bytes_view.self, capacity: 2 * labelsMax) { scratch in
      unsafe status = tsdb_loose_labels_write(
        old, nil, 0, scratch.baseAddress, labelsMax, bytes, room.count, &size)
    }
    guard status == TSDB_OK else {
      throw ModelError(.size, "a series has more than 4096 labels, which are not in order")
    }
    return unsafe tsdb_bytes_view(bytes: bytes.map { unsafe UnsafePointer($0) }, size: size)
  }

  // MARK: Memory

  private static let arrays = [
    TSDB_SAMPLES_SERIES, TSDB_SAMPLES_FLOATS, TSDB_SAMPLES_HISTOGRAMS, TSDB_SAMPLES_SPANS, TSDB_SAMPLES_BUCKETS,
    TSDB_SAMPLES_BOUNDS, TSDB_SAMPLES_EXEMPLARS, TSDB_SAMPLES_METADATA, TSDB_SAMPLES_LABEL_BYTES,
  ]

  /// Memory that stays until `removeAll`.
  func block(_ size: Int) throws(BudgetExceeded) -> UnsafeMutableRawBufferPointer {
    try charge.grow(by: size)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
    unsafe blocks.append(bytes)
    return unsafe bytes
  }

  /// A copy of a message, for columns to point into.
  func copy(_ bytes: UnsafeRawBufferPointer) throws(BudgetExceeded) -> UnsafePointer<UInt8>? {
    guard bytes.count > 0 else { return nil }
    let copied = unsafe try block(bytes.count)
    unsafe copied.copyMemory(from: bytes)
    return unsafe copied.baseAddress.map { unsafe UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }
  }

  /// Makes the array that C found full larger.
  func growFull() throws(BudgetExceeded) { try grow(unsafe samples.full, by: unsafe samples.wanted) }

  func grow(_ array: tsdb_samples_array, by wanted: Int) throws(BudgetExceeded) {
    switch array {
    case TSDB_SAMPLES_SERIES:
      let old = unsafe samples.series_capacity
      let new = unsafe try room(old, wanted, bytesOfOne: MemoryLayout<tsdb_bytes_view>.stride + 13)
      let had = old == 0 ? 0 : old + 1
      unsafe samples.blobs = grown(samples.blobs, old, new)
      unsafe samples.is_loose = grown(samples.is_loose, old, new)
      unsafe samples.sample_offsets = grown(samples.sample_offsets, had, new + 1)
      unsafe samples.histogram_offsets = grown(samples.histogram_offsets, had, new + 1)
      unsafe samples.exemplar_offsets = grown(samples.exemplar_offsets, had, new + 1)
      if old == 0 { unsafe tsdb_wire_samples_clear(&samples) }
      unsafe samples.series_capacity = new
    case TSDB_SAMPLES_FLOATS:
      let old = unsafe samples.sample_capacity
      let new = try room(old, wanted, bytesOfOne: 24)
      unsafe samples.timestamps_ms = grown(samples.timestamps_ms, old, new)
      unsafe samples.start_timestamps_ms = grown(samples.start_timestamps_ms, old, new)
      unsafe samples.values = grown(samples.values, old, new)
      unsafe samples.sample_capacity = new
    case TSDB_SAMPLES_HISTOGRAMS:
      unsafe samples.histograms = try grown(samples.histograms, &samples.histogram_capacity, wanted)
    case TSDB_SAMPLES_SPANS: unsafe samples.spans = try grown(samples.spans, &samples.span_capacity, wanted)
    case TSDB_SAMPLES_BUCKETS: unsafe samples.buckets = try grown(samples.buckets, &samples.bucket_capacity, wanted)
    case TSDB_SAMPLES_BOUNDS: unsafe samples.bounds = try grown(samples.bounds, &samples.bound_capacity, wanted)
    case TSDB_SAMPLES_EXEMPLARS:
      unsafe samples.exemplars = try grown(samples.exemplars, &samples.exemplar_capacity, wanted)
    case TSDB_SAMPLES_METADATA:
      unsafe samples.metadata = try grown(samples.metadata, &samples.metadata_capacity, wanted)
    default:
      // What was written stays where it is: another block.
      let next = unsafe try block(max(wanted, 2 * samples.label_capacity, 4096))
      unsafe samples.label_bytes = next.baseAddress?.assumingMemoryBound(to: UInt8.self)
      unsafe samples.label_capacity = next.count
      unsafe samples.label_size = 0
    }
  }

  /// A capacity at least twice as large, which is charged.
  private func room(_ old: Int, _ wanted: Int, bytesOfOne: Int) throws(BudgetExceeded) -> Int {
    let new = max(2 * old, old + wanted)
    try charge.grow(by: (new - old) * bytesOfOne)
    return new
  }

  private func grown<Element>(
    _ array: UnsafeMutablePointer<Element>?, _ capacity: inout Int, _ wanted: Int
  ) throws(BudgetExceeded) -> UnsafeMutablePointer<Element> {
    let new = try room(capacity, wanted, bytesOfOne: MemoryLayout<Element>.stride)
    let larger = unsafe grown(array, capacity, new)
    capacity = new
    return unsafe larger
  }

  private func grown<Element>(
    _ array: UnsafeMutablePointer<Element>?, _ old: Int, _ new: Int
  ) -> UnsafeMutablePointer<Element> {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: new)
    if let array = unsafe array {
      unsafe larger.update(from: array, count: old)
      unsafe array.deallocate()
    }
    return unsafe larger
  }
}
