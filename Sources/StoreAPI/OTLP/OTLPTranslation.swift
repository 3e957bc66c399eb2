// OpenTelemetry's metrics as Prometheus 3.14 takes them in: names, labels of resources and scopes, `target_info`. Points are read by the C core
// (OTLPReader.swift). docs/formats/otlp-metrics.md.
internal import CTSDB
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
  /// Labels of which a collision has been told.
  private var collisions: Set<String> = []

  private struct TargetSample: Hashable {
    var labels: Labels
    var timeMs: Int64
  }

  private init(_ options: Options) { self.options = options }

  /// Appends the samples of a request to `batch`: one series a sample, in the order in which Prometheus appends them, with metadata.
  /// Throws `ModelError` where it is none, and `BudgetExceeded`; what has been appended before stays.
  public static func append(
    _ request: [UInt8], to batch: SampleBatch, options: Options = Options()
  ) throws -> OTLPTranslation {
    var translation = OTLPTranslation(options)
    var reader = OTLPReader(batch)
    unsafe try request.withUnsafeBufferPointer { bytes in
      let message = unsafe tsdb_bytes_view(bytes: bytes.baseAddress, size: bytes.count)
      unsafe try OTLPReader.forEach(1, of: message) { resource in
        unsafe try translation.readResource(resource, &reader, batch)
      }
    }
    return translation
  }

  // MARK: Resources

  /// What all series of a resource and a scope have.
  private struct Context {
    var promoted: [OTLPSeries.Label] = []
    var target: [OTLPSeries.Label] = []
    var scope: [OTLPSeries.Label] = []
    /// Whether points are read for their mistakes only: Prometheus knows these before it looks at names.
    var isRefused = false
  }

  /// When points of a resource were.
  private struct Extent {
    var earliestNs = UInt64.max
    var latestNs: UInt64 = 0
  }

  private mutating func readResource(
    _ message: tsdb_bytes_view, _ reader: inout OTLPReader, _ batch: SampleBatch
  ) throws {
    let attributes = unsafe try reader.attributes(1, of: message)
    var context = Context()
    func value(_ key: String) -> String? { attributes.first { $0.key == key }?.text }
    if let name = value("service.name") {
      let job = value("service.namespace").map { $0 + "/" + name } ?? name
      if !job.isEmpty { context.target.append(OTLPSeries.Label(name: "job", value: job)) }
    }
    if let instance = value("service.instance.id"), !instance.isEmpty {
      context.target.append(OTLPSeries.Label(name: "instance", value: instance))
    }
    do throws(ModelError) {
      let promoted = try attributes.filter { options.promotedAttributes.contains($0.key) != options.promotesAll }
        .labels(options.names)
      context.promoted = promoted.map { OTLPSeries.Label(name: $0.name, value: $0.value, yields: true) }
    } catch {
      problems.append(error.message)
      context.isRefused = true
    }
    var extent = Extent()
    unsafe try OTLPReader.forEach(2, of: message) { scope in
      unsafe try readScope(scope, context, &extent, &reader, batch)
    }
    guard extent.earliestNs < .max, !context.isRefused else { return }
    do {
      unsafe try appendTargetInfo(message, attributes, context, extent, &reader, batch)
    } catch let error as ModelError where error.code == .argument { problems.append(error.message) }
  }

  private mutating func readScope(
    _ message: tsdb_bytes_view, _ context: Context, _ extent: inout Extent, _ reader: inout OTLPReader,
    _ batch: SampleBatch
  ) throws {
    var context = context
    let attributes = unsafe try reader.attributes(3, of: message)
    var (name, version) = ("", "")
    unsafe try OTLPReader.forEach(1, of: message) { scope in
      unsafe (name, version) = (try OTLPReader.text(1, of: scope), try OTLPReader.text(2, of: scope))
    }
    let schemaURL = unsafe try OTLPReader.text(3, of: message)
    if options.promotesScope, !name.isEmpty {
      do throws(ModelError) {
        let promoted = try attributes.labels(options.names, prefix: "otel_scope_")
        context.scope =
          promoted.map { OTLPSeries.Label(name: $0.name, value: $0.value) } + [
            OTLPSeries.Label(name: "otel_scope_name", value: name),
            OTLPSeries.Label(name: "otel_scope_version", value: version),
            OTLPSeries.Label(name: "otel_scope_schema_url", value: schemaURL),
          ]
      } catch {
        if !context.isRefused { problems.append(error.message) }
        context.isRefused = true
      }
    }
    unsafe try OTLPReader.forEach(2, of: message) { metric in
      unsafe try readMetric(metric, context, &extent, &reader)
    }
  }

  private static let identifying = ["service.namespace", "service.name", "service.instance.id"]

  private mutating func appendTargetInfo(
    _ message: tsdb_bytes_view, _ attributes: [OTLPReader.Attribute], _ context: Context, _ extent: Extent,
    _ reader: inout OTLPReader, _ batch: SampleBatch
  ) throws {
    // Of job and instance alone it would tell nothing.
    guard attributes.contains(where: { !Self.identifying.contains($0.key) }) else { return }
    var series = OTLPSeries(names: options.names)
    series.labels = context.target + [OTLPSeries.Label(name: "__name__", value: "target_info")]
    series.ignoredKeys = options.keepsIdentifyingAttributes ? [] : Self.identifying
    let (made, findings) = unsafe try reader.labels(1, of: message, series)
    tell(findings, source: "resource")
    guard let labels = made else { throw refusal(findings) }
    guard labels["job"] != nil || labels["instance"] != nil else { return }
    let (first, last) = (Int64(bitPattern: extent.earliestNs), Int64(bitPattern: extent.latestNs))
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
      let index = batch.seriesCount
      try batch.append(labels: labels, samples: [(timeMs, 1, 0)])
      try batch.append(
        SampleBatch.Metadata(family: nil, seriesIndex: index, kind: .gauge, help: "Target metadata", unit: ""))
    }
  }

  /// Nanoseconds as milliseconds, towards the past.
  private static func floorMs(_ timeNs: Int64) -> Int64 {
    let (quotient, rest) = timeNs.quotientAndRemainder(dividingBy: 1_000_000)
    return rest < 0 ? quotient - 1 : quotient
  }

  // MARK: Metrics

  private mutating func readMetric(
    _ message: tsdb_bytes_view, _ context: Context, _ extent: inout Extent, _ reader: inout OTLPReader
  ) throws {
    let metric = unsafe try OTLPMetric(message)
    var series = OTLPSeries(kind: metric.kind, names: options.names)
    if !context.isRefused {
      do throws(ModelError) {
        try describe(metric, context, &series)
      } catch { problems.append(error.message) }
    }
    let findings = unsafe try reader.points(of: metric, in: message, series)
    guard !context.isRefused else { return }
    extent.earliestNs = min(extent.earliestNs, findings.earliestNs)
    extent.latestNs = max(extent.latestNs, findings.latestNs)
    guard series.form != TSDB_OTLP_LEFT_OUT else { return }
    if findings.pointCount == 0 { warnings.append("empty data points. \(metric.name) is dropped") }
    tell(findings, source: "data point")
    for sum in findings.oddSums {
      let what = metric.kind == TSDB_OTLP_HISTOGRAM ? "" : "exponential "
      warnings.append("\(what)histogram data point has zero count, but non-zero sum: \(sum)")
    }
    if findings.refusal != nil { problems.append(refusal(findings).message) }
  }

  /// Says what becomes of the points of a metric. Throws where nothing does.
  private func describe(
    _ metric: OTLPMetric, _ context: Context, _ series: inout OTLPSeries
  ) throws(ModelError) {
    let isDelta = metric.temporality == 1
    switch metric.kind {
    case TSDB_OTLP_GAUGE, TSDB_OTLP_SUMMARY: break
    case TSDB_OTLP_NOTHING:
      throw ModelError(
        .argument, "could not get aggregation temporality for \(metric.name) as it has unsupported metric type Empty")
    default:
      guard metric.temporality == 2 || (isDelta && options.allowsDelta) else {
        throw ModelError(.argument, "invalid temporality and type combination for metric \"\(metric.name)\"")
      }
    }
    let nameKind: OTLPNames.Kind =
      metric.kind == TSDB_OTLP_GAUGE
      ? .gauge : metric.kind == TSDB_OTLP_SUM && metric.isMonotonic ? .monotonicCounter : .other
    series.family = try options.names.metric(metric.name, unit: metric.unit, kind: nameKind)
    series.unit = options.names.unit(metric.unit, escapes: true)
    series.help = metric.description
    series.isDelta = isDelta
    switch metric.kind {
    case TSDB_OTLP_SUM:
      (series.form, series.type) = (TSDB_OTLP_FLOATS, isDelta ? .unknown : metric.isMonotonic ? .counter : .gauge)
    case TSDB_OTLP_HISTOGRAM, TSDB_OTLP_EXPONENTIAL_HISTOGRAM:
      let isClassic = metric.kind == TSDB_OTLP_HISTOGRAM && !options.convertsHistograms
      (series.form, series.type) = (isClassic ? TSDB_OTLP_CLASSIC : TSDB_OTLP_NATIVE, isDelta ? .unknown : .histogram)
    case TSDB_OTLP_SUMMARY: (series.form, series.type) = (TSDB_OTLP_QUANTILES, .summary)
    default: (series.form, series.type) = (TSDB_OTLP_FLOATS, .gauge)
    }
    series.labels = context.promoted + context.target + context.scope
    if options.addsTypeAndUnit {
      if series.type != .unknown {
        series.labels.append(OTLPSeries.Label(name: "__type__", value: "\(series.type)".lowercased()))
      }
      if !series.unit.isEmpty {
        let text = options.names.unit(series.unit, escapes: options.names.strategy.escapes)
        series.labels.append(OTLPSeries.Label(name: "__unit__", value: text))
      }
    }
    if series.form == TSDB_OTLP_FLOATS || series.form == TSDB_OTLP_NATIVE {
      series.labels.append(OTLPSeries.Label(name: "__name__", value: series.family))
    }
  }

  // MARK: Findings

  /// Warns of labels that several attributes become, each once.
  private mutating func tell(_ findings: OTLPReader.Findings, source: String) {
    for (label, keys) in findings.collisions where collisions.insert(label).inserted {
      warnings.append(
        "OTLP \(source) attributes \(keys.map { "\"\($0)\"" }.joined(separator: ", ")) collide as label"
          + " \"\(label)\" after name sanitization, values are concatenated with ';'")
    }
  }

  /// Why points or labels were refused.
  private func refusal(_ findings: OTLPReader.Findings) -> ModelError {
    switch findings.refusal {
    case .labelName(let key):
      do throws(ModelError) { _ = try options.names.label(key) } catch { return error }
      return ModelError(.argument, "label name \(goQuoted(key)) is refused")
    case .scale(let scale):
      return ModelError(
        .argument, "cannot convert exponential to native histogram. Scale must be >= -4, was \(scale)")
    case .exemplarWithoutValue, nil: return ModelError(.argument, "unsupported exemplar value type: Empty")
    }
  }
}

extension [OTLPReader.Attribute] {
  /// Attributes as labels: of several of a name the last counts, and an empty one takes it away.
  fileprivate func labels(_ names: OTLPNames, prefix: String = "") throws(ModelError) -> Labels {
    var labels: [(name: String, value: String)] = []
    for attribute in self { labels.append((try names.label(prefix + attribute.key), attribute.text)) }
    return Labels(labels)
  }
}
