// A table of text for a terminal: columns as wide as they need to be, numbers to the right.

/// Rows of text under headings.
struct Table {
  /// How a column's texts stand.
  enum Alignment { case left, right }

  private let columns: [(heading: String, alignment: Alignment)]
  private var rows: [[String]] = []

  init(_ columns: [(String, Alignment)]) { self.columns = columns.map { (heading: $0.0, alignment: $0.1) } }

  /// A row with one text a column.
  mutating func add(_ row: [String]) {
    precondition(row.count == columns.count, "a row has one text a column")
    rows.append(row)
  }

  /// The table, one line a row, two blanks between columns.
  var text: String {
    let all = [columns.map(\.heading)] + rows
    let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    var out = ""
    for row in all {
      var line = ""
      for (column, text) in row.enumerated() {
        let blanks = String(repeating: " ", count: widths[column] - text.count)
        line += columns[column].alignment == .left ? text + blanks : blanks + text
        line += "  "
      }
      while line.hasSuffix(" ") { line.removeLast() }
      out += line + "\n"
    }
    return out
  }
}

/// `value` with `decimals` digits after the point, rounded half away from zero. For tables; nothing reads it back.
func fixed(_ value: Double, decimals: Int) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let scaled = Int64((value.magnitude * scale).rounded())
  var digits = String(scaled)
  while digits.count <= decimals { digits = "0" + digits }
  let sign = value < 0 && scaled != 0 ? "-" : ""
  guard decimals > 0 else { return sign + digits }
  return sign + digits.dropLast(decimals) + "." + digits.suffix(decimals)
}

/// `value` with a blank between groups of three digits.
func grouped(_ value: Int) -> String {
  var digits = String(value.magnitude)
  var out = ""
  while digits.count > 3 {
    out = " " + digits.suffix(3) + out
    digits.removeLast(3)
  }
  return (value < 0 ? "-" : "") + digits + out
}

/// `bytes` with the unit that leaves at most four digits before the point.
func byteText(_ bytes: Int) -> String {
  var value = Double(bytes)
  for unit in ["B", "KiB", "MiB", "GiB"] {
    if value < 1024 { return fixed(value, decimals: unit == "B" ? 0 : 1) + " " + unit }
    value /= 1024
  }
  return fixed(value, decimals: 1) + " TiB"
}
