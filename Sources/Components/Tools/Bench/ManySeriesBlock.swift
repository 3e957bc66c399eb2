// The set M1: one block of very many series with few samples each, as large clusters with short-lived pods make them.
// A pod has ten metrics, and its other labels follow from its number. Memory: about 250 bytes a pod and the symbols; the
// series themselves are made one by one, in order, since all of a pod's have the same labels but for the name.
internal import Storage
internal import TSModel

/// The block with the series of `podCount` pods, ten each.
struct ManySeriesBlock {
  static let seriesPerPod = 10
  static let metricCount = 100
  static let samplesPerSeries = 4
  static let sampleIntervalMs: Int64 = DataSet.blockRangeMs / Int64(samplesPerSeries)
  static let labelNames = ["__name__", "cluster", "container", "instance", "job", "namespace", "pod", "zone"]

  private static let cluster = "bench"
  private let pods: [Pod]

  private struct Pod {
    /// Values of all labels but the metric's name, in the order of the labels' names.
    let values: [String]
    /// Which ten of the metrics it has: those whose number ends with this digit.
    let metricGroup: Int
    let offsetMs: Int64
  }

  init(podCount: Int) {
    var random = SeededRandom(labelText: "pods of M1".utf8)
    pods = (0..<podCount).map { number in
      let app = number % 100
      let (replicaSet, suffix) = (hexadecimal(random.next(), digits: 8), hexadecimal(random.next(), digits: 5))
      let instance = number / 4
      let values = [
        Self.cluster,
        "container-\(number % (podCount * 39 / 100 + 1))",
        "10.\(instance >> 16).\(instance >> 8 & 255).\(instance & 255):9100",
        "job\(twoDigits(number / 10 % 40))",
        "namespace-\(twoDigits(number / 7 % 50))",
        "app\(twoDigits(app))-\(replicaSet)-\(suffix)",
        "zone-\(["a", "b", "c"][instance % 3])",
      ]
      var scrapes = SeededRandom(labelText: "target \(values[2])".utf8)
      return Pod(values: values, metricGroup: number % 10, offsetMs: Int64(scrapes.below(9000)))
    }
  }

  /// Writes the block into `folder`. `progress` is told the series done, of how many.
  func write(to folder: String, progress: (Int, Int) -> Void) throws -> GeneratedTotals {
    let metrics = (0..<Self.metricCount).map { "metric_\($0 < 10 ? "0" : "")\($0)_total" }
    let symbols = symbols(metrics)
    var ids: [String: UInt32] = Dictionary(minimumCapacity: symbols.count)
    for (id, symbol) in symbols.enumerated() { ids[symbol] = UInt32(id) }
    // Every string was put among the symbols.
    func id(_ text: String) -> UInt32 { ids[text] ?? .max }
    let nameIDs = Self.labelNames.map(id)

    var groups: [[EncodedPod]] = Array(repeating: [], count: 10)
    for pod in pods {
      groups[pod.metricGroup].append(EncodedPod(ids: pod.values.map(id), text: text(of: pod), offsetMs: pod.offsetMs))
    }
    for group in groups.indices { groups[group].sort { $0.ids.lexicographicallyPrecedes($1.ids) } }
    let metricIDs = metrics.map(id)

    var output = try GeneratedBlock(
      set: .manySeries, startMs: DataSet.startMs, externalLabels: ["replica": "a"], symbols: symbols, folder: folder)
    let total = pods.count * Self.seriesPerPod
    var builder = FloatChunkBuilder()
    var labelIDs = [UInt32](repeating: 0, count: 2 * nameIDs.count)
    for (place, id) in nameIDs.enumerated() { labelIDs[2 * place] = id }
    var done = 0
    for (number, metric) in metrics.enumerated() {
      labelIDs[1] = metricIDs[number]
      let head = Array("{__name__=\"\(metric)\"".utf8)
      for pod in groups[number % 10] {
        for (place, id) in pod.ids.enumerated() { labelIDs[2 * place + 3] = id }
        let random = SeededRandom(labelText: head + pod.text)
        var model = SeriesModel(.counter(divisor: 1), rate: 100, random: random)
        for sample in 0..<Self.samplesPerSeries {
          let timestampMs = DataSet.startMs + Int64(sample) * Self.sampleIntervalMs + pod.offsetMs
          try builder.append(timestampMs: timestampMs, value: model.next())
        }
        try output.add(labelIDs: labelIDs, builder.finish())
        done += 1
        if done % 1024 == 0 { progress(done, total) }
      }
    }
    return try output.finish()
  }

  /// A pod as the block's writer takes it: ids of its values, and its labels behind the metric's name as they are hashed
  /// for a seed.
  private struct EncodedPod {
    let ids: [UInt32]
    let text: [UInt8]
    let offsetMs: Int64
  }

  private func text(of pod: Pod) -> [UInt8] {
    var text: [UInt8] = []
    for (name, value) in zip(Self.labelNames.dropFirst(), pod.values) { text += ", \(name)=\"\(value)\"".utf8 }
    return text + "}".utf8
  }

  /// All names and values, ascending. They are ASCII, so that Swift's order is that of the bytes.
  private func symbols(_ metrics: [String]) -> [String] {
    var symbols = Set(Self.labelNames + metrics)
    for pod in pods { symbols.formUnion(pod.values) }
    return symbols.sorted()
  }
}
