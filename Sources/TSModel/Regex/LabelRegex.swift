// Regular expressions of matchers: they must match the whole value, the dot matches a newline too, and bytes that are not
// UTF-8 count as one U+FFFD each. docs/regular-expressions.md tells which are fast and what the limits are.
internal import CTSDB
private import Synchronization

/// A compiled regular expression. Thread-safe.
public final class LabelRegex: Sendable {
  /// Longest pattern accepted, bytes.
  public static let patternBytesMax = 1 << 20
  /// Longest value that RE2 is let loose on when many are matched, bytes: it may need a microsecond for each of them.
  public static let valueBytesMax = 1 << 20

  /// The expression as it was given.
  public let pattern: String
  /// How it is decided. The first who asks pays for finding out.
  public var shape: RegexShape { decision.shape }

  private enum Engine: Sendable {
    case none
    case automaton(ByteAutomaton)
    case re2(RE2Expression)
  }

  private final class Decision: Sendable {
    let shape: RegexShape
    let engine: Engine

    init(_ shape: RegexShape, _ engine: Engine) { (self.shape, self.engine) = (shape, engine) }

    /// How `tree` is decided; nil where that is left to RE2.
    convenience init?(_ tree: RegexTree) {
      let shape = RegexShape(tree)
      guard case .automaton = shape else {
        self.init(shape, .none)
        return
      }
      guard let automaton = ByteAutomaton(tree) else { return nil }
      self.init(shape, .automaton(automaton))
    }
  }

  /// Expressions of at most so many steps are not compiled before they are needed: a parsed query may never be run. RE2 takes
  /// all of this size, so that nothing can fail later.
  private static let postponedStepCountMax = 1000

  /// The expression, where it is compiled later.
  private let tree: RegexTree?
  private let decided = AtomicLazyReference<Decision>()

  private var decision: Decision {
    if let decision = decided.load() { return decision }
    return decided.storeIfNil(tree.flatMap { Decision($0) } ?? Self.decisionOfRE2(pattern))
  }

  private static func decisionOfRE2(_ pattern: String) -> Decision {
    do throws(ModelError) { return Decision(.re2, .re2(try RE2Expression(pattern))) } catch {
      assertionFailure("RE2 refuses a small expression that is valid: \(error.message)")
      return Decision(.re2, .none)
    }
  }

  /// Compiles `pattern`, or makes sure that it can be compiled. Throws `.regex` with Go's text where it is not valid, `.size`
  /// above `patternBytesMax`.
  public convenience init(_ pattern: String) throws(ModelError) { try self.init(pattern, onlyRE2: false) }

  /// With `onlyRE2`, everything is left to RE2: what the other ways are compared with.
  init(_ pattern: String, onlyRE2: Bool) throws(ModelError) {
    guard pattern.utf8.count <= Self.patternBytesMax else {
      throw ModelError(
        .size, "regular expression of \(pattern.utf8.count) bytes: at most \(Self.patternBytesMax) are allowed")
    }
    self.pattern = pattern
    let tree = onlyRE2 ? nil : RegexParser.parse(pattern)
    if let tree, tree.stepCount <= Self.postponedStepCountMax {
      self.tree = tree
      return
    }
    self.tree = nil
    if let tree, let decision = Decision(tree) {
      _ = decided.storeIfNil(decision)
    } else {
      _ = decided.storeIfNil(Decision(.re2, .re2(try RE2Expression(pattern))))
    }
  }

  /// Whether the whole of `value` matches.
  public func matches(_ value: String) -> Bool {
    var copy = value
    return copy.withUTF8 { unsafe matches(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Whether all of `bytes` matches.
  public func matches(bytes: UnsafeRawBufferPointer) -> Bool {
    // Whether a label may be missing is asked of every selector.
    if unsafe bytes.isEmpty, let tree { return tree.matchesEmpty }
    let decision = decision
    switch decision.shape {
    case .any: return true
    case .nonEmpty: return unsafe !bytes.isEmpty
    case .set(let values):
      let index = unsafe values.lowerBound(of: bytes)
      return unsafe index < values.count && values[index].withUnsafeBytes { unsafe compareBytes($0, bytes) == 0 }
    case .prefix(let prefix, let sizeMin):
      return unsafe bytes.count >= sizeMin && bytes.starts(with: prefix)
    case .suffix(let suffix, let sizeMin):
      return unsafe bytes.count >= sizeMin && bytes.suffix(suffix.count).elementsEqual(suffix)
    case .contains(let literal): return unsafe bytes.contains(literal)
    case .automaton, .re2:
      switch decision.engine {
      case .automaton(let automaton): return unsafe automaton.matches(bytes)
      case .re2(let expression): return unsafe expression.matches(bytes)
      case .none: return false
      }
    }
  }
}

extension [[UInt8]] {
  /// The first index whose element is not below `value`; the elements ascend.
  func lowerBound(of value: UnsafeRawBufferPointer) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      let order = unsafe self[middle].withUnsafeBytes { unsafe compareBytes($0, value) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension UnsafeRawBufferPointer {
  /// Whether `literal`, which is not empty, occurs in these bytes.
  fileprivate func contains(_ literal: [UInt8]) -> Bool {
    guard count >= literal.count, count <= UInt32.max else { return false }
    var slice = tsdb_label_slice(offset: 0, size: UInt32(count))
    var index: UInt32 = 0
    var found = 0
    let bytes = unsafe baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe _ = tsdb_label_find(bytes, count, &slice, 1, literal, literal.count, &index, 1, &found)
    return found > 0
  }
}

// MARK: Many values

extension LabelRegex {
  /// Candidates of a literal's search are worth it only for a range of at least this many values.
  private static let literalSearchMin = 64
  /// Shorter literals are found too often to be worth a search of their own.
  private static let literalSizeMin = 3

  /// Which of `values` match. Throws `.size` where RE2 would have to look at a value longer than `valueBytesMax`.
  func matching(_ values: SortedValues) throws(ModelError) -> ValueMatches {
    let all = 0..<values.count
    switch shape {
    case .any: return .range(all)
    case .nonEmpty:
      // Only the first value can be empty.
      let isFirstEmpty = unsafe values.count > 0 && values[0].isEmpty
      return .range(isFirstEmpty ? 1..<values.count : all)
    case .set(let set): return .indices(values.indices(of: set))
    case .prefix(let prefix, let sizeMin):
      let range = values.range(startingWith: prefix)
      // The shortest that starts so is the prefix itself, and comes first.
      let isTooShort = range.first.map { unsafe values[$0].count < sizeMin } ?? false
      return .range(isTooShort ? range.lowerBound + 1..<range.upperBound : range)
    case .suffix(let suffix, let sizeMin):
      return .indices(
        unsafe values.call(all) { bytes, size, slices, count, indices, found in
          unsafe tsdb_label_find_suffix(
            bytes, size, slices, count, suffix, suffix.count, sizeMin, indices, count, found)
        })
    case .contains(let literal): return .indices(values.indices(containing: literal, in: all))
    case .automaton(_, let literal):
      guard case .automaton(let automaton) = decision.engine else { return .range(0..<0) }
      let range = values.range(startingWith: automaton.prefix)
      var candidates: [UInt32]?
      if literal.count >= Self.literalSizeMin, range.count >= Self.literalSearchMin {
        candidates = values.indices(containing: literal, in: range)
      }
      return .indices(values.indices(matching: automaton, in: range, candidates: candidates))
    case .re2:
      var indices: [UInt32] = []
      for index in all {
        let value = unsafe values[index]
        guard value.count <= Self.valueBytesMax else {
          throw ModelError(
            .size,
            "match \(quoted(pattern)) against a value of \(value.count) bytes: at most \(Self.valueBytesMax) are allowed"
          )
        }
        if unsafe matches(bytes: value) { indices.append(UInt32(index)) }
      }
      return .indices(indices)
    }
  }
}

extension SortedValues {
  /// The indices of those values that are in `set`, which ascends.
  fileprivate func indices(of set: [[UInt8]]) -> [UInt32] {
    var result: [UInt32] = []
    var start = 0
    for value in set {
      unsafe value.withUnsafeBytes { value in
        start = unsafe lowerBound(value, in: start..<count)
        if unsafe start < count && compareBytes(self[start], value) == 0 { result.append(UInt32(start)) }
      }
      if start == count { break }
    }
    return result
  }

  /// The indices within `range` of those values that contain `literal`.
  fileprivate func indices(containing literal: [UInt8], in range: Range<Int>) -> [UInt32] {
    unsafe call(range) { bytes, size, slices, count, indices, found in
      unsafe tsdb_label_find(bytes, size, slices, count, literal, literal.count, indices, count, found)
    }
  }

  /// The indices within `range`, or of `candidates` (counted in the whole table), whose values `automaton` takes.
  fileprivate func indices(
    matching automaton: ByteAutomaton, in range: Range<Int>, candidates: [UInt32]?
  ) -> [UInt32] {
    unsafe automaton.withTable { table in
      guard let candidates else {
        return unsafe call(range) { bytes, size, slices, count, indices, found in
          unsafe tsdb_label_dfa_match_many(table, bytes, size, slices, count, nil, 0, indices, count, found)
        }
      }
      return unsafe call(0..<count, capacity: candidates.count) { bytes, size, slices, count, indices, found in
        unsafe tsdb_label_dfa_match_many(
          table, bytes, size, slices, count, candidates, candidates.count, indices, candidates.count, found)
      }
    }
  }

  /// Calls C with the values of `range` and room for as many indices; gives the indices, counted in the whole table.
  fileprivate func call(
    _ range: Range<Int>, capacity: Int? = nil,
    _ body: (
      UnsafePointer<UInt8>?, Int, UnsafePointer<tsdb_label_slice>?, Int, UnsafeMutablePointer<UInt32>?,
      UnsafeMutablePointer<Int>?
    ) -> tsdb_status
  ) -> [UInt32] {
    guard !range.isEmpty, capacity != 0 else { return [] }
    var result = unsafe [UInt32](unsafeUninitializedCapacity: capacity ?? range.count) { indices, filled in
      unsafe UnsafeRawBufferPointer(slices).withMemoryRebound(to: tsdb_label_slice.self) { slices in
        let status = unsafe body(
          bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
          slices.baseAddress.map { unsafe $0 + range.lowerBound }, range.count, indices.baseAddress, &filled)
        // Slices lie inside by the contract of this type, and there is room.
        precondition(status == TSDB_OK, "a value outside its table")
      }
    }
    if range.lowerBound > 0 {
      for index in result.indices { result[index] += UInt32(range.lowerBound) }
    }
    return result
  }
}
