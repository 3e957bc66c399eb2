// Durations whose value depends on the query.
import PromQL
import Testing

@Suite struct DurationExpressionTests {
  /// The range of `a[text]` for a query with a step of 10 s over 100 s.
  private func range(_ text: String) throws -> Result<Int64, DurationError> {
    guard case .matrixSelector(let selector) = try Expression(parsing: "a[\(text)]") else { return .success(-1) }
    return Result { () throws(DurationError) in try selector.range.milliseconds(stepMs: 10_000, rangeMs: 100_000) }
  }

  @Test(arguments: [
    ("5m", 300_000), ("1.0009", 1000), ("5m*2", 600_000), ("1+2*3", 7000), ("2^3^2", 512_000), ("-2^2+10", 6000),
    ("7%4", 3000), ("1/3", 333), ("step()", 10_000), ("range()/2", 50_000), ("(1m)", 60_000), ("+(1m)", 60_000),
    ("min_of(step(), 5)", 5000), ("max_of(step(), 5)", 10_000), ("-(-5)", 5000), ("max_of(-1, 0) + 1", 1000),
    ("10-4-3", 3000),
  ])
  func valuesAreComputed(text: String, expected: Int64) throws { #expect(try range(text).get() == expected) }

  @Test(arguments: [
    ("step()-10", "2:11: duration must be greater than 0"),
    ("1/(step()-10)", "2:14: division by zero"),
    ("1%(step()-10)", "2:14: modulo by zero"),
    ("10^300", "2:8: duration is out of range"),
    ("10^400", "2:8: duration is NaN or infinite"),
  ])
  func whatHasNoValueSaysWhere(text: String, expected: String) throws {
    guard case .failure(let error) = try range(text) else {
      Issue.record("\(text) has a value")
      return
    }
    #expect(error.description == expected)
  }

  @Test func offsetsMayBeNegative() throws {
    guard case .vectorSelector(let selector) = try Expression(parsing: "a offset (step() * -3)") else {
      Issue.record("a selector")
      return
    }
    #expect(try selector.offset?.milliseconds(stepMs: 10_000, rangeMs: 0, allowingNegative: true) == -30_000)
  }

  @Test func anOffsetEndsWithItsFirstTermUnlessParenthesesHoldMore() throws {
    #expect(try Expression(parsing: "a offset 5m + b").description == "a offset 5m + b")
    #expect(try Expression(parsing: "a offset -2^2").description == "a offset -2s ^ 2")
    #expect(try Expression(parsing: "a offset (1m) + 2").description == "a offset (1m) + 2")
    guard case .vectorSelector = try Expression(parsing: "a offset (1m) + 2") else {
      Issue.record("a selector")
      return
    }
  }
}
