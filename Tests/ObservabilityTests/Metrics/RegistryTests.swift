// Counters, gauges, histograms and the families they belong to.
import TestSupport
import Testing

@testable import Observability

@Suite struct RegistryTests {
  @Test func sameFamilyIsGivenAgain() {
    let registry = MetricsRegistry()
    let first = registry.counter("a_total", "A.", labels: ["l"])
    #expect(registry.counter("a_total", "A.", labels: ["l"]) === first)
    #expect(first.with("x") === first.with(["x"]))
    first.with("x").add(2)
    first.remove("x")
    #expect(first.with("x").total == 0)
  }

  @Test func nothingIsLostAmongThreads() async {
    let registry = MetricsRegistry()
    let counter = registry.counter("a_total", "A.")
    let gauge = registry.gauge("g", "G.")
    let histogram = registry.histogram("h", "H.", buckets: [0.5, 1.5], native: true)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for step in 0..<10_000 {
            counter.add()
            counter.add(0.5)
            gauge.add(2)
            gauge.subtract()
            histogram.observe(Double(step % 3))
          }
        }
      }
    }
    #expect(counter.total == 120_000)
    #expect(gauge.current == 80_000)
    guard case .histogram(let value) = histogram.value else {
      Issue.record("a histogram's value is one")
      return
    }
    #expect(value.count == 80_000 && value.native?.count == 80_000)
    #expect(value.buckets.map(\.cumulativeCount) == [8 * 3334, 8 * 6667])
    #expect(value.sum == 8 * (3333 + 2 * 3333))
  }

  @Test func boundsBelongToTheirBuckets() {
    let histogram = MetricsRegistry().histogram("h", "H.", buckets: [1, 2, 4])
    for value in [1, 1.0000001, 2, 4, 4.1, -1, .infinity, -.infinity, .nan] { histogram.observe(value) }
    guard case .histogram(let value) = histogram.value else { return }
    #expect(value.buckets.map(\.cumulativeCount) == [3, 5, 6])
    #expect(value.count == 9 && value.sum.isNaN)
  }

  @Test func exponentialBoundsGrow() {
    #expect(MetricBuckets.exponential(start: 64, factor: 2, count: 3) == [64, 128, 256])
  }

  @Test func processFactsAreRead() throws {
    let registry = MetricsRegistry()
    registry.addProcessMetrics()
    registry.addRuntimeMetrics()
    var values: [String: Double] = [:]
    for family in registry.collected() {
      if case .number(let value) = try #require(family.metrics.first).value { values[family.name] = value }
    }
    let names = [
      "process_cpu_seconds_total", "process_max_fds", "process_network_receive_bytes_total",
      "process_network_transmit_bytes_total", "process_open_fds", "process_resident_memory_bytes",
      "process_start_time_seconds", "process_virtual_memory_bytes", "process_virtual_memory_max_bytes",
    ]
    for name in names { #expect(values[name] != nil, "\(name)") }
    let start = try #require(values["process_start_time_seconds"])
    let now = Double(WallClock.nowNs) / 1e9
    #expect(start > now - 86_400 && start < now + 5)
    #expect((values["process_open_fds"] ?? 0) >= 3)
    #expect((values["process_resident_memory_bytes"] ?? 0) > 1e6)
    #expect((values["go_goroutines"] ?? 0) >= 1)
  }

  @Test func aProcessNameWithBlanksAndParenthesesIsNoField() {
    var facts = ProcessFacts()
    facts.addStat(
      "1 (a) b (c) S 0 0 0 0 0 0 0 0 0 0 100 50 0 0 20 0 7 0 200 4096 3 0", ticksPerSecond: 100, pageBytes: 4096,
      bootTimeSeconds: 1000)
    #expect(facts.cpuSeconds == 1.5 && facts.threadCount == 7 && facts.startTimeSeconds == 1002)
    #expect(facts.virtualBytes == 4096 && facts.residentBytes == 12_288)
    facts.addStat("nonsense", ticksPerSecond: 100, pageBytes: 4096, bootTimeSeconds: nil)
    facts.addStat("1 (a) S 1", ticksPerSecond: 100, pageBytes: 4096, bootTimeSeconds: nil)
    #expect(facts.cpuSeconds == 1.5)
  }
}
