// What a person reads on the terminal, and what a program reads in results.jsonl.
import Glibc

/// One row, measured.
struct Result {
  let row: Row
  let ours: Double
  let spread: Double
  let peers: [(name: String, cost: Double)]
  let target: Target?

  /// How the cost stands to target × factor: nil where there is no target.
  func reached(factor: Double) -> Bool? { target?.target.map { ours <= $0 * factor } }
}

/// A number with three significant digits, without an exponent.
func threeDigits(_ value: Double) -> String {
  guard value.isFinite else { return "–" }
  guard value != 0 else { return "0" }
  let digits = max(0, min(6, 2 - Int(floor(log10(abs(value))))))
  let scale = pow(10, Double(digits))
  let rounded = Int64((abs(value) * scale).rounded())
  let whole = rounded / Int64(scale)
  guard digits > 0 else { return "\(value < 0 ? "-" : "")\(whole)" }
  let part = String(rounded % Int64(scale))
  return "\(value < 0 ? "-" : "")\(whole)." + String(repeating: "0", count: digits - part.count) + part
}

private func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
  let fill = String(repeating: " ", count: max(0, width - text.count))
  return left ? text + fill : fill + text
}

func header() -> String {
  pad("row", 34, left: true) + pad("unit", 16, left: true) + pad("ours", 9) + pad("limit×f", 10) + pad("target×f", 10)
    + pad("spread", 8) + pad("peer", 10) + "  "
}

func line(_ result: Result, factor: Double) -> String {
  let verdict = result.reached(factor: factor).map { $0 ? "" : "   ABOVE TARGET" } ?? ""
  let peer = result.peers.first.map { (threeDigits($0.cost), $0.name) } ?? ("", "")
  let others = result.peers.dropFirst().map { ", \(threeDigits($0.cost)) \($0.name)" }.joined()
  return pad(result.row.name, 34, left: true) + pad(result.row.unit, 16, left: true) + pad(threeDigits(result.ours), 9)
    + pad(result.target?.limit.map { threeDigits($0 * factor) } ?? "", 10)
    + pad(result.target?.target.map { threeDigits($0 * factor) } ?? "", 10)
    + pad(threeDigits(result.spread), 8) + pad(peer.0, 10) + "  " + peer.1 + others + verdict
}

/// One line of results.jsonl.
func json(_ result: Result, factor: Double) -> String {
  func number(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "null" } ?? "null" }
  let peer = result.peers.first
  let peerName = peer.map { "\"\($0.name)\"" } ?? "null"
  let others = result.peers.dropFirst().map { ",\"\($0.name)\":\(number($0.cost))" }.joined()
  return "{\"name\":\"\(result.row.name)\",\"unit\":\"\(result.row.unit)\",\"ours\":\(number(result.ours)),"
    + "\"machine_factor\":\(number(factor)),\"target\":\(number(result.target?.target)),"
    + "\"peer\":\(number(peer?.cost)),\"peer_name\":\(peerName)\(others)}"
}

func figureHeader() -> String {
  pad("figure", 34, left: true) + pad("unit", 16, left: true) + pad("median", 9) + pad("target", 10)
    + pad("smallest", 10)
    + pad("9 of 10", 10) + pad("taken", 8)
}

func figureLine(_ figure: Figure) -> String {
  pad(figure.name, 34, left: true) + pad(figure.unit, 16, left: true) + pad(threeDigits(figure.median), 9)
    + pad(figure.target.map(threeDigits) ?? "", 10) + pad(threeDigits(figure.quantile(0)), 10)
    + pad(threeDigits(figure.quantile(0.9)), 10) + pad("\(figure.values.count)", 8)
    + (figure.isReached == false ? "   ABOVE TARGET" : "")
}

/// One line of results.jsonl. Nothing of it depends on the machine factor.
func json(_ figure: Figure) -> String {
  "{\"name\":\"\(figure.name)\",\"unit\":\"\(figure.unit)\",\"ours\":\(figure.median),"
    + "\"machine_factor\":null,\"target\":\(figure.target.map { "\($0)" } ?? "null"),\"peer\":null,\"peer_name\":null}"
}
