// Metrics as they stood at one scrape.

/// What a metric stands at.
public enum MetricValue: Sendable {
  /// Of counters and gauges.
  case number(Double)
  /// Of histograms.
  case histogram(HistogramValue)
  /// Of summaries: number of observations, their sum, and values at some quantiles (0 to 1, ascending).
  case summary(count: UInt64, sum: Double, quantiles: [(quantile: Double, value: Double)])
}

/// What a histogram stands at.
public struct HistogramValue: Sendable {
  /// Observations up to a bound.
  public struct Bucket: Sendable {
    /// The bound, included.
    public var upperBound: Double
    /// How many observations are not above it.
    public var cumulativeCount: UInt64

    /// A bucket.
    public init(upperBound: Double, cumulativeCount: UInt64) {
      self.upperBound = upperBound
      self.cumulativeCount = cumulativeCount
    }
  }

  /// The number of observations.
  public var count: UInt64
  /// Their sum.
  public var sum: Double
  /// Buckets by ascending bound, without the one up to infinity, which holds all.
  public var buckets: [Bucket]
  /// The exponential buckets of a native histogram.
  public var native: NativeBuckets?

  /// A histogram with these buckets.
  public init(count: UInt64, sum: Double, buckets: [Bucket], native: NativeBuckets? = nil) {
    self.count = count
    self.sum = sum
    self.buckets = buckets
    self.native = native
  }
}

/// One metric at one scrape.
public struct MetricSnapshot: Sendable {
  /// Its labels.
  public var labels: [MetricLabel]
  /// What it stood at.
  public var value: MetricValue

  /// A metric with these labels.
  public init(labels: [MetricLabel], value: MetricValue) {
    self.labels = labels
    self.value = value
  }
}

/// The metrics of one name at one scrape.
public struct MetricFamilySnapshot: Sendable {
  /// Its name.
  public var name: String
  /// What it is about, for people.
  public var help: String
  /// What kind of numbers they are.
  public var kind: MetricKind
  /// The metrics.
  public var metrics: [MetricSnapshot]

  /// A family with these metrics.
  public init(name: String, help: String, kind: MetricKind, metrics: [MetricSnapshot] = []) {
    self.name = name
    self.help = help
    self.kind = kind
    self.metrics = metrics
  }
}

/// What collectors add to at a scrape.
public struct MetricsCollection {
  private var families: [String: MetricFamilySnapshot] = [:]
  var constantLabels: [MetricLabel] = []

  init() {}

  /// Adds a counter.
  public mutating func counter(
    _ name: String, _ help: String, _ value: Double, labels: KeyValuePairs<String, String> = [:]
  ) {
    add(name, help, .counter, .number(value), labels.map { MetricLabel($0.key, $0.value) })
  }

  /// Adds a gauge.
  public mutating func gauge(
    _ name: String, _ help: String, _ value: Double, labels: KeyValuePairs<String, String> = [:]
  ) {
    add(name, help, .gauge, .number(value), labels.map { MetricLabel($0.key, $0.value) })
  }

  /// Adds a metric of any kind. One whose name is taken by another kind is left out.
  public mutating func add(
    _ name: String, _ help: String, _ kind: MetricKind, _ value: MetricValue, _ labels: [MetricLabel]
  ) {
    precondition(isMetricName(name), "\(name) is not the name of a metric")
    add(
      MetricFamilySnapshot(
        name: name, help: help, kind: kind,
        metrics: [MetricSnapshot(labels: constantLabels + labels, value: value)]))
  }

  mutating func add(_ family: MetricFamilySnapshot) {
    guard var known = families.removeValue(forKey: family.name) else {
      families[family.name] = family
      return
    }
    if known.kind == family.kind { known.metrics.append(contentsOf: family.metrics) }
    families[family.name] = known
  }

  /// Families by name; labels by name, metrics by their labels. A scraper refuses an answer in which a metric stands
  /// twice, so of two with the same labels the first one counts.
  func sorted() -> [MetricFamilySnapshot] {
    families.values.filter { !$0.metrics.isEmpty }.sorted { $0.name < $1.name }.map { family in
      var family = family
      for index in family.metrics.indices { family.metrics[index].labels.sort { $0.name < $1.name } }
      var seen = Set<[MetricLabel]>()
      family.metrics = family.metrics.filter { seen.insert($0.labels).inserted }
      family.metrics.sort { left, right in
        if left.labels.count != right.labels.count { return left.labels.count < right.labels.count }
        return left.labels.lazy.map(\.value).lexicographicallyPrecedes(right.labels.lazy.map(\.value))
      }
      return family
    }
  }
}
