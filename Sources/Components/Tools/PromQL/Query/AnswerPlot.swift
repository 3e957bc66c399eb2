// Answers as drawings: lines over time, or bars where there is one time only.

/// Draws an answer.
struct AnswerPlot {
  let answer: QueryAnswer
  /// Columns of all of it.
  var columnCount = 80
  /// Rows of the drawing itself.
  var rowCount = 16
  /// The most series that are drawn; 0: all.
  var seriesMax = 10
  /// What the axis of time shows, milliseconds since the Unix epoch; what there are points for, where nil.
  var timesMs: ClosedRange<Int64>?
  /// Milliseconds between the steps of a range query: points further apart are not joined.
  var stepMs: Int64?
  /// Whether lines are told apart by colours, else by letters.
  var isColored = false

  /// The drawing; a table where there is nothing to draw.
  func write(to out: inout TextBuffer) {
    switch answer.result {
    case .matrix(let series): writeLines(series, to: &out)
    case .vector(let series): writeBars(series, to: &out)
    case .scalar, .string: AnswerTable(answer: answer).write(to: &out)
    }
  }

  private func numbers(_ series: QueryAnswer.Series) -> [Double] {
    series.points.compactMap { $0.value.number }.filter(\.isFinite)
  }

  /// What is drawn, and the lines that say what is not.
  private func drawable(_ all: [QueryAnswer.Series]) -> (drawn: [QueryAnswer.Series], remarks: [String]) {
    let candidates = all.filter { !numbers($0).isEmpty }
    let drawn = seriesMax > 0 ? Array(candidates.prefix(seriesMax)) : candidates
    var remarks: [String] = []
    if drawn.count < candidates.count {
      remarks.append("\(moreSeries(candidates.count - drawn.count)) (--limit=0 draws all)")
    }
    let points = all.flatMap(\.points)
    let histogramCount = points.count { $0.value.number == nil }
    if histogramCount > 0 {
      remarks.append(
        "not drawn: \(counted(histogramCount, "histogram")); histogram_quantile() and its like make numbers of them")
    }
    let oddCount = points.count { $0.value.number.map { !$0.isFinite } ?? false }
    if oddCount > 0 { remarks.append("not drawn: \(counted(oddCount, "value")), NaN or infinite") }
    return (drawn, remarks)
  }

  private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  // MARK: Lines

  private func writeLines(_ all: [QueryAnswer.Series], to out: inout TextBuffer) {
    let (drawn, remarks) = drawable(all)
    let values = drawn.flatMap(numbers)
    if let least = values.min(), let most = values.max() {
      let scale = ValueScale(least...most, markCount: max(2, rowCount / 3))
      let marks = scale.marks.map { (value: $0, text: scale.text($0)) }
      let margin = marks.map(\.text.count).max() ?? 0
      let pen: PlotCanvas.Pen = isColored || drawn.count == 1 ? .braille : .letters
      var canvas = PlotCanvas(
        pen: pen, columnCount: max(20, columnCount - margin - 2), rowCount: max(2, rowCount))
      let times = drawn.flatMap { $0.points.map(\.timeMs) }
      let shown = timesMs ?? (times.min() ?? 0)...(times.max() ?? 0)
      let axis = TimeScale(
        startMs: shown.lowerBound, endMs: shown.upperBound, markCount: canvas.columnCount / 14)
      for (index, series) in drawn.enumerated() { draw(series, index, scale, axis, on: &canvas) }
      writeRows(canvas, scale, marks, margin, to: &out)
      writeTimes(canvas, axis, margin, to: &out)
      let step = stepMs.map { ", step \(GoDuration.text(ms: $0))" } ?? ""
      out.append("\(timeText(ms: axis.startMs)) to \(timeText(ms: axis.endMs))\(step)\n\n")
      writeLegend(drawn, pen, to: &out)
    }
    for remark in remarks { out.append("\(remark)\n") }
  }

  private func draw(
    _ series: QueryAnswer.Series, _ index: Int, _ scale: ValueScale, _ axis: TimeScale, on canvas: inout PlotCanvas
  ) {
    let gaps = zip(series.points.dropFirst(), series.points).map { $0.timeMs - $1.timeMs }
    // Scrapes come now earlier, now later; steps do not.
    let joinedMs = stepMs ?? (gaps.filter { $0 > 0 }.min() ?? 0) * 3
    var last: (timeMs: Int64, x: Int, y: Int)?
    for point in series.points {
      guard let number = point.value.number, number.isFinite else {
        last = nil
        continue
      }
      let x = Int((axis.place(point.timeMs) * Double(canvas.width - 1)).rounded())
      let y = Int(((1 - scale.place(number)) * Double(canvas.height - 1)).rounded())
      if let last, point.timeMs - last.timeMs <= joinedMs {
        canvas.draw(from: (last.x, last.y), to: (x, y), owner: index)
      } else {
        canvas.draw(x: x, y: y, owner: index)
      }
      last = (point.timeMs, x, y)
    }
  }

  private func writeRows(
    _ canvas: PlotCanvas, _ scale: ValueScale, _ marks: [(value: Double, text: String)], _ margin: Int,
    to out: inout TextBuffer
  ) {
    var texts: [Int: String] = [:]
    for mark in marks {
      let y = Int(((1 - scale.place(mark.value)) * Double(canvas.height - 1)).rounded())
      texts[canvas.row(ofDot: y)] = mark.text
    }
    for row in 0..<canvas.rowCount {
      let text = texts[row] ?? ""
      let blanks = String(repeating: " ", count: margin - text.count)
      out.append(
        "\(blanks)\(text) \(texts[row] == nil ? "│" : "┤")\(canvas.text(ofRow: row, colors: isColored ? PlotColors.all : []))\n"
      )
    }
  }

  private func writeTimes(_ canvas: PlotCanvas, _ axis: TimeScale, _ margin: Int, to out: inout TextBuffer) {
    var line = Array(repeating: Character("─"), count: canvas.columnCount)
    var texts = Array(repeating: Character(" "), count: margin + 2 + canvas.columnCount)
    var free = 0
    for mark in axis.marks {
      let column = canvas.column(ofDot: Int((axis.place(mark) * Double(canvas.width - 1)).rounded()))
      let text = Array(axis.text(mark))
      let first = min(max(0, margin + 2 + column - text.count / 2), texts.count - text.count)
      guard first >= free, line.indices.contains(column) else { continue }
      line[column] = "┬"
      texts.replaceSubrange(first..<(first + text.count), with: text)
      free = first + text.count + 1
    }
    out.append("\(String(repeating: " ", count: margin)) └\(String(line))\n")
    while texts.last == " " { texts.removeLast() }
    out.append("\(String(texts))\n")
  }

  private func writeLegend(_ drawn: [QueryAnswer.Series], _ pen: PlotCanvas.Pen, to out: inout TextBuffer) {
    var table = Table([("min", .right), ("max", .right), ("last", .right), ("series", .left)])
    for series in drawn {
      let finite = series.points.filter { $0.value.number?.isFinite == true }
      func text(_ point: QueryAnswer.Point?) -> String { point?.value.text ?? "" }
      let least = finite.min { ($0.value.number ?? 0) < ($1.value.number ?? 0) }
      let most = finite.max { ($0.value.number ?? 0) < ($1.value.number ?? 0) }
      table.add([text(least), text(most), text(series.points.last { $0.value.number != nil }), series.name])
    }
    for (index, line) in table.text.split(separator: "\n").enumerated() {
      if pen == .letters {
        out.append(index == 0 ? "   " : "\(PlotCanvas.letter(index - 1))  ")
      } else if isColored {
        out.append(index == 0 ? "    " : "\(PlotColors.all[(index - 1) % PlotColors.all.count])━━\(PlotColors.off)  ")
      }
      out.append("\(line)\n")
    }
  }

  // MARK: Bars

  private func writeBars(_ all: [QueryAnswer.Series], to out: inout TextBuffer) {
    let (drawn, remarks) = drawable(all)
    let rows = drawn.compactMap { series in
      series.points.first.flatMap { point in
        point.value.number.map { (name: series.name, number: $0, text: point.value.text) }
      }
    }
    let nameWidth = min(rows.map(\.name.count).max() ?? 0, max(10, columnCount / 2))
    let textWidth = rows.map(\.text.count).max() ?? 0
    let width = max(10, columnCount - nameWidth - textWidth - 4)
    let (least, most) = (min(0, rows.map(\.number).min() ?? 0), max(0, rows.map(\.number).max() ?? 0))
    for row in rows {
      let name = row.name.count > nameWidth ? String(row.name.prefix(nameWidth - 1)) + "…" : row.name
      out.append(name + String(repeating: " ", count: nameWidth - name.count + 2))
      out.append(String(repeating: " ", count: textWidth - row.text.count) + row.text)
      let bar = Self.bar(row.number, from: least, to: most, width: width)
      out.append(bar.isEmpty ? "\n" : "  \(bar)\n")
    }
    for remark in remarks { out.append("\(remark)\n") }
  }

  /// A bar from 0 to `value` on an axis from `least` (0 or below) to `most` (0 or above), `width` cells wide.
  static func bar(_ value: Double, from least: Double, to most: Double, width: Int) -> String {
    let span = most / 2 - least / 2
    guard span > 0 else { return "" }
    let zero = Int((-least / 2 / span * Double(width)).rounded())
    if value < 0 {
      let cells = min(zero, Int((-value / 2 / span * Double(width)).rounded()))
      return String(repeating: " ", count: zero - cells) + String(repeating: "█", count: cells)
    }
    let eighths = Int((value / 2 / span * Double(width) * 8).rounded())
    let (full, rest) = min(eighths, max(0, width - zero) * 8).quotientAndRemainder(dividingBy: 8)
    guard full > 0 || rest > 0 else { return "" }
    let ends = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: " ", count: zero) + String(repeating: "█", count: full) + ends[rest]
  }
}
