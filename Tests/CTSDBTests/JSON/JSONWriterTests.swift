import CTSDB
import TestSupport
import Testing

@Suite struct JSONWriterTests {
  private func text(_ value: Double, _ format: tsdb_float_format = TSDB_FLOAT_JSON) -> String {
    var bytes = [UInt8](repeating: 0, count: Int(TSDB_FLOAT_PLAIN_BOUND))
    var size = 0
    #expect(tsdb_float_text(value, format, &bytes, bytes.count, &size) == TSDB_OK)
    return String(decoding: bytes.prefix(size), as: UTF8.self)
  }

  @Test func knownNumbers() {
    let values: [(Double, String, String, String, String)] = [
      (0, "0", "0", "0", "0e+00"), (-0.0, "-0", "-0", "-0", "-0e+00"), (1, "1", "1", "1", "1e+00"),
      (0.1, "0.1", "0.1", "0.1", "1e-01"), (1e-7, "1e-07", "0.0000001", "1e-07", "1e-07"),
      (1e-6, "0.000001", "0.000001", "1e-06", "1e-06"), (42, "42", "42", "42", "4.2e+01"),
      (1e20, "100000000000000000000", "100000000000000000000", "1e+20", "1e+20"),
      (1e21, "1e+21", "1000000000000000000000", "1e+21", "1e+21"),
      (123456789, "123456789", "123456789", "1.23456789e+08", "1.23456789e+08"),
      (.leastNonzeroMagnitude, "5e-324", "0." + String(repeating: "0", count: 323) + "5", "5e-324", "5e-324"),
      (.nan, "NaN", "NaN", "NaN", "NaN"), (.infinity, "+Inf", "+Inf", "+Inf", "+Inf"),
      (-.infinity, "-Inf", "-Inf", "-Inf", "-Inf"),
      (9007199254740992, "9007199254740992", "9007199254740992", "9.007199254740992e+15", "9.007199254740992e+15"),
      (-1.5, "-1.5", "-1.5", "-1.5", "-1.5e+00"), (0.0001, "0.0001", "0.0001", "0.0001", "1e-04"),
    ]
    for (value, json, plain, general, exponent) in values {
      #expect(text(value) == json)
      #expect(text(value, TSDB_FLOAT_PLAIN) == plain)
      #expect(text(value, TSDB_FLOAT_GENERAL) == general)
      #expect(text(value, TSDB_FLOAT_EXPONENT) == exponent)
    }
  }

  /// As many digits as Swift's own shortest text, and the same number when read again.
  @Test func textsAreShortestAndReadBack() {
    var random = SplitMix64(seed: 21)
    for i in 0..<40_000 {
      var value = Double(bitPattern: random.next())
      if i % 4 == 1 { value = random.unit() * 1000 }
      if i % 4 == 2 { value = Double(random.next() >> UInt64(i % 60)) }
      if i % 4 == 3 { value = Double(random.below(100_000)) / 100 }
      if !value.isFinite { continue }
      for format in [TSDB_FLOAT_JSON, TSDB_FLOAT_EXPONENT] {
        let written = text(value, format)
        #expect(Double(written)?.bitPattern == value.bitPattern, "\(written)")
        #expect(significantDigits(written) == significantDigits("\(value)"), "\(written) and \(value)")
      }
    }
  }

  private func significantDigits(_ text: String) -> String {
    let digits = text.prefix { $0 != "e" }.filter(\.isNumber).drop { $0 == "0" }
    return String(String(digits.reversed().drop { $0 == "0" }).reversed())
  }

  @Test func everyPowerOfTenHasOneDigit() {
    // Each uses another entry of the table of powers.
    for exponent in -323...308 {
      guard let value = Double("1e\(exponent)") else { continue }
      let digits = text(value, TSDB_FLOAT_EXPONENT).prefix { $0 != "e" }
      #expect(digits == "1" || exponent < -308, "1e\(exponent)")
    }
  }

  @Test func knownTimestamps() {
    let values: [(Int64, String)] = [
      (0, "0"), (1, "0.001"), (999, "0.999"), (1000, "1"), (-1, "-0.001"), (-1500, "-1.500"),
      (1_435_781_451_780, "1435781451.780"), (.max, "9223372036854775.807"), (.min, "-9223372036854775.808"),
    ]
    for (value, expected) in values {
      var bytes = [UInt8](repeating: 0, count: Int(TSDB_JSON_TIMESTAMP_BOUND))
      var size = 0
      #expect(tsdb_json_timestamp(value, &bytes, bytes.count, &size) == TSDB_OK)
      #expect(String(decoding: bytes.prefix(size), as: UTF8.self) == expected)
    }
  }

  private func string(_ bytes: [UInt8], isText: Bool) -> String? {
    var out = [UInt8](repeating: 0, count: tsdb_json_string_bound(bytes.count))
    var size = 0
    guard tsdb_json_string(bytes, bytes.count, isText, &out, out.count, &size) == TSDB_OK else { return nil }
    // Exactly so much is needed.
    var exact = [UInt8](repeating: 0, count: size)
    var again = 0
    #expect(tsdb_json_string(bytes, bytes.count, isText, &exact, size, &again) == TSDB_OK)
    #expect(tsdb_json_string(bytes, bytes.count, isText, &exact, size - 1, &again) == TSDB_ERR_CAPACITY)
    return String(decoding: out.prefix(size), as: UTF8.self)
  }

  @Test func stringsAreEscapedAsTheirKindDemands() {
    #expect(string(Array("plain text of some length".utf8), isText: false) == #""plain text of some length""#)
    #expect(
      string(Array("a\"b\\c\n\r\t\u{1}\u{1f}\u{7f}<é>&".utf8), isText: false)
        == "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\u{7f}<é>&\"")
    #expect(
      string(Array("<é>&\u{2028}\u{2029}\u{8}".utf8), isText: true) == #""\u003cé\u003e\u0026\u2028\u2029\u0008""#)
    #expect(string([0x61, 0xFF, 0xC0, 0xE2, 0x80], isText: true) == #""a\ufffd\ufffd\ufffd\ufffd""#)
    for byte in 0..<32 as Range<UInt8> {
      // At every place of a word of eight.
      for place in 0..<9 {
        var bytes = [UInt8](repeating: 0x61, count: 9)
        bytes[place] = byte
        #expect(string(bytes, isText: false)?.contains("\\") == true)
      }
    }
  }

  @Test func seriesAreWrittenWholeAndInPieces() {
    let labels = LabelSetTests.encode([("__name__", "up"), ("job", "no\"de")])
    let row = [1, Double(bitPattern: absentBits), 0.25, .nan, -3e-9]
    var grid = tsdb_step_grid(first_ms: 1_435_781_430_781, step_ms: 500, count: row.count)
    var times = [UInt8](repeating: 0, count: row.count * Int(TSDB_JSON_TIME_SIZE))
    #expect(tsdb_json_times(&grid, &times) == TSDB_OK)
    let points = #"[1435781430.781,"1"],[1435781431.781,"0.25"],[1435781432.281,"NaN"],[1435781432.781,"-3e-09"]"#
    var out = [UInt8](repeating: 0, count: tsdb_json_series_bound(labels.count, row.count))
    var size = 0
    #expect(tsdb_json_series(labels, labels.count, row, times, row.count, &out, out.count, &size) == TSDB_OK)
    #expect(
      String(decoding: out.prefix(size), as: UTF8.self)
        == #"{"metric":{"__name__":"up","job":"no\"de"},"values":["# + points + "]}")
    for capacity in [0, 127, 128, 150, 200] {
      var (step, isFirst, written) = (0, true, "")
      while step < row.count {
        var piece = [UInt8](repeating: 0, count: capacity + 1)
        let before = step
        #expect(tsdb_json_points(row, times, row.count, &step, &isFirst, &piece, capacity, &size) == TSDB_OK)
        #expect(size <= capacity)
        written += String(decoding: piece.prefix(size), as: UTF8.self)
        if step == before { break }
      }
      #expect(written == (capacity < 128 ? "" : points))
    }
    let none = [Double](repeating: Double(bitPattern: absentBits), count: row.count)
    #expect(tsdb_json_series(labels, labels.count, none, times, row.count, &out, out.count, &size) == TSDB_OK)
    #expect(String(decoding: out.prefix(size), as: UTF8.self) == #"{"metric":{"__name__":"up","job":"no\"de"}}"#)
    var (index, isFirst) = (0, true)
    let samples: [Int64] = [-1500, 0]
    #expect(tsdb_json_samples(samples, [1, 2], 2, &index, &isFirst, &out, out.count, &size) == TSDB_OK)
    #expect(String(decoding: out.prefix(size), as: UTF8.self) == #"[-1.500,"1"],[0,"2"]"#)
  }
}
