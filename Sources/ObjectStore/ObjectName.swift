// Which names objects can have. Checked by every store before anything else, so that a name can never lead out of it.

/// Checks and takes apart names of objects.
enum ObjectName {
  /// The longest name, bytes.
  static let byteCountMax = 1024

  /// The parts of an object's name. Throws `.argument` for what is no name.
  static func parts(_ name: String) throws(BucketError) -> [String] {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if let reason = refusal(name, parts) {
      throw BucketError(.argument, "object name \(quoted(name)): \(reason)")
    }
    return parts
  }

  /// Throws `.argument` for what is no name.
  static func check(_ name: String) throws(BucketError) { _ = try parts(name) }

  /// A folder's name without the slash at its end; empty for the root. Throws `.argument` for what is no name.
  static func folder(_ prefix: String) throws(BucketError) -> String {
    let trimmed = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
    if !trimmed.isEmpty { try check(trimmed) } else if !prefix.isEmpty { try check(prefix) }
    return trimmed
  }

  /// Negative, zero or positive as the bytes of `a` sort before, with or after those of `b`.
  static func isOrdered(_ a: String, before b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  private static func refusal(_ name: String, _ parts: [String]) -> String? {
    if name.isEmpty { return "it is empty" }
    if name.utf8.count > byteCountMax { return "it is longer than \(byteCountMax) bytes" }
    if name.utf8.contains(0) { return "it holds a zero byte" }
    if parts.contains("") { return "it has an empty part" }
    if parts.contains(where: { $0 == "." || $0 == ".." }) { return "it has a part that leads elsewhere" }
    if parts.contains(where: { $0.utf8.count > 255 }) { return "it has a part longer than 255 bytes" }
    return nil
  }

  /// `text` in quotes, short and on one line.
  static func quoted(_ text: String) -> String {
    var shown = "\""
    for scalar in text.unicodeScalars.prefix(200) {
      switch scalar {
      case "\"", "\\": shown += "\\" + String(Character(scalar))
      case "\u{0}"..<" ", "\u{7F}": shown += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown + (text.unicodeScalars.count > 200 ? "…\"" : "\"")
  }
}
