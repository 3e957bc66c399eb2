// A name with its metrics, one for each combination of label values.
internal import Locking
internal import Synchronization

/// What kind of number a metric is.
public enum MetricKind: String, Sendable {
  /// It only rises.
  case counter
  /// It rises and falls.
  case gauge
  /// Observations counted by size.
  case histogram
  /// Observations with some of their quantiles.
  case summary
}

/// A label of a metric.
public struct MetricLabel: Sendable, Hashable {
  /// Its name.
  public var name: String
  /// Its value, any text.
  public var value: String

  /// A label.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What all metrics of a family share.
struct MetricDescription: Sendable {
  var name: String
  var help: String
  var kind: MetricKind
  var labelNames: [String]
  var constantLabels: [MetricLabel]

  init(name: String, help: String, kind: MetricKind, labelNames: [String], constantLabels: [MetricLabel]) {
    precondition(isMetricName(name), "\(name) is not the name of a metric")
    precondition(
      labelNames.allSatisfy(isLabelName) && Set(labelNames).count == labelNames.count,
      "\(name): \(labelNames) are not different names of labels")
    self.name = name
    self.help = help
    self.kind = kind
    self.labelNames = labelNames
    self.constantLabels = constantLabels
  }
}

/// A metric that can be read.
public protocol MetricChild: AnyObject, Sendable {
  /// What it stands at now.
  var value: MetricValue { get }
}

/// A family seen without the type of its metrics.
protocol CollectableFamily: AnyObject, Sendable {
  var description: MetricDescription { get }
  func snapshot() -> MetricFamilySnapshot
}

/// Counters of one name.
public typealias CounterFamily = MetricFamily<Counter>
/// Gauges of one name.
public typealias GaugeFamily = MetricFamily<Gauge>
/// Histograms of one name.
public typealias HistogramFamily = MetricFamily<Histogram>

/// The metrics of one name, one for each combination of label values that was asked for.
public final class MetricFamily<Child: MetricChild>: Sendable, CollectableFamily {
  let description: MetricDescription
  private let makeChild: @Sendable () -> Child
  private let children = Guarded<[[String]: Child]>([:])

  init(_ description: MetricDescription, makeChild: @escaping @Sendable () -> Child) {
    self.description = description
    self.makeChild = makeChild
  }

  /// The metric with these values of the labels, in the order of the label names; made where it is not there yet. Code
  /// that runs often keeps what it got.
  public func with(_ values: String...) -> Child { with(values) }

  /// The metric with these values of the labels, in the order of the label names; made where it is not there yet.
  public func with(_ values: [String]) -> Child {
    precondition(
      values.count == description.labelNames.count,
      "\(description.name) has the labels \(description.labelNames), not \(values.count) of them")
    return children.withLock { children in
      if let child = children[values] { return child }
      let child = makeChild()
      children[values] = child
      return child
    }
  }

  /// Forgets the metric with these values of the labels.
  public func remove(_ values: String...) { children.withLock { $0[values] = nil } }

  /// Forgets all metrics of the family.
  public func removeAll() { children.withLock { $0.removeAll() } }

  func snapshot() -> MetricFamilySnapshot {
    let children = children.withLock { $0 }
    var snapshot = MetricFamilySnapshot(name: description.name, help: description.help, kind: description.kind)
    snapshot.metrics.reserveCapacity(children.count)
    for (values, child) in children {
      let labels = zip(description.labelNames, values).map { MetricLabel($0, $1) }
      snapshot.metrics.append(MetricSnapshot(labels: description.constantLabels + labels, value: child.value))
    }
    return snapshot
  }
}

/// Whether `name` is `[a-zA-Z_:][a-zA-Z0-9_:]*`.
func isMetricName(_ name: String) -> Bool { isName(name, colons: true) }

/// Whether `name` is `[a-zA-Z_][a-zA-Z0-9_]*`.
func isLabelName(_ name: String) -> Bool { isName(name, colons: false) }

private func isName(_ name: String, colons: Bool) -> Bool {
  guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
  return name.utf8.allSatisfy { byte in
    switch byte {
    case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x5F: true
    case 0x3A: colons
    default: false
    }
  }
}
