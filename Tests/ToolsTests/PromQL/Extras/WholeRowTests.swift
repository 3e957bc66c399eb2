// Functions of whole rows, with values worked out by hand.
import Testing

@Suite struct WholeRowTests {
  private static let data = """
    load 1m
      v{a="x"} 1 4 _ 2 8
      v{a="y"} -1 -1 -1 -1 -1
      v{a="late"} _ _ 3 NaN 5
      mixed{a="h"} {{sum:3 count:2}} {{sum:4 count:3}} {{sum:5 count:4}}
      mixed{a="both"} {{sum:3 count:2}} 7 {{sum:5 count:4}} 9 9

    """

  /// Checks queries, each with its answer indented below it, from 0 to 4m and a step a minute.
  private func check(_ cases: String) async throws {
    try await expectAnswers(Self.data, "range from 0 to 4m step 1m", cases)
  }

  /// The same at 4m only.
  private func checkAtTheEnd(_ cases: String) async throws {
    try await expectAnswers(Self.data, "instant at 4m", cases)
  }

  private let x = "last_over_time(v{a=\"x\"}[1m])"
  private let late = "last_over_time(v{a=\"late\"}[1m])"

  @Test func runningFunctionsGoOnOverHoles() async throws {
    try await check(
      """
      running_sum(\(x))
        {a="x"} 1 5 5 7 15
      # What was least or greatest stays so over a hole.
      running_min(\(x))
        {a="x"} 1 1 1 1 1
      running_max(\(x))
        {a="x"} 1 4 4 4 8
      # Three values in four steps.
      running_avg(\(x))
        {a="x"} 1 2.5 2.5 2.3333333333333335 3.75
      running_sum(\(late))
        {a="late"} _ _ 3 3 8
      """)
  }

  @Test func valuesOfAllStepsStandAtAllSteps() async throws {
    try await check(
      """
      range_sum(\(x))
        {a="x"} 15 15 15 15 15
      # NaN is no value.
      range_min(\(late))
        {a="late"} 3 3 3 3 3
      range_max(\(late))
        {a="late"} 5 5 5 5 5
      range_avg(\(x))
        {a="x"} 3.75 3.75 3.75 3.75 3.75
      range_first(\(late))
        v{a="late"} 3 3 3 3 3
      range_last(\(x))
        v{a="x"} 8 8 8 8 8
      # What may still be a value of the metric keeps its name.
      range_median(\(x))
        v{a="x"} 3 3 3 3 3
      range_quantile(0.25, \(x))
        v{a="x"} 1.75 1.75 1.75 1.75 1.75
      # The median of 2, 1, 1 and 5.
      range_mad(\(x))
        v{a="x"} 1.5 1.5 1.5 1.5 1.5
      range_stdvar(\(x))
        v{a="x"} 7.1875 7.1875 7.1875 7.1875 7.1875
      range_stddev(\(late))
        v{a="late"} 1 1 1 1 1
      """)
  }

  @Test func valuesAreMovedAndTaken() async throws {
    try await check(
      """
      range_normalize(\(late))
        v{a="late"} _ _ 0 _ 1
      range_zscore(\(late))
        v{a="late"} _ _ -1 _ 1
      range_linear_regression(v{a="y"})
        v{a="y"} -1 -1 -1 -1 -1
      range_linear_regression(\(late))
        v{a="late"} 1 2 3 4 5
      range_trim_outliers(1, \(x))
        v{a="x"} _ 4 _ 2 _
      range_trim_spikes(0.5, \(x))
        v{a="x"} _ 4 _ 2 _
      range_trim_zscore(1, \(x))
        v{a="x"} _ 4 _ 2 _
      """)
  }

  @Test func whatIsNoNumberIsNoValue() async throws {
    try await check(
      """
      range_zscore(v{a="y"})
      range_normalize(v{a="y"})
      range_quantile(NaN, v{a="y"})
      range_quantile(2, v{a="y"})
        v{a="y"} Inf Inf Inf Inf Inf
      running_sum(absent_metric)
      range_sum(0 / v{a="y"} * 0 / 0)
      """)
  }

  @Test func histogramsArePassedOver() async throws {
    try await check(
      """
      range_sum(last_over_time(mixed[1m]))
        {a="both"} 25 25 25 25 25
      """)
  }

  /// What is the same at every step is there as often as there are steps.
  @Test func rowsOfOneValueAreWholeRows() async throws {
    try await check(
      """
      range_sum(v{a="y"} @ end())
        {a="y"} -5 -5 -5 -5 -5
      running_sum(vector(2))
        {} 2 4 6 8 10
      scalar(range_sum(v{a="y"} @ 0)) + vector(0)
        {} -5 -5 -5 -5 -5
      """)
    try await checkAtTheEnd(
      """
      range_sum(v{a="y"})
        {a="y"} -1
      """)
  }

  @Test func namesAreKeptWhereThatIsSaid() async throws {
    try await check(
      """
      range_sum(v{a="y"}) keep_metric_names
        v{a="y"} -5 -5 -5 -5 -5
      running_max(v{a="y"}) keep_metric_names
        v{a="y"} -1 -1 -1 -1 -1
      """)
  }

  /// A subquery has rows of its own.
  @Test func rowsOfSubqueriesAreTheirs() async throws {
    try await checkAtTheEnd(
      """
      min_over_time(running_sum(v{a="y"})[2m:1m])
        {a="y"} -2
      """)
  }
}
