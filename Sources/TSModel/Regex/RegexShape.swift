// What an expression comes down to where it comes down to something simple.

/// The cheapest way to decide an expression. Values are whole: everything is anchored at both ends.
public enum RegexShape: Hashable, Sendable {
  /// Every value: `.*`.
  case any
  /// Every value but the empty one: `.+`.
  case nonEmpty
  /// One of these, ascending: `a|b`, `v[0-9]`.
  case set([[UInt8]])
  /// Those that start so and are at least `sizeMin` bytes long: `a.*`, `a.+`.
  case prefix([UInt8], sizeMin: Int)
  /// Those that end so and are at least `sizeMin` bytes long: `.*a`, `.+a`.
  case suffix([UInt8], sizeMin: Int)
  /// Those that hold this: `.*a.*`.
  case contains([UInt8])
  /// Decided by an automaton over bytes. All matches start with `prefix` and hold `literal`; both may be empty.
  case automaton(prefix: [UInt8], literal: [UInt8])
  /// Decided by RE2.
  case re2
}

extension RegexShape {
  /// Most values of a `set`, and most bytes of them together; larger sets go the way of the automaton.
  static let setCountMax = 65_536
  static let setBytesMax = 1 << 20

  /// The shape of `tree`, never `.re2`.
  init(_ tree: RegexTree) {
    let items = Self.trimmed(tree)
    var set = LiteralSet()
    if set.append(items) {
      self = .set(set.sorted())
      return
    }
    let prefix = Self.literal(items[...])
    let rest = items[prefix.itemCount...]
    if rest.count == 1, let min = rest.first?.anyRunesMin {
      switch (prefix.bytes.isEmpty, min) {
      case (true, 0): self = .any
      case (true, _): self = .nonEmpty
      default: self = .prefix(prefix.bytes, sizeMin: prefix.bytes.count + min)
      }
      return
    }
    if let min = items.first?.anyRunesMin {
      let middle = Self.literal(items[1...])
      if middle.itemCount > 0, middle.itemCount == items.count - 1 {
        self = .suffix(middle.bytes, sizeMin: middle.bytes.count + min)
        return
      }
      if min == 0, middle.itemCount > 0, middle.itemCount == items.count - 2, items.last?.anyRunesMin == 0 {
        self = .contains(middle.bytes)
        return
      }
    }
    // The longest run of characters that every match holds somewhere behind the prefix.
    var longest: [UInt8] = []
    var index = prefix.itemCount
    while index < items.count {
      let run = Self.literal(items[index...])
      if run.bytes.count > longest.count { longest = run.bytes }
      index += max(1, run.itemCount)
    }
    self = .automaton(prefix: prefix.bytes, literal: longest)
  }

  /// The items of a sequence without anchors at its ends, where they say nothing.
  private static func trimmed(_ tree: RegexTree) -> [RegexTree] {
    var items = if case .sequence(let items) = tree { items } else { [tree] }
    while case .start? = items.first { items.removeFirst() }
    while case .end? = items.last { items.removeLast() }
    return items
  }

  /// The characters that `items` start with.
  private static func literal(_ items: ArraySlice<RegexTree>) -> (bytes: [UInt8], itemCount: Int) {
    var bytes: [UInt8] = []
    for (count, item) in items.enumerated() {
      guard let literal = item.literalBytes else { return (bytes, count) }
      bytes += literal
    }
    return (bytes, items.count)
  }
}

/// The values of an expression that has finitely and not too many of them.
private struct LiteralSet {
  private var values: [[UInt8]] = [[]]

  /// Puts each value of the sequence `items` behind each value so far; false where that is too much or not finite.
  mutating func append(_ items: [RegexTree]) -> Bool {
    for item in items {
      guard append(item) else { return false }
    }
    return true
  }

  private mutating func append(_ tree: RegexTree) -> Bool {
    switch tree {
    case .start, .end: return false
    case .sequence(let items): return append(items)
    case .runes(let set):
      // Case folding gives small sets; classes as large as a negated one are no business of ours.
      guard set.count <= 256, !set.contains(RuneSet.replacement) else { return false }
      return multiply(
        set.ranges.joined().compactMap { Unicode.Scalar($0) }.map { Array(String(Character($0)).utf8) })
    case .choice(let branches):
      var all: [[UInt8]] = []
      for branch in branches {
        var part = LiteralSet()
        guard part.append(branch), all.count + part.values.count <= RegexShape.setCountMax else { return false }
        all += part.values
      }
      return multiply(all)
    case .repetition(let inner, let min, let max):
      guard let max, max <= 256 else { return false }
      var part = LiteralSet()
      guard part.append(inner) else { return false }
      for _ in 0..<min {
        guard multiply(part.values) else { return false }
      }
      if max > min {
        part.values.append([])
        for _ in min..<max {
          guard multiply(part.values) else { return false }
        }
      }
      return true
    }
  }

  private mutating func multiply(_ other: [[UInt8]]) -> Bool {
    if other.count == 1, let only = other.first {
      if !only.isEmpty { for index in values.indices { values[index] += only } }
      return values.count * (values.first?.count ?? 0) <= RegexShape.setBytesMax
    }
    guard values.count * other.count <= RegexShape.setCountMax else { return false }
    var result: [[UInt8]] = []
    var byteCount = 0
    for left in values {
      for right in other {
        result.append(left + right)
        byteCount += left.count + right.count
        if byteCount > RegexShape.setBytesMax { return false }
      }
    }
    values = result
    return true
  }

  /// The values, ascending by bytes, each once.
  func sorted() -> [[UInt8]] {
    var result: [[UInt8]] = []
    for value in values.sorted(by: { $0.lexicographicallyPrecedes($1) }) where result.last != value {
      result.append(value)
    }
    return result
  }
}
