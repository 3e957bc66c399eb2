// Where a process keeps its metrics: families by name, made once and read at every scrape.
internal import Locking
internal import Synchronization

/// The metrics of a process, or a view of them whose new families carry some constant labels.
///
/// Asking for a family that is there already, of the same kind and with the same labels, gives that family; asking for
/// another one of the same name is a mistake of the caller and stops the program.
public final class MetricsRegistry: Sendable {
  private struct State: Sendable {
    var families: [any CollectableFamily] = []
    var collectors: [@Sendable (inout MetricsCollection) -> Void] = []
  }

  private final class Storage: Sendable {
    let state = Guarded(State())
  }

  private let storage: Storage
  private let constantLabels: [MetricLabel]

  /// An empty registry whose metrics all carry these labels.
  public convenience init(constantLabels: KeyValuePairs<String, String> = [:]) {
    self.init(storage: Storage(), constantLabels: constantLabels.map { MetricLabel($0.key, $0.value) })
  }

  private init(storage: Storage, constantLabels: [MetricLabel]) {
    precondition(
      constantLabels.allSatisfy { isLabelName($0.name) }, "\(constantLabels.map(\.name)) are not names of labels")
    self.storage = storage
    self.constantLabels = constantLabels
  }

  /// The same registry for families that carry `labels` besides. Families of one name may differ in the values of such
  /// labels.
  public func labeled(_ labels: KeyValuePairs<String, String>) -> MetricsRegistry {
    MetricsRegistry(
      storage: storage, constantLabels: constantLabels + labels.map { MetricLabel($0.key, $0.value) })
  }

  // MARK: Families

  /// A family of counters with these label names.
  public func counter(_ name: String, _ help: String, labels: [String] = []) -> CounterFamily {
    family(describe(name, help, .counter, labels), Counter.init)
  }

  /// The one counter of a family without labels.
  public func counter(_ name: String, _ help: String) -> Counter { counter(name, help, labels: []).with() }

  /// A family of gauges with these label names.
  public func gauge(_ name: String, _ help: String, labels: [String] = []) -> GaugeFamily {
    family(describe(name, help, .gauge, labels), Gauge.init)
  }

  /// The one gauge of a family without labels.
  public func gauge(_ name: String, _ help: String) -> Gauge { gauge(name, help, labels: []).with() }

  /// A family of histograms with these label names and upper bounds (ascending, without infinity); with `native`, also
  /// with exponential buckets of factor 1.1, at most 100 of them, which scrapers see that ask for the protobuf format.
  public func histogram(
    _ name: String, _ help: String, labels: [String] = [], buckets: [Double] = MetricBuckets.standard,
    native: Bool = false
  ) -> HistogramFamily {
    precondition(!labels.contains("le"), "\(name): the label le belongs to the buckets")
    precondition(
      buckets.allSatisfy(\.isFinite) && zip(buckets, buckets.dropFirst()).allSatisfy { $0 < $1 },
      "\(name): bounds of buckets are finite and ascend")
    return family(describe(name, help, .histogram, labels)) { Histogram(upperBounds: buckets, isNative: native) }
  }

  /// The one histogram of a family without labels.
  public func histogram(
    _ name: String, _ help: String, buckets: [Double] = MetricBuckets.standard, native: Bool = false
  ) -> Histogram {
    histogram(name, help, labels: [], buckets: buckets, native: native).with()
  }

  /// A gauge that is read when somebody scrapes.
  public func gauge(_ name: String, _ help: String, read: @escaping @Sendable () -> Double) {
    collect { $0.gauge(name, help, read()) }
  }

  /// A counter that is read when somebody scrapes; what it gives never falls.
  public func counter(_ name: String, _ help: String, read: @escaping @Sendable () -> Double) {
    collect { $0.counter(name, help, read()) }
  }

  /// Calls `body` at each scrape for metrics that are read then. It must not block.
  public func collect(_ body: @escaping @Sendable (_ metrics: inout MetricsCollection) -> Void) {
    let constantLabels = constantLabels
    storage.state.withLock { state in
      state.collectors.append { collection in
        collection.constantLabels = constantLabels
        body(&collection)
      }
    }
  }

  // MARK: Reading

  /// All metrics as they are now: families by name, metrics of a family by the values of their labels. Families without
  /// metrics are left out.
  public func collected() -> [MetricFamilySnapshot] {
    let (families, collectors) = storage.state.withLock { ($0.families, $0.collectors) }
    var collection = MetricsCollection()
    for family in families { collection.add(family.snapshot()) }
    for collector in collectors { collector(&collection) }
    return collection.sorted()
  }

  /// All metrics as the body of a scrape's answer.
  public func exposition(_ format: ExpositionFormat = .prometheusText) -> [UInt8] { format.encode(collected()) }

  // MARK: Making

  private func describe(_ name: String, _ help: String, _ kind: MetricKind, _ labels: [String]) -> MetricDescription {
    MetricDescription(name: name, help: help, kind: kind, labelNames: labels, constantLabels: constantLabels)
  }

  private func family<Child>(
    _ description: MetricDescription, _ makeChild: @escaping @Sendable () -> Child
  ) -> MetricFamily<Child> {
    storage.state.withLock { state in
      let known = state.families.first {
        $0.description.name == description.name && $0.description.constantLabels == description.constantLabels
      }
      if let known {
        guard let family = known as? MetricFamily<Child>, family.description.labelNames == description.labelNames else {
          preconditionFailure("the metric \(description.name) exists with another type or other labels")
        }
        return family
      }
      let family = MetricFamily(description, makeChild: makeChild)
      state.families.append(family)
      return family
    }
  }
}
