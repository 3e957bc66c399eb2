// What a query does, drawn as a tree; with what each part took, where that was measured.
//
//   [aggregate] sum by (job)             12.5ms   5 rows
//   └─ [matrixSelector] rate(x[5m])      12.1ms   1200 rows   48000 samples   store-1:10901: 1200 series, 64 KiB
internal import PromQL
internal import TSModel

/// Draws trees of operations.
enum PlanDrawing {
  /// A line of a drawing.
  private struct Line {
    var text: String
    var cost = ""
    /// What it took without what is below it, for finding the one that took most.
    var ownS = 0.0
  }

  /// The plan of a query.
  static func text(_ plan: PlanNode) -> String {
    var lines: [Line] = []
    draw(plan, "", "", &lines)
    return lines.map { $0.text + "\n" }.joined()
  }

  private static func draw(_ node: PlanNode, _ first: String, _ rest: String, _ lines: inout [Line]) {
    lines.append(Line(text: first + node.name))
    for (index, child) in node.children.enumerated() {
      let isLast = index == node.children.count - 1
      draw(child, rest + (isLast ? "└─ " : "├─ "), rest + (isLast ? "   " : "│  "), &lines)
    }
  }

  /// The measurements in the answer of a query API; the part that took most itself is marked.
  static func text(ofAnswer body: [UInt8], hasColors: Bool) throws -> String {
    let value: JSONValue
    do throws(TSModel.JSONError) { value = try JSONValue(parsing: body) } catch {
      throw QuerySourceError(description: "read the answer: \(error)")
    }
    guard let analysis = value["data"]?["analysis"], analysis["name"] != nil else {
      throw QuerySourceError(
        description: "the server does not say what parts of the query take: is it apus, or Thanos?")
    }
    var lines: [Line] = []
    draw(analysis, "", "", &lines)
    let width = lines.map(\.text.count).max() ?? 0
    let hottest = lines.indices.max { lines[$0].ownS < lines[$1].ownS }
    return lines.enumerated().map { index, line in
      let padding = String(repeating: " ", count: width - line.text.count)
      let text = line.text + padding + "   " + line.cost + (index == hottest ? "   ← most" : "")
      return (index == hottest && hasColors ? "\u{1B}[1;31m\(text)\u{1B}[0m" : text) + "\n"
    }.joined()
  }

  private static func draw(_ node: JSONValue, _ first: String, _ rest: String, _ lines: inout [Line]) {
    let children = node["children"]?.array ?? []
    let wholeS = seconds(node["executionTime"]?.text ?? "")
    var line = Line(text: first + printable(node["name"]?.text ?? ""))
    line.ownS = wholeS - children.reduce(0) { $0 + seconds($1["executionTime"]?.text ?? "") }
    var costs = [node["executionTime"]?.text ?? ""]
    for (name, unit) in [("rows", "rows"), ("totalSamples", "samples")] {
      if let number = node[name]?.text { costs.append("\(number) \(unit)") }
    }
    for source in node["fanout"]?.array ?? [] {
      costs.append(
        "\(printable(source["endpointAddr"]?.text ?? "")): \(source["series"]?.text ?? "0") series, "
          + "\(source["bytesProcessed"]?.text ?? "0") bytes in \(source["duration"]?.text ?? "")")
    }
    line.cost = costs.filter { !$0.isEmpty }.joined(separator: "   ")
    lines.append(line)
    for (index, child) in children.enumerated() {
      let isLast = index == children.count - 1
      draw(child, rest + (isLast ? "└─ " : "├─ "), rest + (isLast ? "   " : "│  "), &lines)
    }
  }

  /// Seconds of a duration as Go writes it; 0 of anything else.
  private static func seconds(_ text: String) -> Double {
    var total = 0.0
    var number = ""
    var unit = ""
    func add() {
      let factors: [String: Double] = ["h": 3600, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9]
      let factor = factors[unit] ?? 0
      total += (Double(number) ?? 0) * factor
      (number, unit) = ("", "")
    }
    for character in text {
      if character.isNumber || character == "." {
        if !unit.isEmpty { add() }
        number.append(character)
      } else {
        unit.append(character)
      }
    }
    add()
    return total
  }
}

extension JSONValue {
  /// The value of a key of an object; nil of anything else.
  fileprivate subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  fileprivate var array: [JSONValue] { if case .array(let values) = self { values } else { [] } }

  /// A text, or a number as text; nil of anything else.
  fileprivate var text: String? {
    switch self {
    case .string(let text), .number(let text): text
    default: nil
    }
  }
}
