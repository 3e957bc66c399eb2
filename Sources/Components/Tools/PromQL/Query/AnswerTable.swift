// Answers as tables for people, and as CSV for programs.

/// Writes an answer as text.
struct AnswerTable {
  let answer: QueryAnswer
  /// The most series that are shown; 0: all.
  var seriesMax = 0
  /// Milliseconds between the steps of a range query: points further apart have a gap between them.
  var stepMs: Int64?

  /// The table.
  func write(to out: inout TextBuffer) {
    switch answer.result {
    case .scalar(let point):
      writePoint("scalar", point.timeMs, point.value.text, to: &out)
    case .string(let timeMs, let text):
      writePoint("string", timeMs, printable(text), to: &out)
    case .vector(let series):
      guard let first = series.first?.points.first else { return }
      // Histograms are long: they stand to the left.
      let hasHistograms = shown(series).contains { $0.points.first?.value.number == nil }
      var table = Table([
        ("series", .left), ("value at \(timeText(ms: first.timeMs))", hasHistograms ? .left : .right),
      ])
      for one in shown(series) { table.add([one.name, one.points.first?.value.text ?? ""]) }
      out.append(table.text)
      writeRest(series, to: &out)
    case .matrix(let series):
      for (index, one) in shown(series).enumerated() {
        if index > 0 { out.append("\n") }
        write(one, to: &out)
      }
      if shown(series).count < series.count { out.append("\n") }
      writeRest(series, to: &out)
    }
  }

  private func shown(_ series: [QueryAnswer.Series]) -> ArraySlice<QueryAnswer.Series> {
    seriesMax > 0 ? series.prefix(seriesMax) : series[...]
  }

  private func writeRest(_ series: [QueryAnswer.Series], to out: inout TextBuffer) {
    let count = series.count - shown(series).count
    if count > 0 { out.append("\(moreSeries(count)) (--limit=0 shows all)\n") }
  }

  private func writePoint(_ heading: String, _ timeMs: Int64, _ text: String, to out: inout TextBuffer) {
    var table = Table([("\(heading) at \(timeText(ms: timeMs))", .left)])
    table.add([text])
    out.append(table.text)
  }

  /// A series with its points below it, each gap a line of its own.
  private func write(_ series: QueryAnswer.Series, to out: inout TextBuffer) {
    out.append("\(series.name)\n")
    let times = series.points.map { timeText(ms: $0.timeMs) }
    let timeWidth = times.map(\.count).max() ?? 0
    // Histograms are long: they do not push numbers to the right.
    let width = series.points.map { $0.value.number == nil ? 0 : $0.value.text.count }.max() ?? 0
    for (index, point) in series.points.enumerated() {
      if let stepMs, index > 0, point.timeMs - series.points[index - 1].timeMs > stepMs { out.append("  …\n") }
      let text = point.value.text
      out.append("  \(times[index])")
      let blanks = timeWidth - times[index].count + 2 + max(0, width - text.count)
      out.append(String(repeating: " ", count: point.value.number == nil ? 2 : blanks))
      out.append("\(text)\n")
    }
  }

  /// One line a sample: the labels of all series in the order of their names, the time, the value.
  func writeCSV(to out: inout TextBuffer) {
    var names = Set<String>()
    for series in answer.series { for label in series.labels { names.insert(label.name) } }
    let columns = names.sorted { a, b in
      a == "__name__" || b == "__name__" ? a == "__name__" && b != a : a.utf8.lexicographicallyPrecedes(b.utf8)
    }
    for column in columns {
      out.append(Self.field(column))
      out.append(",")
    }
    out.append("timestamp,value\n")
    switch answer.result {
    case .scalar(let point): out.append("\(timeText(ms: point.timeMs)),\(point.value.text)\n")
    case .string(let timeMs, let text): out.append("\(timeText(ms: timeMs)),\(Self.field(text))\n")
    case .vector(let all), .matrix(let all):
      for series in all {
        let values = Dictionary(series.labels.map { ($0.name, $0.value) }) { _, last in last }
        let prefix = columns.map { Self.field(values[$0] ?? "") + "," }.joined()
        for point in series.points {
          out.append(prefix)
          out.append("\(timeText(ms: point.timeMs)),\(Self.field(point.value.text))\n")
        }
      }
    }
  }

  /// A field of CSV as RFC 4180 has it.
  private static func field(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { [",", "\"", "\n", "\r"].contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}

/// `… 1 more series`
func moreSeries(_ count: Int) -> String { "… \(count) more series" }
