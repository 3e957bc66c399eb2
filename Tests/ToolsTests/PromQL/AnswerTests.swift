// How answers of the query API look as tables, CSV and plots.
import TSModel
import TestSupport
import Testing

@testable import Tools

@Suite struct AnswerTests {
  private static func answer(_ type: String, _ result: String, _ more: String = "") throws -> QueryAnswer {
    let json = #"{"status":"success","data":{"resultType":"\#(type)","result":\#(result)}\#(more)}"#
    return try QueryAnswer(status: 200, body: Array(json.utf8))
  }

  private static func table(_ answer: QueryAnswer, limit: Int = 0, stepMs: Int64? = nil) -> String {
    var out = TextBuffer()
    AnswerTable(answer: answer, seriesMax: limit, stepMs: stepMs).write(to: &out)
    return out.text
  }

  private static func csv(_ answer: QueryAnswer) -> String {
    var out = TextBuffer()
    AnswerTable(answer: answer).writeCSV(to: &out)
    return out.text
  }

  private static func plot(
    _ answer: QueryAnswer, limit: Int = 10, times: ClosedRange<Int64>? = nil, stepMs: Int64? = nil,
    colored: Bool = false
  ) -> String {
    var out = TextBuffer()
    AnswerPlot(
      answer: answer, columnCount: 40, rowCount: 6, seriesMax: limit, timesMs: times, stepMs: stepMs,
      isColored: colored
    ).write(to: &out)
    return out.text
  }

  private static let vector = #"""
    [{"metric":{"__name__":"up","job":"a","instance":"h\u00e9:1"},"value":[1748736000.5,"1"]},
    {"metric":{"__name__":"my.metric","label.name":"\" \\ \n \u001b[31m \u202e"},"value":[1748736000.5,"-12345.678"]},
    {"metric":{},"value":[1748736000.5,"NaN"]},{"metric":{"__name__":"x:y"},"value":[1748736000.5,"+Inf"]}]
    """#

  private static let matrix = #"""
    [{"metric":{"__name__":"m","a":"x,y"},"values":[[0,"1"],[60,"2.5"],[120,"NaN"],[300,"+Inf"],[360,"10"]]},
    {"metric":{"__name__":"m","a":"2","b":"q\""},"values":[[0,"7"],[120,"8"]],"histograms":[[60,{"count":"1","sum":"2"}]]},
    {"metric":{"c":"z"},"values":[[0.5,"0"]]}]
    """#

  @Test func vectors() throws {
    let answer = try Self.answer("vector", Self.vector, #","warnings":["w"],"infos":["i","j"]"#)
    #expect(answer.warnings == ["w"] && answer.infos == ["i", "j"])
    #expect(
      Self.table(answer) == #"""
        series                                                 value at 2025-06-01T00:00:00.5Z
        up{instance="hé:1",job="a"}                                                          1
        {"my.metric","label.name"="\" \\ \n \x1b[31m \u202e"}                       -12345.678
        {}                                                                                 NaN
        x:y                                                                               +Inf

        """#)
    #expect(
      Self.table(answer, limit: 1) == """
        series                       value at 2025-06-01T00:00:00.5Z
        up{instance="hé:1",job="a"}                                1
        … 3 more series (--limit=0 shows all)

        """)
    #expect(Self.table(try Self.answer("vector", "[]")) == "")
  }

  @Test func histogramsHaveTheirBounds() throws {
    let answer = try Self.answer(
      "vector",
      #"[{"metric":{"__name__":"h"},"histogram":[60,{"count":"10","sum":"5.5","buckets":[[1,"-2","-1","1"],"#
        + #"[3,"-0.5","0.5","2"],[0,"1","2","3"],[2,"2","+Inf","4"]]}]},{"metric":{"__name__":"up"},"value":[60,"1"]}]"#
    )
    #expect(
      Self.table(answer) == """
        series  value at 1970-01-01T00:01:00Z
        h       {count:10, sum:5.5, [-2,-1):1, [-0.5,0.5]:2, (1,2]:3, (2,+Inf):4}
        up      1

        """)
  }

  @Test func scalarsAndStrings() throws {
    let scalar = try Self.answer("scalar", #"[1.25,"NaN"]"#)
    #expect(Self.table(scalar) == "scalar at 1970-01-01T00:00:01.25Z\nNaN\n")
    #expect(Self.csv(scalar) == "timestamp,value\n1970-01-01T00:00:01.25Z,NaN\n")
    #expect(Self.plot(scalar) == Self.table(scalar))
    let string = try Self.answer("string", #"[-1,"a,\u001b\n"]"#)
    #expect(Self.table(string) == "string at 1969-12-31T23:59:59Z\na,\\x1b\\n\n")
    #expect(Self.csv(string) == "timestamp,value\n1969-12-31T23:59:59Z,\"a,\u{1b}\n\"\n")
  }

  @Test func matricesShowGaps() throws {
    let answer = try Self.answer("matrix", Self.matrix)
    #expect(
      Self.table(answer, stepMs: 60_000) == #"""
        m{a="x,y"}
          1970-01-01T00:00:00Z     1
          1970-01-01T00:01:00Z   2.5
          1970-01-01T00:02:00Z   NaN
          …
          1970-01-01T00:05:00Z  +Inf
          1970-01-01T00:06:00Z    10

        m{a="2",b="q\""}
          1970-01-01T00:00:00Z  7
          1970-01-01T00:01:00Z  {count:1, sum:2}
          1970-01-01T00:02:00Z  8

        {c="z"}
          1970-01-01T00:00:00.5Z  0

        """#)
    // Of a range vector nobody knows how far apart its samples should be.
    #expect(!Self.table(answer).contains("…"))
    #expect(Self.table(answer, limit: 2).hasSuffix("8\n\n… 1 more series (--limit=0 shows all)\n"))
  }

  @Test func csvHasAllLabelsOfAllSeries() throws {
    #expect(
      Self.csv(try Self.answer("matrix", Self.matrix)) == #"""
        __name__,a,b,c,timestamp,value
        m,"x,y",,,1970-01-01T00:00:00Z,1
        m,"x,y",,,1970-01-01T00:01:00Z,2.5
        m,"x,y",,,1970-01-01T00:02:00Z,NaN
        m,"x,y",,,1970-01-01T00:05:00Z,+Inf
        m,"x,y",,,1970-01-01T00:06:00Z,10
        m,2,"q""",,1970-01-01T00:00:00Z,7
        m,2,"q""",,1970-01-01T00:01:00Z,"{count:1, sum:2}"
        m,2,"q""",,1970-01-01T00:02:00Z,8
        ,,,z,1970-01-01T00:00:00.5Z,0

        """#)
  }

  private static let line = #"""
    [{"metric":{"__name__":"m"},"values":[[0,"0"],[60,"5"],[120,"10"],[180,"5"],[240,"0"],[420,"10"],[480,"10"],
    [540,"NaN"],[600,"2"]]}]
    """#

  @Test func aLineStopsAtGaps() throws {
    let answer = try Self.answer("matrix", Self.line)
    #expect(
      Self.plot(answer, times: 0...600_000, stepMs: 60_000) == """
        10 ┤      ⡰⠱⡀                ⠉⠉⠉⠉
           │     ⡰⠁ ⠑⡄
           │    ⡜    ⠘⡄
         5 ┤  ⢀⠎      ⠈⢆
           │ ⢠⠃         ⢣                      ⠠
         0 ┤⡰⠁           ⠱⡀
           └┬─────────────────┬────────────────┬
          00:00             00:05          00:10
        1970-01-01T00:00:00Z to 1970-01-01T00:10:00Z, step 1m0s

        min  max  last  series
          0   10     2  m
        not drawn: 1 value, NaN or infinite

        """)
    // A step of five minutes would join what is three apart.
    #expect(
      Self.plot(answer, times: 0...600_000, stepMs: 300_000) == """
        10 ┤      ⡰⠱⡀              ⢀⠔⠉⠉⠉⠉
           │     ⡰⠁ ⠑⡄           ⢀⠔⠁
           │    ⡜    ⠘⡄        ⢀⠔⠁
         5 ┤  ⢀⠎      ⠈⢆      ⡠⠊
           │ ⢠⠃         ⢣   ⡠⠊                 ⠠
         0 ┤⡰⠁           ⠱⡠⠊
           └┬─────────────────┬────────────────┬
          00:00             00:05          00:10
        1970-01-01T00:00:00Z to 1970-01-01T00:10:00Z, step 5m0s

        min  max  last  series
          0   10     2  m
        not drawn: 1 value, NaN or infinite

        """)
  }

  private static let lines = #"""
    [{"metric":{"n":"1"},"values":[[0,"0"],[300,"2000000"],[600,"0"]]},
    {"metric":{"n":"2"},"values":[[0,"1000000"],[300,"1000000"],[600,"1500000"]]},
    {"metric":{"n":"h"},"histograms":[[60,{"count":"1","sum":"2"}]]}]
    """#

  @Test func severalLines() throws {
    let answer = try Self.answer("matrix", Self.lines)
    #expect(
      Self.plot(answer, times: 0...600_000, stepMs: 300_000) == """
        2M ┤                 aaa
           │             aaaa   aaaa       bbbbb
           │         aaaa          bbbbbbbb
        1M ┤bbbbbbbbbbbbbbbbbbbbbbb    aaa
           │  aaaa                        aaaa
         0 ┤aa                                aa
           └┬─────────────────┬────────────────┬
          00:00             00:05          00:10
        1970-01-01T00:00:00Z to 1970-01-01T00:10:00Z, step 5m0s

               min      max     last  series
        a        0  2000000        0  {n="1"}
        b  1000000  1500000  1500000  {n="2"}
        not drawn: 1 histogram; histogram_quantile() and its like make numbers of them

        """)
    #expect(
      Self.plot(answer, limit: 1, times: 0...600_000, stepMs: 300_000).hasSuffix(
        """
        min      max  last  series
          0  2000000     0  {n="1"}
        … 1 more series (--limit=0 draws all)
        not drawn: 1 histogram; histogram_quantile() and its like make numbers of them

        """))
    let colored = Self.plot(answer, times: 0...600_000, stepMs: 300_000, colored: true)
    #expect(colored.contains("\u{1B}[36m━━\u{1B}[0m        0  2000000        0  {n=\"1\"}\n"))
    #expect(colored.contains("\u{1B}[33m") && colored.unicodeScalars.contains { (0x2800...0x28FF).contains($0.value) })
  }

  @Test func bars() throws {
    let answer = try Self.answer(
      "vector",
      #"[{"metric":{"n":"1"},"value":[60,"10"]},{"metric":{"n":"2"},"value":[60,"-5"]},{"metric":{"n":"3"},"value":[60,"0"]},"#
        + #"{"metric":{"n":"4"},"value":[60,"3.3"]},{"metric":{"n":"5"},"value":[60,"NaN"]}]"#)
    #expect(
      Self.plot(answer) == """
        {n="1"}   10           █████████████████
        {n="2"}   -5  █████████
        {n="3"}    0
        {n="4"}  3.3           █████▊
        not drawn: 1 value, NaN or infinite

        """)
    #expect(Self.plot(try Self.answer("vector", "[]")) == "")
  }

  @Test func errorsSayWhatToDo() throws {
    func text(_ status: Int, _ body: String) -> String {
      do {
        _ = try QueryAnswer(status: status, body: Array(body.utf8))
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      text(422, #"{"status":"error","errorType":"execution","error":"multiple matches"}"#)
        == "execution: multiple matches")
    #expect(
      text(503, #"{"status":"error","errorType":"timeout","error":"query timed out"}"#)
        == "timeout: query timed out\n  Allow more by --timeout, or ask for fewer series, a shorter range or a larger step."
    )
    #expect(
      text(404, "<html>\u{1b}\nnothing") == "status 404 with \"<html>\\x1b\", which is no answer of the query API\n"
        + "  Is the URL that of the server, with its prefix, as a browser has it before /api/v1/query?")
    #expect(text(401, "").hasPrefix("status 401 with no text, which is no answer of the query API\n  Credentials"))
    #expect(
      text(500, #"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#).hasPrefix("status 500: "))
  }

  @Test(
    arguments: [
      #"{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}"#,
      #"{"resultType":"vector","result":[{"metric":{},"value":["1","1"]}]}"#,
      #"{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}"#,
      #"{"resultType":"vector","result":[{"metric":{},"value":[1]}]}"#,
      #"{"resultType":"vector","result":[{"metric":[],"value":[1,"1"]}]}"#,
      #"{"resultType":"vector","result":[7]}"#, #"{"resultType":"vector","result":{}}"#,
      #"{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"1"}]]}]}"#,
      #"{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"count":"1","sum":"1","buckets":[[]]}]]}]}"#,
      #"{"resultType":"tensor","result":[]}"#, #"[]"#, "null",
    ])
  func whatIsNoAnswerIsRefused(data: String) {
    #expect(throws: ForeignAnswer.self) {
      _ = try QueryAnswer(status: 200, body: Array(#"{"status":"success","data":\#(data)}"#.utf8))
    }
  }

  @Test func scalesHoldAllValues() {
    var random = SplitMix64(seed: 11)
    let odd = [
      0, 1, -1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNormalMagnitude / 128, 9999.5, 1e15,
    ]
    for round in 0..<20_000 {
      func value() -> Double {
        if round % 3 == 0 { return odd[Int(random.next() % UInt64(odd.count))] }
        let any = Double(bitPattern: random.next())
        return round % 3 == 1 ? Double(Int64(truncatingIfNeeded: random.next()) >> 30) / 1000 : any.isFinite ? any : 0
      }
      let (a, b) = (value(), value())
      let scale = ValueScale(min(a, b)...max(a, b), markCount: 5)
      #expect((-1e-9...1 + 1e-9).contains(scale.place(a)) && (-1e-9...1 + 1e-9).contains(scale.place(b)), "\(a) \(b)")
      #expect((1...16).contains(scale.marks.count), "\(a) \(b): \(scale.marks)")
      #expect(scale.marks.allSatisfy { scale.text($0).count < 25 })
    }
    let scale = ValueScale(0.1...0.9, markCount: 5)
    #expect(scale.marks.map(scale.text) == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    let small = ValueScale(0.000_1...0.000_4, markCount: 3)
    #expect(small.marks.map(small.text) == ["100µ", "200µ", "300µ", "400µ"])
  }

  @Test func timesAreMarkedWhereClocksStrike() {
    func marks(_ spanMs: Int64) -> [String] {
      let scale = TimeScale(startMs: 1_748_736_030_000, endMs: 1_748_736_030_000 + spanMs, markCount: 4)
      return scale.marks.map(scale.text)
    }
    #expect(marks(0) == ["00:00:30"])
    #expect(marks(40_000) == ["00:00:30", "00:00:40", "00:00:50", "00:01:00", "00:01:10"])
    #expect(marks(3_600_000) == ["00:15", "00:30", "00:45", "01:00"])
    #expect(marks(3 * 86_400_000) == ["06-02", "06-03", "06-04"])
    #expect(marks(86_400_000 * 3 / 2) == ["06-01 12:00", "06-02 00:00", "06-02 12:00"])
    #expect(marks(200 * 86_400_000) == ["2025-06-05", "2025-08-28", "2025-11-20"])
    let all = TimeScale(startMs: -1_000_000_000_000_000_000, endMs: 1_000_000_000_000_000_000, markCount: 4)
    #expect((1...6).contains(all.marks.count))
  }

  @Test func timesAndStepsOfFlags() throws {
    func time(_ text: String) throws -> Int64 { try Question.timeMs(text, flag: "time", nowMs: 10_000) }
    #expect(try time("now") == 10_000)
    #expect(try time("1748736000.25") == 1_748_736_000_250)
    #expect(try time("-1h") == 10_000 - 3_600_000)
    #expect(try time("5m") == 310_000)
    #expect(try time("2025-06-01T02:00:00+02:00") == 1_748_736_000_000)
    for text in ["", "yesterday", "nan", "inf", "1e300", "2025-06-01"] {
      #expect(throws: QuerySourceError.self, "\(text)") { _ = try time(text) }
    }
    #expect(try Question.stepMs("15") == 15_000)
    #expect(try Question.stepMs("1m30s") == 90_000)
    #expect(try Question.stepMs("0.5") == 500)
    for text in ["0", "-1", "", "x", "nan", "1e300"] {
      #expect(throws: QuerySourceError.self, "\(text)") { _ = try Question.stepMs(text) }
    }
    #expect(secondsText(ms: -1_050) == "-1.05" && secondsText(ms: 1000) == "1" && secondsText(ms: 7) == "0.007")
  }

  @Test func formsAreEscaped() {
    let form = QueryForm(endpoint: "query", parameters: [("query", "a+b{c=\"é&\"}"), ("time", "-1.5")])
    #expect(form.encoded == "query=a%2Bb%7Bc%3D%22%C3%A9%26%22%7D&time=-1.5")
  }
}
