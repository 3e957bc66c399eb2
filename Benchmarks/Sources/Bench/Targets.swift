// targets.tsv: what the hardware allows and what Apus must reach, on the reference machine.
import Glibc

/// Limit and target of one row on the reference machine; nil where there is none.
struct Target {
  let unit: String
  let limit: Double?
  let target: Double?
}

/// The bytes of a file as text, or nil.
func readText(_ path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = fread(&buffer, 1, buffer.count, file)
    if count == 0 { break }
    bytes += buffer[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Targets by name of row.
func readTargets(_ path: String) -> [String: Target] {
  var targets: [String: Target] = [:]
  for line in (readText(path) ?? "").split(separator: "\n") where !line.hasPrefix("#") && !line.hasPrefix("name\t") {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 5 else { continue }
    targets[fields[0]] = Target(unit: fields[1], limit: Double(fields[3]), target: Double(fields[4]))
  }
  return targets
}
