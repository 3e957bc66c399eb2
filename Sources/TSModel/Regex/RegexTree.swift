// The subset of regular expressions that matchers really use, as a tree. What is not in it, valid or not, is left to RE2.

/// A set of Unicode code points: ascending ranges with gaps between them.
struct RuneSet: Hashable, Sendable {
  static let runeMax: UInt32 = 0x10FFFF
  /// What a byte that is not UTF-8 counts as.
  static let replacement: UInt32 = 0xFFFD
  static let all = RuneSet([0...runeMax])

  let ranges: [ClosedRange<UInt32>]

  /// The union of `ranges`, in any order.
  init(_ ranges: [ClosedRange<UInt32>]) {
    var merged: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    self.ranges = merged
  }

  init(rune: UInt32) { self.init([rune...rune]) }

  var complement: RuneSet {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= Self.runeMax { result.append(next...Self.runeMax) }
    return RuneSet(result)
  }

  var isASCII: Bool { (ranges.last?.upperBound ?? 0) < 0x80 }

  /// How many code points there are.
  var count: Int { ranges.reduce(0) { $0 + $1.count } }

  func contains(_ rune: UInt32) -> Bool {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < rune { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].lowerBound <= rune
  }

  /// This set of ASCII characters without regard to case, as Unicode folds: k with the Kelvin sign, s with the long s.
  var foldedASCII: RuneSet {
    var result = ranges
    for rune in UInt32(0x41)...0x5A where contains(rune) || contains(rune + 32) {
      result += [rune...rune, rune + 32...rune + 32]
      if rune == 0x4B { result.append(0x212A...0x212A) }
      if rune == 0x53 { result.append(0x17F...0x17F) }
    }
    return RuneSet(result)
  }
}

/// An expression. Greedy or not makes no difference to whether a whole value matches.
indirect enum RegexTree: Sendable {
  /// One code point of the set.
  case runes(RuneSet)
  /// One after the other; the empty expression is a sequence of nothing.
  case sequence([RegexTree])
  /// Any of them.
  case choice([RegexTree])
  /// At least `min` and at most `max` (nil: any number) of them.
  case repetition(RegexTree, min: Int, max: Int?)
  /// The start of the value.
  case start
  /// The end of the value.
  case end

  static let empty = RegexTree.sequence([])

  /// Whether this is a number of arbitrary code points: 0 for `.*`, 1 for `.+`.
  var anyRunesMin: Int? {
    if case .repetition(.runes(.all), min: let min, max: nil) = self, min <= 1 { return min }
    return nil
  }

  /// The bytes of a single character other than U+FFFD, which invalid bytes match as well.
  var literalBytes: [UInt8]? {
    guard case .runes(let set) = self, set.ranges.count == 1, let range = set.ranges.first, range.count == 1,
      range.lowerBound != RuneSet.replacement, let scalar = Unicode.Scalar(range.lowerBound)
    else { return nil }
    return Array(String(Character(scalar)).utf8)
  }
}

extension RegexTree {
  /// How many code points it asks about with all repetitions written out, or something above a million.
  var stepCount: Int {
    switch self {
    case .runes, .start, .end: 1
    case .sequence(let parts), .choice(let parts): parts.reduce(1) { min(1 << 20, $0 + $1.stepCount) }
    case .repetition(let inner, let min, let max):
      Swift.min(1 << 20, inner.stepCount.multipliedReportingOverflow(by: Swift.max(1, max ?? min + 1)).partialValue)
    }
  }

  /// Whether the empty value matches.
  var matchesEmpty: Bool {
    switch self {
    case .runes: false
    case .start, .end: true
    case .sequence(let parts): parts.allSatisfy(\.matchesEmpty)
    case .choice(let parts): parts.contains(where: \.matchesEmpty)
    case .repetition(let inner, let min, _): min == 0 || inner.matchesEmpty
    }
  }
}

/// Reads the subset. Every step returns nil for what is outside it.
struct RegexParser {
  /// Nesting and size of repeats beyond which RE2 decides.
  private static let depthMax = 200
  private static let repeatMax = 1000

  private struct Flags {
    var ignoresCase = false
    var dotMatchesNewline = true
  }

  private let runes: [UInt32]
  private var position = 0
  private var flags = Flags()
  private var depth = 0

  /// The tree of `pattern`, or nil where it is not in the subset or not valid.
  static func parse(_ pattern: String) -> RegexTree? {
    var parser = RegexParser(runes: pattern.unicodeScalars.map { $0.value })
    guard let (tree, _) = parser.choice(), parser.position == parser.runes.count else { return nil }
    return tree
  }

  private init(runes: [UInt32]) { self.runes = runes }

  /// A subtree and the largest product of repeat counts in it, which Go limits.
  private typealias Part = (tree: RegexTree, repeats: Int)

  private mutating func choice() -> Part? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthMax else { return nil }
    var branches: [RegexTree] = []
    var repeats = 1
    repeat {
      guard let branch = sequence() else { return nil }
      branches.append(branch.tree)
      repeats = max(repeats, branch.repeats)
    } while take("|")
    return (branches.count == 1 ? branches[0] : .choice(branches), repeats)
  }

  private mutating func sequence() -> Part? {
    var items: [RegexTree] = []
    var repeats = 1
    while let next = peek, next != "|", next != ")" {
      guard let (item, mayRepeat) = item() else { return nil }
      guard let item else { continue }  // flags
      guard let part = repetition(of: item, mayRepeat) else { return nil }
      repeats = max(repeats, part.repeats)
      if case .sequence(let inner) = part.tree { items += inner } else { items.append(part.tree) }
    }
    return (items.count == 1 ? items[0] : .sequence(items), repeats)
  }

  private mutating func repetition(of item: Part, _ mayRepeat: Bool) -> Part? {
    guard let (min, max) = repeatOperator() else { return item }
    guard mayRepeat else { return nil }
    _ = take("?")
    // `a**` and `a{2}{3}` are errors that RE2 describes.
    if let next = peek, next == "*" || next == "+" || next == "?" { return nil }
    let mark = position
    if repeatOperator() != nil { return nil }
    position = mark
    let bound = Swift.max(min, max ?? 0)
    guard bound <= Self.repeatMax, max.map({ $0 >= min }) ?? true else { return nil }
    let repeats = item.repeats * Swift.max(1, bound)
    guard repeats <= Self.repeatMax else { return nil }
    return (.repetition(item.tree, min: min, max: max), repeats)
  }

  /// `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`; nothing is taken where none of them stands here.
  private mutating func repeatOperator() -> (min: Int, max: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let mark = position
    if take("{"), let min = number() {
      if take("}") { return (min, min) }
      if take(",") {
        if take("}") { return (min, nil) }
        if let max = number(), take("}") { return (min, max) }
      }
    }
    position = mark
    return nil
  }

  private mutating func number() -> Int? {
    let start = position
    var value = 0
    while let next = peek, ("0"..."9").contains(next) {
      // Above the limit in any case: RE2 tells.
      value = min(value * 10 + Int(next.value) - 48, Self.repeatMax + 1)
      position += 1
    }
    // A number with a leading zero is none, as in Go.
    if position == start || (position - start > 1 && runes[start] == 48) { return nil }
    return value
  }

  /// One item, nil inside for flags without a group, and whether it may be repeated.
  private mutating func item() -> (Part?, Bool)? {
    guard let next = peek else { return nil }
    position += 1
    switch next {
    case "(": return group()
    case "[": return characterClass().map { ((.runes($0), 1), true) }
    case ".": return ((.runes(flags.dotMatchesNewline ? .all : RuneSet(rune: 10).complement), 1), true)
    case "^": return ((.start, 1), false)
    case "$": return ((.end, 1), false)
    case "*", "+", "?": return nil
    case "\\": return escape()
    case "{":
      // A repeat of nothing is an error, other braces are characters.
      position -= 1
      if repeatOperator() != nil { return nil }
      position += 1
      return literal(next.value).map { ($0, true) }
    default: return literal(next.value).map { ($0, true) }
    }
  }

  private func literal(_ rune: UInt32) -> Part? {
    guard flags.ignoresCase else { return (.runes(RuneSet(rune: rune)), 1) }
    return rune < 0x80 ? (.runes(RuneSet(rune: rune).foldedASCII), 1) : nil
  }

  private mutating func group() -> (Part?, Bool)? {
    let outer = flags
    if take("?") {
      var isSetting = true
      flagList: while true {
        guard let next = peek else { return nil }
        position += 1
        switch next {
        case "i": flags.ignoresCase = isSetting
        case "s": flags.dotMatchesNewline = isSetting
        case "-" where isSetting: isSetting = false
        case ":": break flagList
        // Flags alone hold to the end of the group around them.
        case ")" where position >= 2 && runes[position - 2] != 0x3F && runes[position - 2] != 0x2D: return (nil, false)
        default: return nil
        }
      }
      // "(?-:": a minus without flags is an error.
      if runes[position - 2] == 0x2D { return nil }
    }
    guard let inner = choice(), take(")") else { return nil }
    flags = outer
    return (inner, true)
  }

  private mutating func escape() -> (Part?, Bool)? {
    guard let next = peek else { return nil }
    if next == "A" || next == "z" {
      position += 1
      return ((next == "A" ? .start : .end, 1), false)
    }
    if let set = perlClass() { return flags.ignoresCase ? nil : ((.runes(set), 1), true) }
    guard let rune = escapedRune() else { return nil }
    return literal(rune).map { ($0, true) }
  }

  /// `\d`, `\w`, `\s` and their complements; nothing is taken otherwise.
  private mutating func perlClass() -> RuneSet? {
    let set: RuneSet
    switch peek {
    case "d", "D": set = RuneSet([48...57])
    case "w", "W": set = RuneSet([48...57, 65...90, 95...95, 97...122])
    case "s", "S": set = RuneSet([9...10, 12...13, 32...32])
    default: return nil
    }
    let isNegated = runes[position] < 97
    position += 1
    return isNegated ? set.complement : set
  }

  /// The character that the escape after a backslash stands for.
  private mutating func escapedRune() -> UInt32? {
    guard let next = peek else { return nil }
    position += 1
    switch next {
    case "a": return 7
    case "f": return 12
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "v": return 11
    case "x": return hexadecimal()
    case "_": return nil
    default:
      let isAlphanumeric = ("0"..."9").contains(next) || ("a"..."z").contains(next) || ("A"..."Z").contains(next)
      return next.value < 0x80 && !isAlphanumeric ? next.value : nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    var value: UInt32 = 0
    var digits = 0
    let isBraced = take("{")
    while let next = peek, let digit = Character(next).hexDigitValue, next.value < 0x80, isBraced || digits < 2 {
      value = min(value << 4 | UInt32(digit), RuneSet.runeMax + 1)
      digits += 1
      position += 1
    }
    guard isBraced ? digits > 0 && take("}") : digits == 2 else { return nil }
    return value <= RuneSet.runeMax && Unicode.Scalar(value) != nil ? value : nil
  }

  private mutating func characterClass() -> RuneSet? {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while let next = peek, isFirst || next != "]" {
      isFirst = false
      if next == "[", position + 1 < runes.count, runes[position + 1] == 0x3A {
        guard let set = posixClass() else { return nil }
        ranges += set.ranges
        continue
      }
      if next == "\\" {
        position += 1
        if let set = perlClass() {
          if flags.ignoresCase { return nil }
          ranges += set.ranges
          continue
        }
        position -= 1
      }
      guard let low = classRune() else { return nil }
      var high = low
      if peek == "-", position + 1 < runes.count, runes[position + 1] != 0x5D {
        position += 1
        guard let bound = classRune(), bound >= low else { return nil }
        high = bound
      }
      ranges.append(low...high)
    }
    guard take("]") else { return nil }
    var set = RuneSet(ranges)
    if flags.ignoresCase {
      guard set.isASCII else { return nil }
      set = set.foldedASCII
    }
    return isNegated ? set.complement : set
  }

  private mutating func classRune() -> UInt32? {
    guard let next = peek else { return nil }
    position += 1
    return next == "\\" ? escapedRune() : next.value
  }

  /// `[:name:]` or `[:^name:]`.
  private mutating func posixClass() -> RuneSet? {
    position += 2
    let isNegated = take("^")
    var name = ""
    while let next = peek, ("a"..."z").contains(next) {
      name.unicodeScalars.append(next)
      position += 1
    }
    guard take(":"), take("]"), !flags.ignoresCase, let ranges = Self.posixClasses[name] else { return nil }
    let set = RuneSet(ranges)
    return isNegated ? set.complement : set
  }

  private static let posixClasses: [String: [ClosedRange<UInt32>]] = [
    "alnum": [48...57, 65...90, 97...122], "alpha": [65...90, 97...122], "ascii": [0...127], "blank": [9...9, 32...32],
    "cntrl": [0...31, 127...127], "digit": [48...57], "graph": [33...126], "lower": [97...122], "print": [32...126],
    "punct": [33...47, 58...64, 91...96, 123...126], "space": [9...13, 32...32], "upper": [65...90],
    "word": [48...57, 65...90, 95...95, 97...122], "xdigit": [48...57, 65...70, 97...102],
  ]

  private var peek: Unicode.Scalar? { position < runes.count ? Unicode.Scalar(runes[position]) : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }
}
