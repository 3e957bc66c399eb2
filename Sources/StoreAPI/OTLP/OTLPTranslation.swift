// OpenTelemetry's metrics as Prometheus 3.14 takes them in: names, labels, histograms, `target_info`. docs/formats/otlp-metrics.md.
internal import TSModel

/// What becomes of a request (`ExportMetricsServiceRequest`).
public struct OTLPTranslation: Sendable {
  /// Choices of the receiver, each of them one of Prometheus' `otlp` section or flags.
  public struct Options: Sendable {
    /// How names are made.
    public var names = OTLPNames()
    /// Resource attributes that become labels of every series.
    public var promotedAttributes: Set<String> = []
    /// Whether all become labels but those of `promotedAttributes`.
    public var promotesAll = false
    /// Whether `target_info` keeps the attributes that `job` and `instance` come of.
    public var keepsIdentifyingAttributes = false
    /// Whether histograms with bounds become native ones.
    public var convertsHistograms = false
    /// Whether name, version, schema and attributes of the scope become labels.
    public var promotesScope = false
    /// Whether sums and histograms of differences are taken, not refused.
    public var allowsDelta = false
    /// Whether series get `__type__` and `__unit__`.
    public var addsTypeAndUnit = false
    /// How far queries look back, milliseconds: `target_info` is there twice as often.
    public var lookbackMs: Int64 = 300_000
    /// The most samples of `target_info` that a resource gets; one, the last, where its data points would need more.
    public var targetInfoSamplesMax = 10_000

    /// Prometheus' defaults.
    public init() {}
  }

  /// What was wrong with some of the request; the rest is in the batch. Prometheus refuses the whole request then.
  public private(set) var problems: [String] = []
  /// What was odd.
  public private(set) var warnings: [String] = []

  private let options: Options
  /// `target_info` that is there: labels and time.
  private var targetInfo: Set<TargetSample> = []

  private struct TargetSample: Hashable {
    var labels: Labels
    var timeMs: Int64
  }

  private init(_ options: Options) { self.options = options }

  /// Appends the samples of a request to `batch`: one series a sample, in the order in which Prometheus appends them, with metadata.
  /// Throws `ModelError` where it is none, and `BudgetExceeded`.
  public static func append(
    _ request: [UInt8], to batch: SampleBatch, options: Options = Options()
  ) throws -> OTLPTranslation {
    var translation = OTLPTranslation(options)
    var reader = unsafe ProtobufReader(request.span.bytes)
    while let field = try reader.next() {
      guard field.number == 1 else { continue }
      var resource = try reader.nested()
      try translation.readResource(&resource, into: batch)
    }
    return translation
  }

  // MARK: Resources

  private struct Scope {
    var name = ""
    var version = ""
    var schemaURL = ""
    var attributes: [OTLPAttribute] = []
  }

  /// What all series of a resource and a scope have.
  private struct Context {
    var job = ""
    var instance = ""
    var promoted: [(name: String, value: String)] = []
    var scope: [(name: String, value: String)] = []
  }

  private mutating func readResource(_ reader: inout ProtobufReader, into batch: SampleBatch) throws {
    // The resource may stand behind its metrics: all is read first.
    var attributes: [OTLPAttribute] = []
    var scopes: [(scope: Scope, metrics: [OTLPMetric])] = []
    while let field = try reader.next() {
      switch field.number {
      case 1:
        var resource = try reader.nested()
        while let field = try resource.next() {
          guard field.number == 1 else { continue }
          attributes.append(try resource.message())
        }
      case 2:
        var message = try reader.nested()
        scopes.append(try Self.readScope(&message))
      default: break
      }
    }
    var context = Context()
    if let name = attributes.first(where: { $0.key == "service.name" }) {
      context.job = name.value.text
      if let namespace = attributes.first(where: { $0.key == "service.namespace" }) {
        context.job = namespace.value.text + "/" + context.job
      }
    }
    context.instance = attributes.first { $0.key == "service.instance.id" }?.value.text ?? ""
    do throws(ModelError) {
      for attribute in attributes where options.promotedAttributes.contains(attribute.key) != options.promotesAll {
        context.promoted.append((try options.names.label(attribute.key), attribute.value.text))
      }
    } catch {
      problems.append(error.message)
      return
    }
    var (earliest, latest) = (UInt64.max, UInt64(0))
    for (scope, metrics) in scopes {
      context.scope = []
      if options.promotesScope, !scope.name.isEmpty {
        do throws(ModelError) {
          for attribute in scope.attributes {
            context.scope.append((try options.names.label("otel_scope_" + attribute.key), attribute.value.text))
          }
        } catch {
          problems.append(error.message)
          continue
        }
        context.scope += [
          ("otel_scope_name", scope.name), ("otel_scope_version", scope.version),
          ("otel_scope_schema_url", scope.schemaURL),
        ]
      }
      for metric in metrics {
        for point in metric.points { (earliest, latest) = (min(earliest, point.timeNs), max(latest, point.timeNs)) }
        do { try append(metric, context, to: batch) } catch let error as ModelError { problems.append(error.message) }
      }
    }
    if earliest < .max {
      context.scope = []
      do {
        try appendTargetInfo(attributes, context, from: earliest, to: latest, to: batch)
      } catch let error as ModelError { problems.append(error.message) }
    }
  }

  private static func readScope(
    _ reader: inout ProtobufReader
  ) throws(ModelError) -> (scope: Scope, metrics: [OTLPMetric]) {
    var scope = Scope()
    var metrics: [OTLPMetric] = []
    while let field = try reader.next() {
      switch field.number {
      case 1:
        var message = try reader.nested()
        while let field = try message.next() {
          switch field.number {
          case 1: scope.name = try message.string()
          case 2: scope.version = try message.string()
          case 3: scope.attributes.append(try message.message())
          default: break
          }
        }
      case 2:
        var metric = OTLPMetric()
        var message = try reader.nested()
        try metric.read(&message)
        metrics.append(metric)
      case 3: scope.schemaURL = try reader.string()
      default: break
      }
    }
    return (scope, metrics)
  }

  private static let identifying: Set<String> = ["service.namespace", "service.name", "service.instance.id"]

  private mutating func appendTargetInfo(
    _ attributes: [OTLPAttribute], _ context: Context, from earliest: UInt64, to latest: UInt64, to batch: SampleBatch
  ) throws {
    // Of job and instance alone it would tell nothing.
    guard attributes.contains(where: { !Self.identifying.contains($0.key) }) else { return }
    var context = context
    context.promoted = []
    let labels = try labels(
      attributes, context, Described(), ignoring: options.keepsIdentifyingAttributes ? [] : Self.identifying,
      name: "target_info", source: "resource")
    guard labels["job"] != nil || labels["instance"] != nil else { return }
    let (first, last) = (Int64(bitPattern: earliest), Int64(bitPattern: latest))
    let intervalNs = max(1, options.lookbackMs / 2) * 1_000_000
    let (distance, isTooFar) = last.subtractingReportingOverflow(first)
    var times: [Int64] = []
    if isTooFar || distance / intervalNs >= Int64(options.targetInfoSamplesMax) {
      warnings.append("data points of a resource lie too far apart: target_info is given for the last of them only")
    } else if distance > 0 {
      times = (0...(distance - 1) / intervalNs).map { Self.floorMs(first + $0 * intervalNs) }
    }
    for timeMs in times + [Self.floorMs(last)] {
      guard targetInfo.insert(TargetSample(labels: labels, timeMs: timeMs)).inserted else { continue }
      try append(
        labels, Described(kind: .gauge, help: "Target metadata"), float: (timeMs, 1, 0), exemplars: [], to: batch)
    }
  }

  /// Nanoseconds as milliseconds, towards the past.
  private static func floorMs(_ timeNs: Int64) -> Int64 {
    let (quotient, rest) = timeNs.quotientAndRemainder(dividingBy: 1_000_000)
    return rest < 0 ? quotient - 1 : quotient
  }

  /// Nanoseconds as milliseconds, towards 1970.
  private static func milliseconds(_ timeNs: UInt64) -> Int64 { Int64(bitPattern: timeNs) / 1_000_000 }

  // MARK: Labels

  /// What is known about a metric.
  private struct Described {
    var kind: SampleBatch.Metadata.Kind?
    var unit = ""
    var help = ""
  }

  /// Labels that are being put together. Setting an empty value takes a label away.
  private struct Draft {
    var labels: [(name: String, value: String)] = []

    private func place(_ name: String) -> Int? { labels.firstIndex { $0.name.utf8.elementsEqual(name.utf8) } }

    subscript(name: String) -> String {
      get { place(name).map { labels[$0].value } ?? "" }
      set {
        if let place = place(name) {
          if newValue.isEmpty { labels.remove(at: place) } else { labels[place].value = newValue }
        } else if !newValue.isEmpty {
          labels.append((name, newValue))
        }
      }
    }
  }

  private var collisions: Set<String> = []

  private mutating func labels(
    _ attributes: [OTLPAttribute], _ context: Context, _ described: Described, ignoring: Set<String> = ["__name__"],
    name: String?, source: String = "data point"
  ) throws(ModelError) -> Labels {
    var draft = Draft()
    let sorted = attributes.filter { !ignoring.contains($0.key) }
      .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for attribute in sorted {
      guard options.names.strategy.escapes else {
        draft[attribute.key] = attribute.value.text
        continue
      }
      let label = try options.names.label(attribute.key)
      let before = draft[label]
      if before.isEmpty {
        draft[label] = attribute.value.text
      } else {
        draft[label] = before + ";" + attribute.value.text
        if collisions.insert(label).inserted {
          let keys = sorted.map(\.key).filter { (try? options.names.label($0)) == label }
          warnings.append(
            "OTLP \(source) attributes \(keys.map { "\"\($0)\"" }.joined(separator: ", ")) collide as label"
              + " \"\(label)\" after name sanitization, values are concatenated with ';'")
        }
      }
    }
    var promoted = Draft()
    for label in context.promoted { promoted[label.name] = label.value }
    for label in promoted.labels where draft[label.name].isEmpty { draft[label.name] = label.value }
    if !context.job.isEmpty { draft["job"] = context.job }
    if !context.instance.isEmpty { draft["instance"] = context.instance }
    for label in context.scope { draft[label.name] = label.value }
    if options.addsTypeAndUnit {
      if let kind = described.kind, kind != .unknown { draft["__type__"] = "\(kind)".lowercased() }
      if !described.unit.isEmpty {
        draft["__unit__"] = options.names.unit(described.unit, escapes: options.names.strategy.escapes)
      }
    }
    if let name { draft["__name__"] = name }
    return Labels(draft.labels)
  }

  // MARK: Metrics

  private mutating func append(_ metric: OTLPMetric, _ context: Context, to batch: SampleBatch) throws {
    guard let kind = metric.kind else {
      throw ModelError(
        .argument,
        "could not get aggregation temporality for \(metric.name) as it has unsupported metric type Empty")
    }
    let isDelta = metric.temporality == 1
    switch kind {
    case .sum, .histogram, .exponentialHistogram:
      guard metric.temporality == 2 || (isDelta && options.allowsDelta) else {
        throw ModelError(.argument, "invalid temporality and type combination for metric \"\(metric.name)\"")
      }
    case .gauge, .summary: break
    }
    let nameKind: OTLPNames.Kind =
      kind == .gauge ? .gauge : kind == .sum && metric.isMonotonic ? .monotonicCounter : .other
    let family = try options.names.metric(metric.name, unit: metric.unit, kind: nameKind)
    let known: SampleBatch.Metadata.Kind =
      switch kind {
      case .gauge: .gauge
      case .sum: isDelta ? .unknown : metric.isMonotonic ? .counter : .gauge
      case .histogram, .exponentialHistogram: isDelta ? .unknown : .histogram
      case .summary: .summary
      }
    let described = Described(
      kind: known, unit: options.names.unit(metric.unit, escapes: true), help: metric.description)
    guard !metric.points.isEmpty else {
      warnings.append("empty data points. \(metric.name) is dropped")
      return
    }
    for point in metric.points {
      switch kind {
      case .gauge, .sum:
        let labels = try labels(point.attributes, context, described, name: family)
        let exemplars = kind == .sum ? try exemplars(point) : []
        try append(labels, described, float: float(point, point.value), exemplars: exemplars, to: batch)
      case .histogram where !options.convertsHistograms:
        try appendClassic(point, family, context, described, to: batch)
      case .histogram, .exponentialHistogram:
        let native = try native(point, isDelta: isDelta)
        let labels = try labels(point.attributes, context, described, name: family)
        try append(
          labels, described, histogram: (Self.milliseconds(point.timeNs), Self.milliseconds(point.startTimeNs), native),
          exemplars: try exemplars(point), to: batch)
      case .summary: try appendSummary(point, family, context, described, to: batch)
      }
    }
  }

  private typealias FloatSample = (timestampMs: Int64, value: Double, startTimestampMs: Int64)

  private static let stale = Double(bitPattern: Histogram.staleSumBits)

  private func float(_ point: OTLPPoint, _ value: Double) -> FloatSample {
    (Self.milliseconds(point.timeNs), point.hasNoValue ? Self.stale : value, Self.milliseconds(point.startTimeNs))
  }

  private func append(
    _ labels: Labels, _ described: Described, float: FloatSample? = nil,
    histogram: (timestampMs: Int64, startTimestampMs: Int64, histogram: Histogram)? = nil,
    exemplars: [SampleBatch.Exemplar], to batch: SampleBatch
  ) throws {
    let index = batch.seriesCount
    try batch.append(
      labels: labels, samples: float.map { [$0] } ?? [], histograms: histogram.map { [$0] } ?? [], exemplars: exemplars)
    try batch.append(
      SampleBatch.Metadata(
        family: nil, seriesIndex: index, kind: described.kind ?? .unknown, help: described.help, unit: described.unit))
  }

  /// A label behind those of `base`, and the name.
  private func extended(_ base: Labels, _ name: String, _ label: String? = nil, _ value: String = "") -> Labels {
    var draft = Draft(labels: base.map { ($0.name, $0.value) })
    if let label { draft[label] = value }
    draft["__name__"] = name
    return Labels(draft.labels)
  }

  private mutating func appendClassic(
    _ point: OTLPPoint, _ family: String, _ context: Context, _ described: Described, to batch: SampleBatch
  ) throws {
    let base = try labels(point.attributes, context, described, name: nil)
    func add(_ labels: Labels, _ value: Double, _ exemplars: ArraySlice<SampleBatch.Exemplar> = []) throws {
      try append(labels, described, float: float(point, value), exemplars: Array(exemplars), to: batch)
    }
    if let sum = point.sum { try add(extended(base, family + "_sum"), sum) }
    try add(extended(base, family + "_count"), Double(point.count))
    var exemplars = try exemplars(point)[...]
    var cumulative: UInt64 = 0
    for (bound, count) in zip(point.bounds, point.bucketCounts) {
      cumulative &+= count
      let own = exemplars.prefix { !($0.value > bound) }
      exemplars = exemplars.dropFirst(own.count)
      try add(extended(base, family + "_bucket", "le", Self.plain(bound)), Double(cumulative), own)
    }
    try add(extended(base, family + "_bucket", "le", "+Inf"), Double(point.count), exemplars)
  }

  private mutating func appendSummary(
    _ point: OTLPPoint, _ family: String, _ context: Context, _ described: Described, to batch: SampleBatch
  ) throws {
    let base = try labels(point.attributes, context, described, name: nil)
    func add(_ labels: Labels, _ value: Double) throws {
      try append(labels, described, float: float(point, value), exemplars: [], to: batch)
    }
    try add(extended(base, family + "_sum"), point.sum ?? 0)
    try add(extended(base, family + "_count"), Double(point.count))
    for quantile in point.quantiles {
      try add(extended(base, family, "quantile", Self.plain(quantile.quantile)), quantile.value)
    }
  }

  /// Digits without an exponent, as labels have them.
  private static func plain(_ number: Double) -> String { OTLPValue.plainText(number) }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private func exemplars(_ point: OTLPPoint) throws(ModelError) -> [SampleBatch.Exemplar] {
    var found: [SampleBatch.Exemplar] = []
    for exemplar in point.exemplars {
      guard let value = exemplar.value else {
        throw ModelError(.argument, "unsupported exemplar value type: Empty")
      }
      var labels: [(name: String, value: String)] = []
      for (name, bytes) in [("trace_id", exemplar.traceID), ("span_id", exemplar.spanID)]
      where bytes.contains(where: { $0 != 0 }) {
        labels.append((name, Self.hexadecimal(bytes)))
      }
      let attributes = exemplar.attributes.map { (name: $0.key, value: $0.value.text) }
      // Attributes that would make it too large are left out.
      let runes = (labels + attributes).reduce(0) { $0 + $1.name.unicodeScalars.count + $1.value.unicodeScalars.count }
      if runes <= 128 { labels += attributes }
      found.append(
        SampleBatch.Exemplar(
          labels: Labels(labels), value: value, timestampMs: Self.floorMs(Int64(bitPattern: exemplar.timeNs))))
    }
    return found
  }

  // MARK: Native histograms

  private mutating func native(_ point: OTLPPoint, isDelta: Bool) throws(ModelError) -> Histogram {
    var histogram: Histogram
    var (positive, negative) = (SparseBuckets(), SparseBuckets())
    if point.kind == .exponentialHistogram {
      guard point.scale >= -4 else {
        throw ModelError(
          .argument, "cannot convert exponential to native histogram. Scale must be >= -4, was \(point.scale)")
      }
      let schema = min(point.scale, 8)
      positive = SparseBuckets(point.positive.counts, offset: point.positive.offset, down: point.scale - schema)
      negative = SparseBuckets(point.negative.counts, offset: point.negative.offset, down: point.scale - schema)
      histogram = Histogram(
        schema: schema, zeroThreshold: 1e-128, sum: 0,
        counts: .int(count: 0, zeroCount: point.zeroCount, positive: [], negative: []))
    } else {
      let leading = point.bucketCounts.prefix { $0 == 0 }.count
      positive = SparseBuckets(custom: point.bucketCounts.dropFirst(leading), offset: Int32(leading))
      histogram = Histogram(
        schema: Histogram.customBoundsSchema, sum: 0, customValues: point.bounds,
        counts: .int(count: 0, zeroCount: 0, positive: [], negative: []))
    }
    (histogram.positiveSpans, histogram.negativeSpans) = (positive.spans, negative.spans)
    histogram.resetHint = isDelta ? .gauge : .unknown
    var count = point.count
    if point.hasNoValue {
      histogram.sum = Self.stale
      count = Histogram.staleSumBits
    } else {
      histogram.sum = point.sum ?? 0
      if count == 0, histogram.sum != 0 {
        let what = point.kind == .histogram ? "" : "exponential "
        warnings.append("\(what)histogram data point has zero count, but non-zero sum: \(histogram.sum)")
      }
    }
    let zeroCount = point.kind == .exponentialHistogram ? point.zeroCount : 0
    histogram.counts = .int(count: count, zeroCount: zeroCount, positive: positive.counts, negative: negative.counts)
    return histogram
  }
}
