// The strings of a block that is about to be written: a block's writer wants them sorted, before the first series.
internal import TSModel

/// Distinct strings. Memory: each string once.
struct SymbolCollector {
  private var seen: Set<ByteText> = []

  /// Strings compare by bytes here: two that only look alike are different symbols.
  private struct ByteText: Hashable {
    let text: String
    static func == (a: ByteText, b: ByteText) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    func hash(into hasher: inout Hasher) {
      for byte in text.utf8 { hasher.combine(byte) }
    }
  }

  mutating func add(_ labels: Labels) {
    for label in labels {
      seen.insert(ByteText(text: label.name))
      seen.insert(ByteText(text: label.value))
    }
  }

  mutating func add(_ text: String) { seen.insert(ByteText(text: text)) }

  /// All of them, ascending by bytes.
  func sorted() -> [String] {
    seen.map(\.text).sorted { a, b in a.utf8.lexicographicallyPrecedes(b.utf8) }
  }
}
