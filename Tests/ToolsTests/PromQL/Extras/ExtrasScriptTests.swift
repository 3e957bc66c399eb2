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

  /// Checks queries, each with its answer indented below it, from 0 to 3m and a step a minute.
  private func check(_ cases: String) async throws {
    try await expectAnswers(Self.data, "range from 0 to 3m step 1m", cases)
  }

  /// The same at 3m only.
  private func checkAtTheEnd(_ cases: String) async throws {
    try await expectAnswers(Self.data, "instant at 3m", cases)
  }

  private let g = "last_over_time(g[1m])"

  @Test func gapsAreFilled() async throws {
    try await check(
      """
      \(g) default 0
        g{a="x"} 1 0 3 4
        g{a="y"} 10 20 0 40
      \(g) default h
        g{a="x"} 1 6 3 4
        g{a="y"} 10 20 _ 40
      \(g) default on () one
        g{a="x"} 1 7 3 4
        g{a="y"} 10 20 7 40
      \(g) default sum(one)
        g{a="x"} 1 7 3 4
        g{a="y"} 10 20 7 40
      missing default 3
        {} 3 3 3 3
      missing default one
        one 7 7 7 7
      sum(missing) default (0 / 0) default 2
        {} 2 2 2 2
      vector(0 / 0 default 4)
        {} 4 4 4 4
      h / 0 * 0 default -1
        {a="x"} -1 -1 -1 -1
      last_over_time(g[1m]) default n
        g{a="x"} 1 {{sum:3 count:2}} 3 4
        g{a="y"} 10 20 _ 40
      """)
    try await checkAtTheEnd(
      """
      g default g
        g{a="x"} 4
        g{a="y"} 40
      """)
  }

  @Test func vectorsAreUnited() async throws {
    try await check(
      """
      (one, h)
        one 7 7 7 7
        h{a="x"} 5 6 7 8
      union(h, one, h)
        one 7 7 7 7
        h{a="x"} 5 6 7 8
      # Of equal labels the first row stays, whatever it lacks.
      (sum(missing), sum(one), sum(h))
        {} 7 7 7 7
      sum((one, h))
        {} 12 13 14 15
      """)
    try await checkAtTheEnd(
      """
      count(union(g, h))
        {} 3
      """)
  }

  @Test func pagesAreTaken() async throws {
    try await checkAtTheEnd(
      """
      limit_offset(1, 1, g)
        g{a="y"} 40
      limit_offset(1, 0, sort_desc(g))
        g{a="y"} 40
      limit_offset(9, 1, s)
        s{i="2",t="p"} -3
        s{i="3",t="q"} 2
      limit_offset(0, 0, g)
      limit_offset(1, 5, g)
      limit_offset(NaN, -1, g)
      """)
  }

  @Test func aggregationsOfRows() async throws {
    try await check(
      """
      median(last_over_time(s[1m])) by (t)
        {t="p"} 2 2 1 -1
        {t="q"} 2 0 2 2
      share(last_over_time(s[1m])) by (t)
        s{i="1",t="p"} 0.25 0.25 1 1
        s{i="2",t="p"} 0.75 0.75 _ _
        s{i="3",t="q"} 1 _ 1 1
      outliersk(1, last_over_time(s[1m]))
        s{i="2",t="p"} 3 3 _ -3
      outliersk(0, s)
      outliersk(NaN, s)
      share(n)
      outliersk(2, n)
      """)
  }

  @Test func rangesAreImplied() async throws {
    try await check(
      """
      sum_over_time(h)
        {a="x"} 5 6 7 8
      count_over_time(g)
        {a="x"} 1 _ 1 1
        {a="y"} 1 1 _ 1
      # An instant query looks back as far as a selector does.
      """)
    try await checkAtTheEnd(
      """
      count_over_time(h)
        {a="x"} 4
      # In a subquery a range is a step of the subquery.
      sum_over_time(count_over_time(h)[2m:30s])
        {a="x"} 2
      """)
  }

  @Test func namesAreKept() async throws {
    try await check(
      """
      abs(h) keep_metric_names
        h{a="x"} 5 6 7 8
      sum_over_time(h[1m]) keep_metric_names
        h{a="x"} 5 6 7 8
      (h * 2) keep_metric_names
        h{a="x"} 10 12 14 16
      (h > bool 6) keep_metric_names
        h{a="x"} 0 0 1 1
      (h - on (a) c) keep_metric_names
        h{a="x"} 5 -54 -23 -82
      (h - c) keep_metric_names
        h{a="x"} 5 -54 -23 -82
      clamp_max({__name__=~"h|one"}, 6) keep_metric_names
        h{a="x"} 5 6 6 6
        one 6 6 6 6
      timestamp(h) keep_metric_names
        h{a="x"} 0 60 120 180
      """)
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
      """
      rollup(h[2m])
        h{a="x",rollup="min"} 5 5 6 7
        h{a="x",rollup="max"} 5 6 7 8
        h{a="x",rollup="avg"} 5 5.5 6.5 7.5
      rollup(h[2m], "max")
        h{a="x"} 5 6 7 8
      # Changes 60, 30 from 0 anew, and 60.
      rollup_increase(c[10m], "min")
        {a="x"} _ 60 30 30
      rollup_rate(c[10m])
        {a="x",rollup="min"} _ 1 0.5 0.5
        {a="x",rollup="max"} _ 1 1 1
        {a="x",rollup="avg"} _ 1 0.75 0.8333333333333334
      rollup_delta(c[10m], "min")
        {a="x"} _ 60 -30 -30
      rollup_deriv(c[10m], "min") keep_metric_names
        c{a="x"} _ 1 -0.5 -0.5
      rollup_increase(c[10m] @ 180, "max")
        {a="x"} 60 60 60 60
      rollup_increase(c[10m:1m], "max")
        {a="x"} _ 60 60 60
      rollup_increase(n[10m])
      rollup_increase(c, "max")
      """)
    try await expectPasses(Self.data + "\neval instant at 3m rollup(h[2m], \"sum\")\n  expect fail\n")
  }
}
