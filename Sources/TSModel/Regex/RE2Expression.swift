// RE2 for expressions outside our own subset, and for the verdict on what is not valid. Its errors are told in Go's words,
// which is what users of Prometheus know.
private import Locking
internal import RE2
private import Synchronization

/// An expression compiled by RE2. RE2's objects lock while they match, so each call takes one from a pool.
final class RE2Expression: Sendable {
  /// What RE2 may use for one object, bytes: its default. A match that needs more stays right, but becomes slow.
  static let memoryBytesMax: Int64 = 8 << 20

  private let pattern: String
  private let idle: Guarded<[RE2Object]>

  /// Compiles `pattern`; throws `.regex` with Go's text where RE2 refuses it.
  init(_ pattern: String) throws(ModelError) {
    if let escape = Self.singleByteEscape(in: pattern) { throw goError("invalid escape sequence", escape) }
    self.pattern = pattern
    idle = Guarded([try RE2Object(pattern)])
  }

  /// Whether all of `value` matches; bytes that are not UTF-8 count as U+FFFD.
  func matches(_ value: UnsafeRawBufferPointer) -> Bool {
    // Compiling cannot fail where it succeeded once, except for lack of memory; then the value is taken not to match.
    guard let object = idle.withLock({ $0.popLast() }) ?? (try? RE2Object(pattern)) else { return false }
    defer { idle.withLock { $0.append(object) } }
    return unsafe object.matches(value)
  }

  /// Start and end of the groups of the leftmost match in `text`, bytes: `groupCount` pairs, that of the whole match first, -1
  /// where a group takes no part. Nil where nothing matches. `text` must be UTF-8.
  func find(in text: UnsafeRawBufferPointer, groupCount: Int) -> [Int64]? {
    guard let object = idle.withLock({ $0.popLast() }) ?? (try? RE2Object(pattern)) else { return nil }
    defer { idle.withLock { $0.append(object) } }
    return unsafe object.find(in: text, groupCount: groupCount)
  }

  /// How many groups it has, and the numbers of those of `names` that it has.
  func groups(named names: [String]) -> (count: Int, numbers: [String: Int]) {
    guard let object = idle.withLock({ $0.popLast() }) ?? (try? RE2Object(pattern)) else { return (0, [:]) }
    defer { idle.withLock { $0.append(object) } }
    return object.groups(named: names)
  }

  /// `\C`, which RE2 knows and Go does not.
  private static func singleByteEscape(in pattern: String) -> String? {
    var isEscaped = false
    for byte in pattern.utf8 {
      if isEscaped {
        if byte == UInt8(ascii: "C") { return "\\C" }
        isEscaped = false
      } else {
        isEscaped = byte == UInt8(ascii: "\\")
      }
    }
    return nil
  }
}

/// Owner of one object of RE2; used by one thread at a time.
@safe private final class RE2Object: @unchecked Sendable {
  private let handle: OpaquePointer

  init(_ pattern: String) throws(ModelError) {
    var code = APUS_RE2_OK
    var argument = [CChar](repeating: 0, count: 256)
    var argumentSize = 0
    var copy = pattern
    let handle = copy.withUTF8 { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
        unsafe argument.withUnsafeMutableBufferPointer { blamed in
          unsafe apus_re2_compile(
            characters.baseAddress, characters.count, RE2Expression.memoryBytesMax, &code, blamed.baseAddress,
            blamed.count,
            &argumentSize)
        }
      }
    }
    guard let handle = unsafe handle else {
      let blamed = String(decoding: argument.prefix(argumentSize).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw goError(goText(code), code == APUS_RE2_TRAILING_BACKSLASH ? nil : blamed)
    }
    unsafe self.handle = handle
  }

  deinit { unsafe apus_re2_release(handle) }

  func matches(_ value: UnsafeRawBufferPointer) -> Bool {
    if let text = unsafe repairedUTF8(value) {
      return unsafe text.withUnsafeBytes { unsafe matchesValid($0) }
    }
    return unsafe matchesValid(value)
  }

  func find(in text: UnsafeRawBufferPointer, groupCount: Int) -> [Int64]? {
    var bounds = [Int64](repeating: -1, count: 2 * groupCount)
    let found = unsafe apus_re2_find(
      handle, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count, &bounds, groupCount)
    return found ? bounds : nil
  }

  func groups(named names: [String]) -> (count: Int, numbers: [String: Int]) {
    var numbers: [String: Int] = [:]
    for name in names {
      let number = unsafe apus_re2_group_named(handle, name, name.utf8.count)
      if number > 0 { numbers[name] = number }
    }
    return (unsafe apus_re2_group_count(handle), numbers)
  }

  private func matchesValid(_ text: UnsafeRawBufferPointer) -> Bool {
    unsafe apus_re2_matches(handle, text.baseAddress?.assumingMemoryBound(to: CChar.self), text.count)
  }
}

/// A copy of `bytes` with each byte that is part of no well-formed UTF-8 sequence replaced by U+FFFD, as Go reads strings;
/// nil where all is well-formed already.
func repairedUTF8(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
  var result: [UInt8]?
  var index = 0
  while index < bytes.count {
    let size = unsafe wellFormedSequenceSize(bytes, at: index)
    if size == 0, result == nil { result = unsafe Array(bytes[..<index]) }
    if size == 0 {
      result?.append(contentsOf: [0xEF, 0xBF, 0xBD])
    } else {
      unsafe result?.append(contentsOf: bytes[index..<(index + size)])
    }
    index += max(size, 1)
  }
  return result
}

/// Bytes of the well-formed UTF-8 sequence that starts at `index`, or 0 where there is none.
private func wellFormedSequenceSize(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
  let lead = unsafe bytes[index]
  if lead < 0x80 { return 1 }
  guard let form = UTF8Lead(lead), bytes.count - index >= form.size else { return 0 }
  guard unsafe form.second.contains(bytes[index + 1]) else { return 0 }
  for offset in 2..<max(form.size, 2) {
    guard unsafe bytes[index + offset] & 0xC0 == 0x80 else { return 0 }
  }
  return form.size
}

/// What a first byte above 0x7F says about its sequence: its size and which second bytes are allowed.
struct UTF8Lead {
  let size: Int
  let second: ClosedRange<UInt8>

  init?(_ lead: UInt8) {
    switch lead {
    case 0xC2...0xDF: (size, second) = (2, 0x80...0xBF)
    case 0xE0: (size, second) = (3, 0xA0...0xBF)
    case 0xED: (size, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (size, second) = (3, 0x80...0xBF)
    case 0xF0: (size, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (size, second) = (4, 0x80...0xBF)
    case 0xF4: (size, second) = (4, 0x80...0x8F)
    default: return nil
    }
  }
}

/// ``error parsing regexp: TEXT: `argument` ``, as Go's `regexp/syntax` writes it.
private func goError(_ text: String, _ argument: String?) -> ModelError {
  ModelError(.regex, "error parsing regexp: \(text)" + (argument.map { ": `\($0)`" } ?? ": ``"))
}

private func goText(_ code: apus_re2_error) -> String {
  switch code {
  case APUS_RE2_BAD_ESCAPE: "invalid escape sequence"
  case APUS_RE2_BAD_CLASS: "invalid character class"
  case APUS_RE2_BAD_RANGE: "invalid character class range"
  case APUS_RE2_MISSING_BRACKET: "missing closing ]"
  case APUS_RE2_MISSING_PAREN: "missing closing )"
  case APUS_RE2_UNEXPECTED_PAREN: "unexpected )"
  case APUS_RE2_TRAILING_BACKSLASH: "trailing backslash at end of expression"
  case APUS_RE2_REPEAT_ARGUMENT: "missing argument to repetition operator"
  case APUS_RE2_REPEAT_SIZE: "invalid repeat count"
  case APUS_RE2_REPEAT_OPERATOR: "invalid nested repetition operator"
  case APUS_RE2_BAD_PERL_OPERATOR: "invalid or unsupported Perl syntax"
  case APUS_RE2_BAD_UTF8: "invalid UTF-8"
  case APUS_RE2_BAD_NAMED_CAPTURE: "invalid named capture"
  case APUS_RE2_TOO_LARGE: "expression too large"
  default: "internal error"
  }
}
