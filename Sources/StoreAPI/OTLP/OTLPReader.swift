// Messages of OpenTelemetry's metrics as the C core reads them, with the memory that it needs. Sources/CTSDB/include/tsdb/otlp_metrics.h has the format.
internal import CTSDB
internal import TSModel

/// What is read with: the core's reader, whose arrays are blocks of the batch, which its budget is charged with until `removeAll`.
@safe struct OTLPReader: ~Copyable {
  /// An attribute: its key, and its value as text.
  typealias Attribute = (key: String, text: String)

  private let batch: SampleBatch
  private var reader = unsafe tsdb_otlp_reader()

  /// A reader that appends to `batch`.
  init(_ batch: SampleBatch) { self.batch = batch }

  // MARK: Messages

  static func malformed(_ status: tsdb_status) -> ModelError {
    SampleBatch.malformed(status, "a request of OpenTelemetry's metrics")
  }

  /// Hands over each field `number` of a message, a message each.
  static func forEach(
    _ number: UInt32, of message: tsdb_bytes_view, from start: Int = 0, _ body: (tsdb_bytes_view) throws -> Void
  ) throws {
    var position = start
    while true {
      var found = unsafe tsdb_bytes_view()
      let status = unsafe tsdb_otlp_next(message, number, &position, &found)
      guard status == TSDB_OK else { throw malformed(status) }
      guard unsafe found.bytes != nil else { return }
      unsafe try body(found)
    }
  }

  /// The last field `number` of a message as text; "" where there is none.
  static func text(_ number: UInt32, of message: tsdb_bytes_view) throws -> String {
    var text = ""
    unsafe try forEach(number, of: message) { text = unsafe self.text($0) }
    return text
  }

  /// A text of a message, with invalid UTF-8 repaired.
  static func text(_ view: tsdb_bytes_view) -> String {
    unsafe String(decoding: UnsafeBufferPointer(start: view.bytes, count: view.size), as: UTF8.self)
  }

  // MARK: Calls

  /// Lets `body` run until no array is full any more.
  private mutating func growing(
    _ body: (inout tsdb_otlp_reader, inout tsdb_wire_samples) -> tsdb_status
  ) throws {
    while true {
      // A copy, as the thread sanitizer's build takes the two for overlapping accesses to this.
      var own = unsafe reader
      let status = unsafe body(&own, &batch.samples)
      unsafe reader = own
      switch status {
      case TSDB_OK: return
      case TSDB_ERR_CAPACITY: try grow()
      default: throw Self.malformed(status)
      }
    }
  }

  /// Makes the array that is full larger; what was in it is not kept.
  private mutating func grow() throws {
    let wanted = unsafe reader.wanted
    func room(_ old: Int, _ minimum: Int) -> Int { max(minimum, 2 * old, old + wanted) }
    switch unsafe reader.full {
    case TSDB_OTLP_ATTRIBUTES:
      let count = unsafe room(reader.attribute_capacity, 64)
      let attributes = unsafe try batch.block(count * MemoryLayout<tsdb_otlp_attribute>.stride)
      let order = unsafe try batch.block(count * MemoryLayout<UInt32>.stride)
      unsafe reader.attributes = attributes.bindMemory(to: tsdb_otlp_attribute.self).baseAddress
      unsafe reader.order = order.bindMemory(to: UInt32.self).baseAddress
      unsafe reader.attribute_capacity = count
    case TSDB_OTLP_STEPS:
      let count = unsafe room(reader.step_capacity, 64)
      let steps = unsafe try batch.block(count * MemoryLayout<tsdb_otlp_step>.stride)
      unsafe reader.steps = steps.bindMemory(to: tsdb_otlp_step.self).baseAddress
      unsafe reader.step_capacity = count
    case TSDB_OTLP_TEXTS:
      let texts = unsafe try batch.block(room(reader.text_capacity, 4096))
      unsafe reader.texts = texts.bindMemory(to: UInt8.self).baseAddress
      unsafe reader.text_capacity = texts.count
    default: try batch.growFull()
    }
  }

  /// The attributes of the message that is a message's field 1: those of resource metrics (`number` 1) or scope metrics (3).
  mutating func attributes(_ number: UInt32, of message: tsdb_bytes_view) throws -> [Attribute] {
    unsafe try growing { reader, _ in unsafe tsdb_otlp_attributes_read(message, number, &reader) }
    return unsafe (0..<reader.attribute_count).map { index in
      let attribute = unsafe reader.attributes[index]
      return unsafe (Self.text(attribute.key), Self.text(attribute.text))
    }
  }

  // MARK: Points

  /// What there was in points.
  struct Findings {
    /// Nanoseconds; `.max` where there was no point.
    var earliestNs = UInt64.max
    var latestNs: UInt64 = 0
    var pointCount = 0
    /// Labels that values of several attributes were joined to, with the keys of these.
    var collisions: [(label: String, keys: [String])] = []
    /// Sums of histograms without observations.
    var oddSums: [Double] = []
    /// Why the rest was left out.
    var refusal: Refusal?
  }

  /// Why points are left out.
  enum Refusal {
    case labelName(key: String)
    case exemplarWithoutValue
    case scale(Int32)
  }

  private mutating func begin() {
    unsafe reader.earliest_ns = .max
    unsafe reader.latest_ns = 0
    unsafe reader.point_count = 0
    unsafe reader.reason = TSDB_OTLP_TAKEN
  }

  /// What points or labels were found to be. Nothing is told twice.
  private mutating func tell(_ findings: inout Findings) {
    if unsafe reader.has_collision {
      for index in unsafe 0..<reader.step_count where unsafe reader.steps[index].collision == 1 {
        unsafe reader.steps[index].collision = 2
        let step = unsafe reader.steps[index]
        let places = unsafe (Int(step.first)..<Int(step.first + step.count)).map { unsafe Int(reader.order[$0]) }
        let keys = places.map { unsafe Self.text(reader.attributes[$0].key) }
        findings.collisions.append((unsafe Self.text(reader.attributes[places[0]].name), keys))
      }
      unsafe reader.has_collision = false
    }
    if unsafe reader.has_odd_sum {
      findings.oddSums.append(unsafe reader.odd_sum)
      unsafe reader.has_odd_sum = false
    }
    (findings.earliestNs, findings.latestNs) = unsafe (reader.earliest_ns, reader.latest_ns)
    findings.pointCount = unsafe Int(reader.point_count)
    switch unsafe reader.reason {
    case TSDB_OTLP_LABEL_NAME: findings.refusal = .labelName(key: unsafe Self.text(reader.refused_key))
    case TSDB_OTLP_EXEMPLAR: findings.refusal = .exemplarWithoutValue
    case TSDB_OTLP_SCALE: findings.refusal = .scale(unsafe reader.refused_scale)
    default: break
    }
  }

  /// Appends the points of a metric to the batch.
  mutating func points(
    of metric: OTLPMetric, in message: tsdb_bytes_view, _ series: OTLPSeries
  ) throws -> Findings {
    var findings = Findings()
    begin()
    // The closure cannot take hold of what is changed in place.
    var data: [tsdb_bytes_view] = unsafe []
    unsafe try Self.forEach(UInt32(metric.kind.rawValue), of: message, from: metric.dataPosition) {
      unsafe data.append($0)
    }
    try unsafe series.withCore(batch) { core in
      for index in unsafe data.indices {
        let points = unsafe data[index]
        var position = 0
        while unsafe position < points.size {
          unsafe try growing { reader, samples in
            unsafe tsdb_otlp_points_read(points, &position, &core, &reader, &samples)
          }
          tell(&findings)
        }
      }
    }
    return findings
  }

  /// The labels that the attributes of a message become, as those of points do; nil where they are refused.
  mutating func labels(
    _ number: UInt32, of message: tsdb_bytes_view, _ series: OTLPSeries
  ) throws -> (labels: Labels?, findings: Findings) {
    var findings = Findings()
    begin()
    var blob = unsafe tsdb_bytes_view()
    try unsafe series.withCore(batch) { core in
      unsafe try growing { reader, samples in
        unsafe tsdb_otlp_labels_write(message, number, &core, &reader, &samples, &blob)
      }
    }
    tell(&findings)
    return unsafe (findings.refusal == nil ? Labels(SampleBatch.pairs(blob)) : nil, findings)
  }
}

/// A metric without its points.
struct OTLPMetric {
  var name: String
  var description: String
  var unit: String
  var kind: tsdb_otlp_kind
  /// 0 not told, 1 delta, 2 cumulative.
  var temporality: Int32
  /// Whether a sum never falls.
  var isMonotonic: Bool
  /// Where its points are.
  var dataPosition: Int

  /// Reads a metric.
  init(_ message: tsdb_bytes_view) throws {
    var metric = unsafe tsdb_otlp_metric()
    let status = unsafe tsdb_otlp_metric_get(message, &metric)
    guard status == TSDB_OK else { throw OTLPReader.malformed(status) }
    name = unsafe OTLPReader.text(metric.name)
    description = unsafe OTLPReader.text(metric.description)
    unit = unsafe OTLPReader.text(metric.unit)
    (kind, temporality) = unsafe (metric.kind, metric.temporality)
    (isMonotonic, dataPosition) = unsafe (metric.is_monotonic, metric.data_position)
  }
}

/// What points of a metric become.
struct OTLPSeries {
  /// A label that all points have.
  struct Label {
    var name: String
    /// Empty: attributes of this name become no label.
    var value: String
    /// Whether an attribute that is not empty takes its place.
    var yields = false
  }

  var kind = TSDB_OTLP_GAUGE
  var form = TSDB_OTLP_LEFT_OUT
  var names = OTLPNames()
  var isDelta = false
  var family = ""
  /// In any order; of several of a name the last counts, and one that does not yield.
  var labels: [Label] = []
  var ignoredKeys: [String] = ["__name__"]
  var type = SampleBatch.Metadata.Kind.unknown
  var help = ""
  var unit = ""

  /// Hands over what the core knows of it. Help and unit stay in the batch's memory.
  func withCore(_ batch: SampleBatch, _ body: (inout tsdb_otlp_series) throws -> Void) throws {
    var merged: [Label] = []
    for label in labels {
      if let place = merged.firstIndex(where: { $0.name.utf8.elementsEqual(label.name.utf8) }) {
        if merged[place].yields || !label.yields { merged[place] = label }
      } else {
        merged.append(label)
      }
    }
    merged.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    // All texts in one run of bytes.
    let texts = [family, help, unit] + ignoredKeys + merged.flatMap { [$0.name, $0.value] }
    var bytes: [UInt8] = []
    for text in texts { bytes += Array(text.utf8) }
    var rest = unsafe try batch.block(max(bytes.count, 1))
    unsafe rest.copyBytes(from: bytes)
    var views: [tsdb_bytes_view] = unsafe []
    for text in texts {
      let count = text.utf8.count
      unsafe views.append(
        tsdb_bytes_view(bytes: UnsafePointer(rest.baseAddress?.assumingMemoryBound(to: UInt8.self)), size: count))
      unsafe rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
    }
    let core = unsafe merged.indices.map { index in
      let place = 3 + ignoredKeys.count + 2 * index
      return unsafe tsdb_otlp_label(name: views[place], value: views[place + 1], yields: merged[index].yields)
    }
    try unsafe core.withUnsafeBufferPointer { labels in
      try unsafe Array(views[3..<3 + ignoredKeys.count]).withUnsafeBufferPointer { ignored in
        var series = unsafe tsdb_otlp_series(
          kind: kind, form: form, naming: names.naming, is_delta: isDelta, family: views[0], labels: labels.baseAddress,
          label_count: labels.count, ignored: ignored.baseAddress, ignored_count: ignored.count, help: views[1],
          unit: views[2], type: type.rawValue)
        unsafe try body(&series)
      }
    }
  }
}
