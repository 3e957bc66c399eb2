import CTSDB
import TestSupport
import Testing

@Suite struct RowTests {
  private static let odd: [Double] = [
    .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, 1e308, -1e308, 3, Double(bitPattern: absentBits),
  ]

  private static func row(_ count: Int, _ random: inout SplitMix64) -> [Double] {
    (0..<count).map { _ in
      random.below(3) == 0 ? odd[random.below(odd.count)] : random.unit() * 100
    }
  }

  /// What a group of one step is, told member by member.
  private func aggregate(_ aggregation: tsdb_aggregation, _ members: [Double]) -> Double? {
    let values = members.filter { $0.bitPattern != absentBits }
    guard let first = values.first else { return nil }
    switch aggregation {
    case TSDB_AGGREGATE_SUM:
      var sum = KahanSum(sum: first)
      for value in values.dropFirst() { sum.add(value) }
      return sum.sum + sum.rest
    case TSDB_AGGREGATE_AVG:
      let samples = FloatSamples(times: values.indices.map { Int64($0) }, values: values)
      return overTimeReference(TSDB_AVG_OVER_TIME, samples, values.indices)
    case TSDB_AGGREGATE_COUNT: return Double(values.count)
    case TSDB_AGGREGATE_MIN: return values.dropFirst().reduce(first) { $0 > $1 || $0.isNaN ? $1 : $0 }
    case TSDB_AGGREGATE_MAX: return values.dropFirst().reduce(first) { $0 < $1 || $0.isNaN ? $1 : $0 }
    case TSDB_AGGREGATE_GROUP: return 1
    default:
      var (mean, squares, n) = (first, first.isFinite ? 0 : Double.nan, 1.0)
      for value in values.dropFirst() {
        n += 1
        let delta = value - mean
        mean += delta / n
        squares += delta * (value - mean)
      }
      return aggregation == TSDB_AGGREGATE_STDVAR ? squares / n : (squares / n).squareRoot()
    }
  }

  @Test func aggregationsAgreeWithTheReferenceInAllVariants() {
    var random = SplitMix64(seed: 51)
    for steps in 0..<40 {
      let rows = (0..<(1 + random.below(9))).map { _ in Self.row(steps, &random) }
      for number in 0...TSDB_AGGREGATE_STDVAR.rawValue {
        let aggregation = tsdb_aggregation(rawValue: number)
        for forbidden in [UInt32(0), .max] {
          tsdb_cpu_features_forbid(forbidden)
          var (value, rest, count) = (
            [Double](repeating: 1, count: steps), [Double](repeating: 1, count: steps),
            [Double](repeating: 1, count: steps)
          )
          var result = value
          value.withUnsafeMutableBufferPointer { value in
            rest.withUnsafeMutableBufferPointer { rest in
              count.withUnsafeMutableBufferPointer { count in
                var group = tsdb_group_rows(value: value.baseAddress, rest: rest.baseAddress, count: count.baseAddress)
                if steps == 0 { return }
                tsdb_row_clear(group.value, steps)
                tsdb_row_clear(group.rest, steps)
                tsdb_row_clear(group.count, steps)
                for row in rows { #expect(tsdb_group_add(aggregation, row, steps, &group) == TSDB_OK) }
                #expect(tsdb_group_finish(aggregation, &group, steps, &result) == TSDB_OK)
              }
            }
          }
          tsdb_cpu_features_forbid(0)
          for step in 0..<steps {
            #expect(isSame(result[step], aggregate(aggregation, rows.map { $0[step] })), "\(number) at \(step)")
          }
        }
      }
      var (quantiles, scratch) = ([Double](repeating: 0, count: steps), [Double](repeating: 0, count: rows.count))
      let phis = (0..<steps).map { _ in random.unit() }
      let flat = rows.flatMap { $0 }
      flat.withUnsafeBufferPointer { flat in
        guard let base = flat.baseAddress, steps > 0 else { return }
        let pointers: [UnsafePointer<Double>?] = rows.indices.map { base + $0 * steps }
        #expect(
          tsdb_rows_quantile(pointers, rows.count, steps, phis, &scratch, scratch.count, &quantiles) == TSDB_OK)
      }
      for step in 0..<steps {
        let values = rows.map { $0[step] }.filter { $0.bitPattern != absentBits }
        let expected = values.isEmpty ? nil : quantileReference(phis[step], values)
        #expect(quantiles[step] == expected || isSame(quantiles[step], expected))
      }
    }
  }

  @Test func joinedGroupsAreNearTheWhole() {
    var random = SplitMix64(seed: 52)
    let rows = (0..<8).map { _ in
      (0..<6).map { _ in random.below(4) == 0 ? Double(bitPattern: absentBits) : random.unit() }
    }
    for number in 0...TSDB_AGGREGATE_STDVAR.rawValue {
      let aggregation = tsdb_aggregation(rawValue: number)
      var memory = [Double](repeating: Double(bitPattern: absentBits), count: 36)
      var result = [Double](repeating: 0, count: 6)
      memory.withUnsafeMutableBufferPointer { memory in
        guard let base = memory.baseAddress else { return }
        var halves = [0, 18].map { tsdb_group_rows(value: base + $0, rest: base + $0 + 6, count: base + $0 + 12) }
        for (i, row) in rows.enumerated() { #expect(tsdb_group_add(aggregation, row, 6, &halves[i / 4]) == TSDB_OK) }
        var (first, second) = (halves[0], halves[1])
        #expect(tsdb_group_join(aggregation, &second, 6, &first) == TSDB_OK)
        #expect(tsdb_group_finish(aggregation, &first, 6, &result) == TSDB_OK)
      }
      for step in 0..<6 {
        let expected = aggregate(aggregation, rows.map { $0[step] })
        #expect(isSame(result[step], expected) || abs(result[step] - (expected ?? .nan)) < 1e-12)
      }
    }
  }

  @Test func arithmeticOfRowsNeedsBothSides() {
    var random = SplitMix64(seed: 53)
    for count in 0..<30 {
      let (left, right) = (Self.row(count, &random), Self.row(count, &random))
      var out = left
      let both = { (i: Int) in left[i].bitPattern != absentBits && right[i].bitPattern != absentBits }
      for (operation, expected) in [
        (TSDB_ADD, { $0 + $1 }), (TSDB_SUBTRACT, { $0 - $1 }), (TSDB_MULTIPLY, { $0 * $1 }),
        (TSDB_DIVIDE, { $0 / $1 }), (TSDB_MODULO, { $0.truncatingRemainder(dividingBy: $1) }),
      ] as [(tsdb_binary, (Double, Double) -> Double)] {
        #expect(tsdb_row_binary(operation, left, right, count, &out) == TSDB_OK)
        for i in 0..<count { #expect(isSame(out[i], both(i) ? expected(left[i], right[i]) : nil)) }
      }
      for (comparison, holds) in [
        (TSDB_EQUAL, { $0 == $1 }), (TSDB_NOT_EQUAL, { $0 != $1 }), (TSDB_GREATER, { $0 > $1 }),
        (TSDB_LESS, { $0 < $1 }), (TSDB_GREATER_OR_EQUAL, { $0 >= $1 }), (TSDB_LESS_OR_EQUAL, { $0 <= $1 }),
      ] as [(tsdb_comparison, (Double, Double) -> Bool)] {
        for result in [TSDB_COMPARISON_KEEPS_LEFT, TSDB_COMPARISON_KEEPS_RIGHT, TSDB_COMPARISON_BOOL] {
          #expect(tsdb_row_compare(comparison, left, right, count, result, &out) == TSDB_OK)
          for i in 0..<count {
            let isTrue = both(i) && holds(left[i], right[i])
            let kept = isTrue ? (result == TSDB_COMPARISON_KEEPS_LEFT ? left[i] : right[i]) : nil
            #expect(isSame(out[i], result == TSDB_COMPARISON_BOOL ? (both(i) ? (isTrue ? 1 : 0) : nil) : kept))
          }
        }
      }
    }
  }

  @Test func specialValuesAreThoseOfPromQL() {
    #expect(tsdb_binary_of(TSDB_POWER, .nan, 0) == 1 && tsdb_binary_of(TSDB_POWER, 1, .nan) == 1)
    #expect(tsdb_binary_of(TSDB_POWER, -1, .infinity) == 1 && tsdb_binary_of(TSDB_POWER, -8, 1.0 / 3).isNaN)
    #expect(tsdb_binary_of(TSDB_POWER, 0, -1) == .infinity && tsdb_binary_of(TSDB_POWER, -0.0, -3) == -.infinity)
    #expect(tsdb_binary_of(TSDB_MODULO, -5, 3) == -2 && tsdb_binary_of(TSDB_MODULO, 5, .infinity) == 5)
    #expect(tsdb_binary_of(TSDB_MODULO, 5, 0).isNaN && tsdb_binary_of(TSDB_MODULO, .infinity, 3).isNaN)
    #expect(tsdb_binary_of(TSDB_MAX_OF, .nan, .infinity) == .infinity && tsdb_binary_of(TSDB_MAX_OF, .nan, 1).isNaN)
    #expect(tsdb_binary_of(TSDB_MIN_OF, .nan, -.infinity) == -.infinity)
    #expect(tsdb_binary_of(TSDB_MIN_OF, 0, -0.0).sign == .minus && tsdb_binary_of(TSDB_MAX_OF, -0.0, 0).sign == .plus)
    #expect(tsdb_unary_of(TSDB_SGN, -3) == -1 && tsdb_unary_of(TSDB_SGN, .nan).isNaN && tsdb_unary_of(TSDB_SGN, 0) == 0)
    #expect(tsdb_unary_of(TSDB_LOG2, 8) == 3 && tsdb_unary_of(TSDB_LOG10, 1000) == 3)
    // As Prometheus has them; the log10 of the C library gives 0.6989700043360189 for 5.
    #expect(tsdb_unary_of(TSDB_LOG10, 5) == 0.6989700043360187 && tsdb_unary_of(TSDB_LOG10, 116) == 2.064457989226918)
    #expect(
      tsdb_unary_of(TSDB_LN, -1).isNaN && tsdb_unary_of(TSDB_LN, 0) == -.infinity
        && tsdb_unary_of(TSDB_LOG2, 0) == -.infinity)
    #expect(tsdb_unary_of(TSDB_LOG2, .infinity) == .infinity && tsdb_unary_of(TSDB_LOG2, -1).isNaN)
    // A NaN whose sign is taken off does not become "no result".
    #expect(tsdb_unary_of(TSDB_ABS, Double(bitPattern: absentBits | 1 << 63)).bitPattern != absentBits)
    #expect(tsdb_unary_of(TSDB_NEGATE, Double(bitPattern: absentBits | 1 << 63)).bitPattern != absentBits)
    var out = [0.0, 0, 0, 0]
    tsdb_row_round([2.5, -2.5, 7.3, .nan], nil, 4, &out)
    #expect(out[0] == 3 && out[1] == -2 && out[2] == 7 && out[3].isNaN)
    tsdb_row_round([123.456, 7, 8, 1], [10, 5, 0, 0.5], 4, &out)
    #expect(out[0] == 120 && out[1] == 5 && out[2].isNaN && out[3] == 1)
    tsdb_row_clamp([5, -5, .nan, 1], [0, 0, 0, 3], [3, 3, 3, 2], 4, &out)
    #expect(out[0] == 3 && out[1] == 0 && out[2].isNaN && isSame(out[3], nil))
    tsdb_row_clamp([5, -5, .nan, 1], nil, [3, 3, -.infinity, 2], 4, &out)
    #expect(out[0] == 3 && out[1] == -5 && out[2] == -.infinity && out[3] == 1)
  }

  /// Dates against a calendar that is counted day by day.
  @Test func datePartsFollowTheCalendar() {
    var (year, month, day, dayOfYear, weekday) = (1599, 1, 1, 1, 5)
    func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    func length(_ year: Int, _ month: Int) -> Int {
      month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }
    var seconds = -Double((1970 - 1599) * 365 + (1599..<1970).filter(isLeap).count) * 86_400
    for _ in 0..<170_000 {
      let now = seconds + 12_345
      #expect(tsdb_unary_of(TSDB_YEAR, now) == Double(year) && tsdb_unary_of(TSDB_MONTH, now) == Double(month))
      #expect(
        tsdb_unary_of(TSDB_DAY_OF_MONTH, now) == Double(day)
          && tsdb_unary_of(TSDB_DAY_OF_YEAR, now) == Double(dayOfYear))
      #expect(tsdb_unary_of(TSDB_DAY_OF_WEEK, now) == Double(weekday))
      #expect(tsdb_unary_of(TSDB_DAYS_IN_MONTH, now) == Double(length(year, month)))
      seconds += 86_400
      (day, dayOfYear, weekday) = (day + 1, dayOfYear + 1, (weekday + 1) % 7)
      if day > length(year, month) { (day, month) = (1, month + 1) }
      if month > 12 { (month, year, dayOfYear) = (1, year + 1, 1) }
    }
    #expect(tsdb_unary_of(TSDB_HOUR, 12_345) == 3 && tsdb_unary_of(TSDB_MINUTE, 12_345.9) == 25)
    #expect(tsdb_unary_of(TSDB_HOUR, -1) == 23 && tsdb_unary_of(TSDB_MINUTE, -1) == 59)
    // What int64 does not hold is one and the same date.
    #expect(tsdb_unary_of(TSDB_YEAR, .nan) == tsdb_unary_of(TSDB_YEAR, 1e300))
  }

  @Test func presenceAndScalars() {
    let absent = Double(bitPattern: absentBits)
    var present: [UInt8] = [0, 0, 0]
    tsdb_row_mark_present([1, absent, absent], 3, &present)
    tsdb_row_mark_present([absent, .nan, absent], 3, &present)
    var row = [0.0, 0, 0]
    tsdb_row_absent_of(present, 3, &row)
    #expect(isSame(row[0], nil) && isSame(row[1], nil) && row[2] == 1)
    #expect(tsdb_row_present_count([1, absent, .nan], 3) == 2)
    var state: [UInt8] = [0, 0, 0]
    tsdb_row_scalar_add([1, 2, absent], 3, &row, &state)
    tsdb_row_scalar_add([absent, 3, absent], 3, &row, &state)
    tsdb_row_scalar_finish(&row, 3, state)
    #expect(row[0] == 1 && row[1].isNaN && row[2].isNaN && row[2].bitPattern != absentBits)
    var out = [0.0, 0, 0]
    tsdb_row_and([1, 2, 3], [absent, 5, absent], 3, &out)
    #expect(isSame(out[0], nil) && out[1] == 2)
    tsdb_row_unless([1, 2, 3], [absent, 5, absent], 3, &out)
    #expect(out[0] == 1 && isSame(out[1], nil) && out[2] == 3)
    tsdb_row_or([1, absent, absent], [7, 8, absent], 3, &out)
    #expect(out[0] == 1 && out[1] == 8 && isSame(out[2], nil))
  }
}
