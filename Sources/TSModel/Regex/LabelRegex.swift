// A regular expression as matchers use it: it must match the whole value, the dot matches a newline too, and bytes that are
// not UTF-8 count as one U+FFFD each.
public final class LabelRegex: Sendable {
  /// Longest pattern accepted, bytes.
  public static let patternBytesMax = 1 << 20
  /// The expression as it was given.
  public let pattern: String
  private let engine: RE2Expression

  /// Compiles `pattern`. Throws `.regex` with Go's text where it is not valid, `.size` above `patternBytesMax`.
  public init(_ pattern: String) throws(ModelError) {
    guard pattern.utf8.count <= Self.patternBytesMax else {
      throw ModelError(
        .size, "regular expression of \(pattern.utf8.count) bytes: at most \(Self.patternBytesMax) are allowed")
    }
    self.pattern = pattern
    self.engine = try RE2Expression(pattern)
  }

  /// Whether the whole of `value` matches.
  public func matches(_ value: String) -> Bool {
    var copy = value
    return copy.withUTF8 { unsafe matches(bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Whether all of `bytes` matches.
  public func matches(bytes: UnsafeRawBufferPointer) -> Bool { unsafe engine.matches(bytes) }
}

extension LabelRegex {
  /// Longest value that RE2 is let loose on when many are matched, bytes: it may need a microsecond for each of them.
  public static let valueBytesMax = 1 << 20

  /// Which of `values` match.
  func matching(_ values: SortedValues) throws(ModelError) -> ValueMatches {
    var indices: [UInt32] = []
    for index in 0..<values.count {
      let value = unsafe values[index]
      guard value.count <= Self.valueBytesMax else {
        throw ModelError(
          .size,
          "match \(quoted(pattern)) against a value of \(value.count) bytes: at most \(Self.valueBytesMax) are allowed")
      }
      if unsafe matches(bytes: value) { indices.append(UInt32(index)) }
    }
    return .indices(indices)
  }
}
