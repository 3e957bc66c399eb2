// From the tree of an expression to a table that reads bytes.
//
// First a machine with many states at once over code points (`RunePaths`), then sets of its states become the states of a
// table over bytes. Between the bytes of one character the table is in a partial state: it holds the set that the
// character began in and what has been read of it, since bytes that turn out to be no character each count as U+FFFD:
//
//   set ─ E2 ─▶ partial (set, E2) ─ 82 ─▶ partial (set, E2 82) ─ AC ─▶ set after '€'
//                                    └─ 'a' ─▶ set after U+FFFD, U+FFFD and 'a'
internal import CTSDB

/// A table that decides an expression byte by byte; see label_dfa.h for its layout.
struct ByteAutomaton: Sendable {
  /// More states than this are left to RE2.
  static let stateCountMax = 2048

  private let classOfByte: [UInt8]
  private let rows: [UInt32]
  private let rowCount: UInt32
  private let classCount: UInt32
  private let start: UInt32
  /// What every match starts with: `app0` for `app(01|02)-.*`.
  let prefix: [UInt8]

  /// The table for `tree`; nil where it would be too large.
  init?(_ tree: RegexTree) {
    guard let paths = RunePaths(tree) else { return nil }
    var builder = AutomatonBuilder(paths)
    guard let start = builder.build() else { return nil }

    // Bytes whose columns are equal in all states are one class.
    var classes: [[UInt32]: UInt8] = [:]
    var classOfByte: [UInt8] = []
    var columns: [[UInt32]] = []
    for byte in 0..<256 {
      let column = builder.transitions.map { $0[byte] }
      if let known = classes[column] {
        classOfByte.append(known)
      } else {
        guard columns.count < 255 else { return nil }
        classes[column] = UInt8(columns.count)
        classOfByte.append(UInt8(columns.count))
        columns.append(column)
      }
    }
    let width = UInt32(columns.count + 1)
    var rows: [UInt32] = []
    for state in builder.transitions.indices {
      for column in columns { rows.append(column[state] * width) }
      rows.append(builder.accepts[state] ? 1 : 0)
    }
    self.classOfByte = classOfByte
    self.rows = rows
    self.rowCount = UInt32(builder.transitions.count)
    self.classCount = width
    self.start = start * width
    prefix = builder.commonPrefix(from: Int(start))
    let status = unsafe withTable { unsafe tsdb_label_dfa_validate($0) }
    precondition(status == TSDB_OK, "an automaton that leads outside its table")
  }

  /// Calls `body` with the table as C knows it, valid only during the call.
  func withTable<Result>(_ body: (UnsafePointer<tsdb_label_dfa>) -> Result) -> Result {
    unsafe classOfByte.withUnsafeBufferPointer { classOfByte in
      unsafe rows.withUnsafeBufferPointer { rows in
        var table = unsafe tsdb_label_dfa(
          class_of_byte: classOfByte.baseAddress, rows: rows.baseAddress, row_count: rowCount, class_count: classCount,
          start: start)
        return unsafe body(&table)
      }
    }
  }

  /// Whether all of `value` matches.
  func matches(_ value: UnsafeRawBufferPointer) -> Bool {
    unsafe withTable {
      unsafe tsdb_label_dfa_matches($0, value.baseAddress?.assumingMemoryBound(to: UInt8.self), value.count)
    }
  }
}

/// A machine over code points that may be in many states at once.
private struct RunePaths {
  enum Step {
    case runes(RuneSet, next: Int)
    case split(Int, Int)
    case start(next: Int)
    case end(next: Int)
    case match
  }
  private static let stepCountMax = 4000

  private(set) var steps: [Step] = [.match]
  private(set) var first = 0

  init?(_ tree: RegexTree) {
    guard let first = add(tree, before: 0) else { return nil }
    self.first = first
  }

  /// Adds the steps of `tree`, after which it goes on at `next`; where they begin, or nil where they are too many.
  private mutating func add(_ tree: RegexTree, before next: Int) -> Int? {
    switch tree {
    case .runes(let set): return append(.runes(set, next: next))
    case .start: return append(.start(next: next))
    case .end: return append(.end(next: next))
    case .sequence(let items):
      var next = next
      for item in items.reversed() {
        guard let begin = add(item, before: next) else { return nil }
        next = begin
      }
      return next
    case .choice(let branches):
      var begin: Int?
      for branch in branches.reversed() {
        guard let this = add(branch, before: next) else { return nil }
        begin = begin.map { append(.split(this, $0)) } ?? this
        if begin == nil { return nil }
      }
      return begin
    case .repetition(let inner, let min, let max):
      var next = next
      if let max {
        // The optional ones, from the last: each can be left out with all that follow it.
        let after = next
        for _ in 0..<Swift.max(0, max - min) {
          guard let body = add(inner, before: next), let split = append(.split(body, after)) else { return nil }
          next = split
        }
      } else {
        guard let split = append(.match) else { return nil }
        guard let body = add(inner, before: split) else { return nil }
        steps[split] = .split(body, next)
        next = split
      }
      for _ in 0..<min {
        guard let body = add(inner, before: next) else { return nil }
        next = body
      }
      return next
    }
  }

  private mutating func append(_ step: Step) -> Int? {
    guard steps.count < Self.stepCountMax else { return nil }
    steps.append(step)
    return steps.count - 1
  }

  /// The steps that wait for a code point, for the end, or for nothing, and can be reached from `begin` without reading.
  func closure(_ begin: [Int], atStart: Bool, atEnd: Bool = false) -> [Int] {
    var seen = Set<Int>()
    var pending = begin
    var result: [Int] = []
    while let step = pending.popLast() {
      guard seen.insert(step).inserted else { continue }
      switch steps[step] {
      case .runes, .match: result.append(step)
      case .split(let a, let b): pending += [b, a]
      case .start(let next): if atStart { pending.append(next) }
      case .end(let next): if atEnd { pending.append(next) } else { result.append(step) }
      }
    }
    return result.sorted()
  }
}

private struct AutomatonBuilder {
  /// A state of the table.
  private enum Key: Hashable {
    case set(Int)
    case partial(Partial)
  }

  /// Inside a character: begun in `set`, `pendingCount` bytes read, `left` more are due, the first of them in `allowed`.
  private struct Partial: Hashable {
    var set: Int
    var pendingCount: Int
    var left: Int
    var allowed: ClosedRange<UInt8>
    /// The payload of the bytes read; 0 once it no longer matters.
    var value: UInt32
    /// The set that follows, once all characters that can still come of it lead to the same one; before that nil.
    var target: Int?
  }

  /// Sum of the sizes of all sets: bounds time and memory for expressions with many paths.
  private static let workMax = 400_000

  private let paths: RunePaths
  /// Where the partition of the code points begins a new part: within a part no set of the expression tells them apart.
  private let cuts: [UInt32]
  private var setNumbers: [[Int]: Int] = [:]
  private var sets: [[Int]] = []
  /// What a set becomes after a code point of a part; -1: not known yet.
  private var following: [[Int]] = []
  private var stateNumbers: [Key: UInt32] = [:]
  private var keys: [Key] = []
  private var work = 0

  private(set) var transitions: [[UInt32]] = []
  private(set) var accepts: [Bool] = []

  init(_ paths: RunePaths) {
    self.paths = paths
    var cuts: Set<UInt32> = [0, 0x80, RuneSet.replacement, RuneSet.replacement + 1]
    for case .runes(let set, _) in paths.steps {
      for range in set.ranges {
        cuts.insert(range.lowerBound)
        if range.upperBound < RuneSet.runeMax { cuts.insert(range.upperBound + 1) }
      }
    }
    self.cuts = cuts.sorted()
  }

  /// Fills the table; the number of the first state, or nil where there are too many.
  mutating func build() -> UInt32? {
    guard cuts.count <= 1000 else { return nil }
    // Row 0 is dead, row 1 takes everything.
    guard let dead = number(ofSet: []), let everything = number(ofSet: [-1]) else { return nil }
    _ = (state(.set(dead)), state(.set(everything)))
    var firstSteps = universal(paths.closure([paths.first], atStart: true))
    // A set of its own, as only here the start of the value is passed.
    if firstSteps != [-1] { firstSteps.insert(-2, at: 0) }
    guard let first = number(ofSet: firstSteps) else { return nil }
    let start = state(.set(first))
    var next = 0
    while next < keys.count {
      guard keys.count <= ByteAutomaton.stateCountMax, work <= Self.workMax else { return nil }
      let key = keys[next]
      guard let row = transitions(of: key) else { return nil }
      transitions.append(row)
      switch key {
      case .set(let set): accepts.append(isAccepting(set))
      case .partial(let partial):
        guard let set = after(partial) else { return nil }
        accepts.append(isAccepting(set))
      }
      next += 1
    }
    return start
  }

  /// The bytes that lead on from `state` as long as only one does, and no value ends.
  func commonPrefix(from state: Int) -> [UInt8] {
    var prefix: [UInt8] = []
    var state = state
    while !accepts[state], prefix.count < transitions.count {
      let alive = transitions[state].indices.filter { transitions[state][$0] != 0 }
      guard alive.count == 1, let byte = alive.first else { break }
      prefix.append(UInt8(byte))
      state = Int(transitions[state][byte])
    }
    return prefix
  }

  private mutating func state(_ key: Key) -> UInt32 {
    if let known = stateNumbers[key] { return known }
    let number = UInt32(keys.count)
    stateNumbers[key] = number
    keys.append(key)
    return number
  }

  private mutating func number(ofSet set: [Int]) -> Int? {
    if let known = setNumbers[set] { return known }
    work += set.count + 1
    guard work <= Self.workMax else { return nil }
    setNumbers[set] = sets.count
    sets.append(set)
    following.append([Int](repeating: -1, count: cuts.count))
    return sets.count - 1
  }

  /// `set`, or the mark for "everything" where it takes whatever follows: it has matched, and waits for any number of any
  /// code points.
  private func universal(_ set: [Int]) -> [Int] {
    guard set.contains(0) else { return set }
    for step in set {
      guard case .runes(.all, let next) = paths.steps[step] else { continue }
      let after = paths.closure([next], atStart: false)
      if after.contains(0), after.contains(step) { return [-1] }
    }
    return set
  }

  /// Whether a value may end here: anchors may be passed at its end and, where it is empty, those at its start as well.
  private func isAccepting(_ set: Int) -> Bool {
    switch sets[set].first {
    case -1: true
    case -2: paths.closure([paths.first], atStart: true, atEnd: true).contains(0)
    default: paths.closure(sets[set], atStart: false, atEnd: true).contains(0)
    }
  }

  /// Which part of the partition a code point is in.
  private func part(of rune: UInt32) -> Int {
    var (low, high) = (0, cuts.count)
    while low < high {
      let middle = (low + high) / 2
      if cuts[middle] <= rune { low = middle + 1 } else { high = middle }
    }
    return low - 1
  }

  private mutating func set(after set: Int, part: Int) -> Int? {
    if following[set][part] >= 0 { return following[set][part] }
    var next: [Int] = []
    if sets[set] == [-1] {
      next = [-1]
    } else {
      for step in sets[set] where step >= 0 {
        if case .runes(let runes, let target) = paths.steps[step], runes.contains(cuts[part]) { next.append(target) }
      }
      work += sets[set].count
      next = next.isEmpty ? [] : universal(paths.closure(next, atStart: false))
    }
    guard let number = number(ofSet: next) else { return nil }
    following[set][part] = number
    return number
  }

  private mutating func set(after set: Int, rune: UInt32) -> Int? { self.set(after: set, part: part(of: rune)) }

  /// Where a partial state ends up if its bytes are no character.
  private mutating func after(_ partial: Partial) -> Int? {
    var current = partial.set
    for _ in 0..<partial.pendingCount {
      guard let next = set(after: current, rune: RuneSet.replacement) else { return nil }
      current = next
    }
    return current
  }

  private mutating func transitions(of key: Key) -> [UInt32]? {
    switch key {
    case .set(let set): return transitions(ofSet: set)
    case .partial(let partial):
      guard let failed = after(partial), var row = transitions(ofSet: failed) else { return nil }
      for byte in partial.allowed {
        guard let target = continued(partial, byte) else { return nil }
        row[Int(byte)] = target
      }
      return row
    }
  }

  private mutating func transitions(ofSet set: Int) -> [UInt32]? {
    var row: [UInt32] = []
    for byte in UInt32(0)..<0x80 {
      guard let next = self.set(after: set, rune: byte) else { return nil }
      row.append(state(.set(next)))
    }
    // Where all that is not ASCII leads back here, so do the bytes of it, whatever they make together.
    var isIndifferent = true
    for index in part(of: 0x80)..<cuts.count {
      guard let next = self.set(after: set, part: index) else { return nil }
      if next != set { isIndifferent = false }
    }
    if isIndifferent {
      row += [UInt32](repeating: state(.set(set)), count: 128)
      return row
    }
    guard let invalid = self.set(after: set, rune: RuneSet.replacement) else { return nil }
    for byte in UInt8(0x80)...0xFF {
      guard let lead = UTF8Lead(byte) else {
        row.append(state(.set(invalid)))
        continue
      }
      let value = UInt32(byte) & (0x7F >> UInt32(lead.size))
      let partial = Partial(set: set, pendingCount: 1, left: lead.size - 1, allowed: lead.second, value: value)
      guard let resolved = resolved(partial) else { return nil }
      row.append(state(.partial(resolved)))
    }
    return row
  }

  /// After one more byte of a character.
  private mutating func continued(_ partial: Partial, _ byte: UInt8) -> UInt32? {
    let value = partial.value << 6 | UInt32(byte & 0x3F)
    if partial.left == 1 {
      guard let next = partial.target ?? set(after: partial.set, rune: value) else { return nil }
      return state(.set(next))
    }
    var next = partial
    next.pendingCount += 1
    next.left -= 1
    next.allowed = 0x80...0xBF
    next.value = partial.target == nil ? value : 0
    guard let resolved = resolved(next) else { return nil }
    return state(.partial(resolved))
  }

  /// The same with its target, where all characters that can still come of it lead to one: most partial states are alike.
  private mutating func resolved(_ partial: Partial) -> Partial? {
    if partial.target != nil { return partial }
    let shift = UInt32(6 * partial.left)
    let first = partial.value << shift | UInt32(partial.allowed.lowerBound & 0x3F) << (shift - 6)
    let last =
      partial.value << shift | UInt32(partial.allowed.upperBound & 0x3F) << (shift - 6) | (UInt32(1) << (shift - 6) - 1)
    var target: Int?
    for index in part(of: first)...part(of: last) {
      guard let next = set(after: partial.set, part: index) else { return nil }
      if let target, target != next { return partial }
      target = next
    }
    var result = partial
    result.target = target
    result.value = 0
    return result
  }
}
