// Names as prometheus/otlptranslator 1.0.0 makes them: cases of its own tests.
import StoreAPI
import TSModel
import Testing

@Suite struct OTLPNamesTests {
  private struct Case {
    var name: String
    var unit = ""
    var kind = OTLPNames.Kind.gauge
    var want: String
    var strategy = OTLPNames.Strategy.underscoreEscapingWithSuffixes
  }

  @Test func metrics() throws {
    let plain = OTLPNames.Strategy.underscoreEscapingWithoutSuffixes
    let utf8 = OTLPNames.Strategy.noUTF8EscapingWithSuffixes
    let cases = [
      Case(name: "simple_metric", want: "simple_metric", strategy: plain),
      Case(name: "metric@with#special$chars", want: "metric_with_special_chars", strategy: plain),
      Case(name: "123metric", want: "_123metric", strategy: plain),
      Case(name: "metric@@##$$name", want: "metric_name", strategy: plain),
      Case(name: "___", want: "___", strategy: plain),
      Case(name: "requests", kind: .monotonicCounter, want: "requests_total"),
      Case(name: "requests_total", kind: .monotonicCounter, want: "requests_total"),
      Case(name: "cpu_usage", unit: "1", want: "cpu_usage_ratio"),
      Case(name: "cpu_usage_ratio", unit: "1", want: "cpu_usage_ratio"),
      Case(name: "items", unit: "1", kind: .monotonicCounter, want: "items_total"),
      Case(name: "response_time", unit: "ms", want: "response_time_milliseconds"),
      Case(name: "response_time_seconds", unit: "s", want: "response_time_seconds"),
      Case(name: "memory_usage", unit: "By", kind: .other, want: "memory_usage_bytes"),
      Case(name: "requests", unit: "1/s", want: "requests_per_second"),
      Case(name: "requests", unit: "1/mo", want: "requests_per_month"),
      Case(name: "throughput", unit: "By/s", want: "throughput_bytes_per_second"),
      Case(name: "metric", unit: " By / s ", want: "metric_bytes_per_second"),
      Case(name: "metric", unit: "By/", want: "metric_bytes"),
      Case(name: "metric", unit: "/", want: "metric"),
      Case(name: "custom_metric", unit: "custom_unit", want: "custom_metric_custom_unit"),
      Case(name: "custom_metric", unit: "{custom}", want: "custom_metric"),
      Case(name: "custom_metric", unit: "By/{custom}", want: "custom_metric_bytes"),
      Case(name: "custom", unit: "1/custom_unit", want: "custom_per_custom_unit"),
      Case(
        name: "metric__with__multiple__underscores", unit: "unit__multiple__underscores",
        want: "metric_with_multiple_underscores_unit_multiple_underscores"),
      Case(
        name: "custom_metric", unit: "unit@with#special/chars", want: "custom_metric_unit_with_special_per_chars"),
      Case(name: "http.request.duration", unit: "ms", kind: .other, want: "http_request_duration_milliseconds"),
      Case(name: "http.request.duration", unit: "ms", want: "http.request.duration", strategy: .noTranslation),
      Case(name: "cpu_seconds_total", unit: "s", kind: .monotonicCounter, want: "cpu_seconds_total", strategy: utf8),
      Case(
        name: "otelcol_process_cpu_seconds", unit: "s", kind: .monotonicCounter,
        want: "otelcol_process_cpu_seconds_total", strategy: utf8),
      Case(name: "cpu_usagé", unit: "1", want: "cpu_usagé_ratio", strategy: utf8),
      Case(name: "requêsts", unit: "1/s", want: "requêsts_per_second", strategy: utf8),
      Case(name: "@#$%", kind: .monotonicCounter, want: "@#$%_total", strategy: utf8),
    ]
    for one in cases {
      let names = OTLPNames(strategy: one.strategy)
      #expect(try names.metric(one.name, unit: one.unit, kind: one.kind) == one.want, "\(one.name) in \(one.unit)")
    }
  }

  @Test func namesOfWhichNothingIsLeft() {
    func message(_ name: String, _ strategy: OTLPNames.Strategy) -> String? {
      do throws(ModelError) {
        _ = try OTLPNames(strategy: strategy).metric(name, unit: "", kind: .gauge)
        return nil
      } catch { return error.message }
    }
    #expect(
      message("@#$%", .underscoreEscapingWithSuffixes) == #"normalization for metric "@#$%" resulted in empty name"#)
    #expect(
      message("@_#_$_%", .underscoreEscapingWithoutSuffixes)
        == #"normalization for metric "@_#_$_%" resulted in invalid name "_____""#)
  }

  @Test func units() {
    let names = OTLPNames()
    for (unit, want) in [
      ("s", "seconds"), ("By/s", "bytes_per_second"), ("1", ""), ("%", "percent"), ("1/m", "per_minute"),
      ("unit__multiple__underscores", "unit_multiple_underscores"), ("{packet}", ""), ("Cel", "celsius"),
    ] { #expect(names.unit(unit, escapes: true) == want, "\(unit)") }
  }

  @Test func labels() throws {
    // Without and with several underscores in a row, and a single one at the begin.
    let (one, many) = (
      OTLPNames(prefixesUnderscores: false, keepsUnderscores: false), OTLPNames(prefixesUnderscores: true)
    )
    for (label, first, second) in [
      ("label:with:colons", "label_with_colons", "label_with_colons"),
      ("label!with&special$chars)", "label_with_special_chars_", "label_with_special_chars_"),
      ("123label", "key_123label", "key_123label"), (".foo", "_foo", "key_foo"),
      ("label__with__double__underscores", "label_with_double_underscores", "label__with__double__underscores"),
      ("label.name__with&&special##chars", "label_name_with_special_chars", "label_name__with__special__chars"),
      ("__reserved__label__name__", "__reserved_label_name__", "__reserved__label__name__"),
      ("__label_starting_with_2underscores", "_label_starting_with_2underscores", "__label_starting_with_2underscores"),
      ("label_with_foreign_characters_字符", "label_with_foreign_characters_", "label_with_foreign_characters___"),
    ] {
      #expect(try one.label(label) == first)
      #expect(try many.label(label) == second)
      #expect(try OTLPNames(strategy: .noTranslation).label(label) == label)
    }
    for label in ["", "__", "ようこそ"] {
      #expect(throws: ModelError.self) { try one.label(label) }
      #expect(throws: ModelError.self) { try many.label(label) }
    }
    #expect(throws: ModelError.self) { try OTLPNames(strategy: .noTranslation).label("__") }
  }
}
