// The text forms of a scrape's answer.
import Foundation
import Observability
import TestSupport
import Testing

private func text(_ registry: MetricsRegistry, _ format: ExpositionFormat = .prometheusText) -> String {
  String(decoding: registry.exposition(format), as: UTF8.self)
}

@Suite struct MetricsTextTests {
  @Test func familiesAndLabelsStandInOrder() {
    let registry = MetricsRegistry()
    let family = registry.counter("b_total", "Bees.", labels: ["z", "a"])
    family.with("1", "x").add()
    family.with("0", "y").add(2.5)
    family.with("0", "x").add(1_000_000)
    registry.gauge("a", "Ays.").set(-0.5)
    #expect(
      text(registry) == """
        # HELP a Ays.
        # TYPE a gauge
        a -0.5
        # HELP b_total Bees.
        # TYPE b_total counter
        b_total{a="x",z="0"} 1e+06
        b_total{a="x",z="1"} 1
        b_total{a="y",z="0"} 2.5

        """)
  }

  @Test func openMetricsNamesCountersWithoutTheirSuffixAndEnds() {
    let registry = MetricsRegistry()
    registry.counter("b_total", "Say \"b\".\nTwice \\.").add()
    registry.counter("odd", "No suffix.").add(3)
    registry.histogram("h", "H.", buckets: [1, 2.5]).observe(2)
    #expect(
      text(registry, .openMetrics) == #"""
        # HELP b Say \"b\".\nTwice \\.
        # TYPE b counter
        b_total 1.0
        # HELP h H.
        # TYPE h histogram
        h_bucket{le="1.0"} 0
        h_bucket{le="2.5"} 1
        h_bucket{le="+Inf"} 1
        h_sum 2.0
        h_count 1
        # HELP odd No suffix.
        # TYPE odd unknown
        odd 3.0
        # EOF

        """#)
  }

  @Test func helpAndLabelValuesAreEscaped() {
    let registry = MetricsRegistry(constantLabels: ["c": "k"])
    registry.gauge("g", "\"a\"\nb\\", labels: ["l"]).with("\"a\"\nb\\é").set(1)
    #expect(
      text(registry) == #"""
        # HELP g "a"\nb\\
        # TYPE g gauge
        g{c="k",l="\"a\"\nb\\é"} 1

        """#)
  }

  @Test(arguments: [
    (0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (0.1, "0.1"), (1e-4, "0.0001"), (1e-5, "1e-05"), (999_999, "999999"),
    (1_000_000, "1e+06"), (1_234_567, "1.234567e+06"), (1_764_076_293.5, "1.7640762935e+09"), (123_456.75, "123456.75"),
    (1.8446744073709552e19, "1.8446744073709552e+19"), (.leastNonzeroMagnitude, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (100, "100"), (0.3, "0.3"), (-2.5e-7, "-2.5e-07"),
  ]) func numbersAreWrittenAsGoDoes(_ number: Double, _ expected: String) {
    let registry = MetricsRegistry()
    registry.gauge("g", "").set(number)
    #expect(text(registry).split(separator: "\n").last == "g \(expected)")
  }

  @Test func familiesWithoutMetricsAreLeftOut() {
    let registry = MetricsRegistry()
    _ = registry.counter("a_total", "A.", labels: ["l"])
    #expect(text(registry) == "")
    #expect(text(registry, .openMetrics) == "# EOF\n")
  }

  @Test func collectorsAreReadAtEachScrape() {
    let registry = MetricsRegistry(constantLabels: ["k": "v"])
    let seen = registry.counter("scrapes_total", "S.")
    registry.collect { metrics in
      seen.add()
      metrics.gauge("g", "G.", seen.total, labels: ["x": "y"])
      metrics.add("s", "S.", .summary, .summary(count: 2, sum: 3, quantiles: [(0.5, 1.5)]), [])
    }
    _ = text(registry)
    #expect(
      text(registry) == """
        # HELP g G.
        # TYPE g gauge
        g{k="v",x="y"} 2
        # HELP s S.
        # TYPE s summary
        s{k="v",quantile="0.5"} 1.5
        s_sum{k="v"} 3
        s_count{k="v"} 2
        # HELP scrapes_total S.
        # TYPE scrapes_total counter
        scrapes_total{k="v"} 1

        """)
  }

  @Test func aMetricThatStandsTwiceIsWrittenOnce() {
    let registry = MetricsRegistry()
    registry.gauge("g", "G.").set(1)
    registry.gauge("g", "G.") { 2 }
    registry.counter("g", "G.") { 3 }
    #expect(text(registry).split(separator: "\n").count == 3)
    #expect(text(registry).hasSuffix("g 1\n"))
  }

  @Test func oneNameWithSeveralConstantLabelsIsOneFamily() {
    let registry = MetricsRegistry()
    for role in ["b", "a"] { registry.labeled(["role": role]).counter("x_total", "X.").add() }
    registry.labeled(["role": "a"]).counter("x_total", "X.").add()
    #expect(
      text(registry) == """
        # HELP x_total X.
        # TYPE x_total counter
        x_total{role="a"} 2
        x_total{role="b"} 1

        """)
  }

  @Test(.needsPeers("promtool")) func promtoolAcceptsTheText() throws {
    let promtool = try Peers.require("promtool")
    let registry = MetricsRegistry(constantLabels: ["component": "test"])
    registry.counter("requests_total", "Requests \"answered\".\nAll.", labels: ["code", "path"])
      .with("200", "a\\b\n\"c\"é").add()
    registry.gauge("temperature_celsius", "Warmth.").set(-1.5)
    let histogram = registry.histogram("latency_seconds", "Latency.", buckets: [0.1, 1], native: true)
    for value in [0.05, 0.5, 5, .infinity] { histogram.observe(value) }
    registry.addProcessMetrics()
    let folder = try TemporaryFolder()
    let path = folder.path + "/metrics"
    try Data(registry.exposition(.prometheusText)).write(to: URL(fileURLWithPath: path))
    let result = try runProcess(promtool, ["check", "metrics"], input: path, timeLimitSeconds: 30)
    #expect(result.exitCode == 0, "\(result.outputText)\(result.errorText)")
  }
}
