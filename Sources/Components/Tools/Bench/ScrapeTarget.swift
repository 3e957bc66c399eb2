// One target of data set D: 500 series as node exporter, cAdvisor and a web service would show them.
internal import TSModel

/// A series of a target: its labels, and how its values go on.
struct TargetSeries: Sendable {
  let labels: Labels
  var model: SeriesModel
}

/// What one target exposes, and when it is scraped.
struct ScrapeTarget: Sendable {
  static let jobs = ["node", "api", "db", "cache", "ingress"]
  static let scrapeIntervalMs: Int64 = 15_000
  /// Series at any time: those that stay and those of the pods.
  static let activeSeriesCount = 500

  private let job: String
  private let instance: String
  private let environment: String
  private let index: Int

  init(index: Int) {
    self.index = index
    job = Self.jobs[index % 5]
    instance = "10.0.\(index / 200).\(index % 200 + 1):9100"
    environment = index / 5 % 5 == 4 ? "staging" : "prod"
  }

  private func labels(_ name: String, _ more: [(String, String)] = []) -> Labels {
    Labels(
      [("__name__", name), ("job", job), ("instance", instance), ("env", environment)] + more.map { ($0.0, $0.1) })
  }

  private func random(_ labels: Labels) -> SeededRandom { SeededRandom(labelText: printed(labels).utf8) }

  private func counter(_ name: String, _ more: [(String, String)], rate: Double, divisor: Double = 1) -> TargetSeries {
    let labels = labels(name, more)
    return TargetSeries(
      labels: labels, model: SeriesModel(.counter(divisor: divisor), rate: rate, random: random(labels)))
  }

  private func gauge(
    _ name: String, _ more: [(String, String)] = [], _ kind: SeriesModel.Kind, from: Double, to: Double
  ) -> TargetSeries {
    let labels = labels(name, more)
    var random = random(labels)
    var start = from + (to - from) * random.unit()
    if case .pages = kind { start = start.rounded(.down) }
    return TargetSeries(labels: labels, model: SeriesModel(kind, start: start, random: random))
  }

  /// The 475 series that stay, in no order.
  func lastingSeries() -> [TargetSeries] {
    var out: [TargetSeries] = []
    let modes: [(String, Double)] = [
      ("user", 300), ("system", 80), ("idle", 1050), ("iowait", 12), ("softirq", 3), ("nice", 1), ("irq", 0),
      ("steal", 0),
    ]
    for cpu in 0..<8 {
      for (mode, rate) in modes {
        out.append(counter("node_cpu_seconds_total", [("cpu", String(cpu)), ("mode", mode)], rate: rate, divisor: 100))
      }
    }
    let disk: [(String, Double)] = [
      ("reads_completed", 40), ("writes_completed", 300), ("read_bytes", 1e6), ("written_bytes", 8e6),
      ("io_time_ms", 900),
      ("reads_merged", 3), ("writes_merged", 80), ("write_time_ms", 500),
    ]
    for device in 1...12 {
      for (name, rate) in disk {
        out.append(counter("node_disk_\(name)_total", [("device", "disk\(device)")], rate: device <= 6 ? rate : 0))
      }
    }
    let network: [(String, Double)] = [
      ("receive_bytes", 2e7), ("transmit_bytes", 1e7), ("receive_packets", 2e4), ("transmit_packets", 1.5e4),
      ("receive_errs", 0.01), ("transmit_errs", 0), ("receive_drop", 0), ("transmit_drop", 0),
    ]
    for device in 1...8 {
      for (name, rate) in network {
        let scaled = device <= 4 ? rate : rate / 1000
        out.append(counter("node_network_\(name)_total", [("device", "eth\(device)")], rate: scaled))
      }
    }
    for mountpoint in 1...12 {
      let labels = [("mountpoint", "/mnt/\(mountpoint)")]
      out.append(gauge("node_filesystem_size_bytes", labels, .pages(sigma: 0, isSlow: true), from: 2e6, to: 2e8))
      for name in ["free", "avail", "files"] {
        out.append(gauge("node_filesystem_\(name)_bytes", labels, .pages(sigma: 200, isSlow: true), from: 1e6, to: 1e8))
      }
    }
    for field in 0..<40 {
      let name = "node_memory_field\(twoDigits(field))_bytes"
      out.append(gauge(name, [], .pages(sigma: 200, isSlow: field % 4 == 3), from: 1e5, to: 4e6))
    }
    for handler in 0..<6 { out += requestDurations(handler: handler) }
    for chip in 0..<5 {
      for sensor in 0..<8 {
        let labels = [("chip", "chip\(chip)"), ("sensor", "temp\(sensor)")]
        out.append(gauge("node_sensor_value", labels, .sensor, from: 20, to: 60))
      }
    }
    for number in 0..<39 {
      out.append(gauge("app_info_\(twoDigits(number))", [("version", "1.\(number).0")], .constant, from: 1, to: 1))
    }
    return out
  }

  private func requestDurations(handler: Int) -> [TargetSeries] {
    let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
    let fractions = [0.10, 0.25, 0.45, 0.62, 0.76, 0.86, 0.92, 0.96, 0.98, 0.992, 0.998, 1]
    let path = [("handler", "/api/v1/handler\(handler)")]
    let rate = 400 / Double(handler + 1)
    let count = labels("http_request_duration_seconds_count", path)
    // One stream for the whole histogram, that of its count: buckets then grow together.
    let shared = random(count)
    var out: [TargetSeries] = []
    for (bound, fraction) in zip(bounds, fractions) {
      let labels = labels("http_request_duration_seconds_bucket", path + [("le", bound)])
      out.append(
        TargetSeries(
          labels: labels, model: SeriesModel(.bucket(fraction: fraction), rate: rate, varies: false, random: shared)))
    }
    out.append(
      TargetSeries(labels: count, model: SeriesModel(.bucket(fraction: 1), rate: rate, varies: false, random: shared)))
    let sum = labels("http_request_duration_seconds_sum", path)
    out.append(
      TargetSeries(
        labels: sum, model: SeriesModel(.sum, rate: 40 / Double(handler + 1), varies: false, random: random(sum))))
    return out
  }

  /// The 25 series of the pods that run during the given two hours.
  func podSeries(block: Int) -> [TargetSeries] {
    var out: [TargetSeries] = []
    for slot in 0..<5 {
      var names = SeededRandom(labelText: "pod \(instance) \(slot) \(block)".utf8)
      let app = names.below(40)
      let pod = "app\(twoDigits(app))-\(hexadecimal(names.next(), digits: 8))-\(hexadecimal(names.next(), digits: 5))"
      let labels = [
        ("pod", pod), ("namespace", "ns\(twoDigits(names.below(20)))"), ("container", "app\(twoDigits(app))"),
      ]
      out.append(counter("container_cpu_usage_seconds_total", labels, rate: 200, divisor: 100))
      out.append(
        gauge("container_memory_working_set_bytes", labels, .pages(sigma: 300, isSlow: false), from: 1e4, to: 1e6))
      out.append(counter("container_network_receive_bytes_total", labels, rate: 5e5))
      out.append(counter("container_network_transmit_bytes_total", labels, rate: 3e5))
      out.append(gauge("container_spec_memory_limit_bytes", labels, .constant, from: 1_073_741_824, to: 1_073_741_824))
    }
    return out
  }

  /// When the target is scraped, and which scrapes a replica misses: a stream of its own.
  func scrapes() -> ScrapeTimes {
    ScrapeTimes(random: SeededRandom(labelText: "target \(printed(labels("up")))".utf8))
  }
}

/// The times of a target's scrapes: a fixed offset below 9 s, 97 % exact, the others off by up to 20 ms.
struct ScrapeTimes: Sendable {
  static let scrapesPerBlock = 480
  /// Scrapes of six hours, in which each target misses `missedScrapes` in one of two replicas.
  static let scrapesPerWindow = 1440
  static let missedScrapes = 40

  private let offsetMs: Int64
  private var random: SeededRandom
  private var window = -1
  private var missed = 0..<0
  private var missingReplica = 0

  init(random: SeededRandom) {
    self.random = random
    offsetMs = Int64(self.random.below(9000))
  }

  /// The times of the scrapes of two hours from `startMs`, which must be called for one block after another. Scrapes that
  /// `replica` (0 or 1) misses are nil.
  mutating func times(startMs: Int64, block: Int, replica: Int?) -> [Int64?] {
    (0..<Self.scrapesPerBlock).map { scrape in
      let number = block * Self.scrapesPerBlock + scrape
      if number / Self.scrapesPerWindow != window {
        window = number / Self.scrapesPerWindow
        let first = window * Self.scrapesPerWindow + random.below(Self.scrapesPerWindow - Self.missedScrapes)
        missed = first..<first + Self.missedScrapes
        missingReplica = random.below(2)
      }
      let jitter = random.below(100) < 3 ? Int64(random.below(41) - 20) : 0
      if let replica, replica == missingReplica, missed.contains(number) { return nil }
      let delay: Int64 = replica == 1 ? 5500 : 0
      return max(startMs, startMs + Int64(scrape) * ScrapeTarget.scrapeIntervalMs + offsetMs + delay + jitter)
    }
  }
}

/// A label set as it is hashed for a seed: `{__name__="up", job="node"}`. Generated values need no escapes.
func printed(_ labels: Labels) -> String {
  "{" + labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ", ") + "}"
}

func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }

/// The lowest `digits` hexadecimal digits of `number`.
func hexadecimal(_ number: UInt64, digits: Int) -> String {
  let letters = Array("0123456789abcdef".utf8)
  let bytes = (0..<digits).reversed().map { letters[Int(number >> UInt64($0 * 4) & 15)] }
  return String(decoding: bytes, as: UTF8.self)
}
