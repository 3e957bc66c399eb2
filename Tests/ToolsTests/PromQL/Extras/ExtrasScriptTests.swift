// What `promql-extras` computes beside functions of whole rows, with values worked out by hand.
import Testing

@Suite struct ExtrasScriptTests {
  private static let data = """
    load 1m
      g{a="x"} 1 _ 3 4
      g{a="y"} 10 20 _ 40
      h{a="x"} 5 6 7 8
      c{a="x"} 0 60 30 90
      one 7 7 7 7
      s{t="p",i="1"} 1 1 1 1
      s{t="p",i="2"} 3 3 _ -3
      s{t="q",i="3"} 2 0 2 2
      n{a="x"} {{sum:3 count:2}}x3

    """

  private func check(_ query: String, _ expected: String..., instant: Bool = false) async throws {
    let at = instant ? "eval instant at 3m" : "eval range from 0 to 3m step 1m"
    try await expectPasses(Self.data + "\n\(at) \(query)\n" + expected.map { "  \($0)\n" }.joined())
  }

  private let g = "last_over_time(g[1m])"

  @Test func gapsAreFilled() async throws {
    try await check("\(g) default 0", #"g{a="x"} 1 0 3 4"#, #"g{a="y"} 10 20 0 40"#)
    try await check("\(g) default h", #"g{a="x"} 1 6 3 4"#, #"g{a="y"} 10 20 _ 40"#)
    try await check("\(g) default on () one", #"g{a="x"} 1 7 3 4"#, #"g{a="y"} 10 20 7 40"#)
    try await check("\(g) default sum(one)", #"g{a="x"} 1 7 3 4"#, #"g{a="y"} 10 20 7 40"#)
    try await check("missing default 3", "{} 3 3 3 3")
    try await check("missing default one", "one 7 7 7 7")
    try await check("sum(missing) default (0 / 0) default 2", "{} 2 2 2 2")
    try await check("vector(0 / 0 default 4)", "{} 4 4 4 4")
    try await check("h / 0 * 0 default -1", #"{a="x"} -1 -1 -1 -1"#)
    try await check("last_over_time(g[1m]) default n", #"g{a="x"} 1 {{sum:3 count:2}} 3 4"#, #"g{a="y"} 10 20 _ 40"#)
    try await check("g default g", #"g{a="x"} 4"#, #"g{a="y"} 40"#, instant: true)
  }

  @Test func vectorsAreUnited() async throws {
    try await check("(one, h)", "one 7 7 7 7", #"h{a="x"} 5 6 7 8"#)
    try await check("union(h, one, h)", "one 7 7 7 7", #"h{a="x"} 5 6 7 8"#)
    // Of equal labels the first row stays, whatever it lacks.
    try await check("(sum(missing), sum(one), sum(h))", "{} 7 7 7 7")
    try await check("sum((one, h))", "{} 12 13 14 15")
    try await check("count(union(g, h))", "{} 3", instant: true)
  }

  @Test func pagesAreTaken() async throws {
    try await check("limit_offset(1, 1, g)", #"g{a="y"} 40"#, instant: true)
    try await check("limit_offset(1, 0, sort_desc(g))", #"g{a="y"} 40"#, instant: true)
    try await check("limit_offset(9, 1, s)", #"s{i="2",t="p"} -3"#, #"s{i="3",t="q"} 2"#, instant: true)
    try await check("limit_offset(0, 0, g)", instant: true)
    try await check("limit_offset(1, 5, g)", instant: true)
    try await check("limit_offset(NaN, -1, g)", instant: true)
  }

  @Test func aggregationsOfRows() async throws {
    try await check("median(last_over_time(s[1m])) by (t)", #"{t="p"} 2 2 1 -1"#, #"{t="q"} 2 0 2 2"#)
    try await check(
      "share(last_over_time(s[1m])) by (t)", #"s{i="1",t="p"} 0.25 0.25 1 1"#, #"s{i="2",t="p"} 0.75 0.75 _ _"#,
      #"s{i="3",t="q"} 1 _ 1 1"#)
    try await check("outliersk(1, last_over_time(s[1m]))", #"s{i="2",t="p"} 3 3 _ -3"#)
    try await check("outliersk(0, s)")
    try await check("outliersk(NaN, s)")
    try await check("share(n)")
    try await check("outliersk(2, n)")
  }

  @Test func rangesAreImplied() async throws {
    try await check("sum_over_time(h)", #"{a="x"} 5 6 7 8"#)
    try await check("count_over_time(g)", #"{a="x"} 1 _ 1 1"#, #"{a="y"} 1 1 _ 1"#)
    // An instant query looks back as far as a selector does.
    try await check("count_over_time(h)", #"{a="x"} 4"#, instant: true)
    // In a subquery a range is a step of the subquery.
    try await check("sum_over_time(count_over_time(h)[2m:30s])", #"{a="x"} 2"#, instant: true)
  }

  @Test func namesAreKept() async throws {
    try await check("abs(h) keep_metric_names", #"h{a="x"} 5 6 7 8"#)
    try await check("sum_over_time(h[1m]) keep_metric_names", #"h{a="x"} 5 6 7 8"#)
    try await check("(h * 2) keep_metric_names", #"h{a="x"} 10 12 14 16"#)
    try await check("(h > bool 6) keep_metric_names", #"h{a="x"} 0 0 1 1"#)
    try await check("(h - on (a) c) keep_metric_names", #"h{a="x"} 5 -54 -23 -82"#)
    try await check("(h - c) keep_metric_names", #"h{a="x"} 5 -54 -23 -82"#)
    try await check("clamp_max({__name__=~\"h|one\"}, 6) keep_metric_names", #"h{a="x"} 5 6 6 6"#, "one 6 6 6 6")
    try await check("timestamp(h) keep_metric_names", #"h{a="x"} 0 60 120 180"#)
  }

  @Test func modesAreTheLeastOfTheMostFrequent() async throws {
    try await expectPasses(
      """
      load 1m
        m 3 1 3 2 NaN 2
        e {{sum:3 count:2}}x5

      eval instant at 5m mode_over_time(m[10m])
        m 2

      eval instant at 2m mode_over_time(m[10m])
        m 3

      eval instant at 5m mode_over_time(e[10m])

      """)
  }

  @Test func rollupsTellLeastGreatestAndMean() async throws {
    try await check(
      "rollup(h[2m])", #"h{a="x",rollup="min"} 5 5 6 7"#, #"h{a="x",rollup="max"} 5 6 7 8"#,
      #"h{a="x",rollup="avg"} 5 5.5 6.5 7.5"#)
    try await check("rollup(h[2m], \"max\")", #"h{a="x"} 5 6 7 8"#)
    // Changes 60, 30 from 0 anew, and 60.
    try await check("rollup_increase(c[10m], \"min\")", #"{a="x"} _ 60 30 30"#)
    try await check(
      "rollup_rate(c[10m])", #"{a="x",rollup="min"} _ 1 0.5 0.5"#, #"{a="x",rollup="max"} _ 1 1 1"#,
      #"{a="x",rollup="avg"} _ 1 0.75 0.8333333333333334"#)
    try await check("rollup_delta(c[10m], \"min\")", #"{a="x"} _ 60 -30 -30"#)
    try await check("rollup_deriv(c[10m], \"min\") keep_metric_names", #"c{a="x"} _ 1 -0.5 -0.5"#)
    try await check("rollup_increase(c[10m] @ 180, \"max\")", #"{a="x"} 60 60 60 60"#)
    try await check("rollup_increase(c[10m:1m], \"max\")", #"{a="x"} _ 60 60 60"#)
    try await check("rollup_increase(n[10m])")
    try await check("rollup_increase(c, \"max\")")
    try await expectPasses(Self.data + "\neval instant at 3m rollup(h[2m], \"sum\")\n  expect fail\n")
  }
}
