// JSON strings as Go's encoder writes them without HTML escaping: `"`, `\` and control characters escaped, U+2028 and
// U+2029 escaped, bytes that are no UTF-8 replaced by an escaped U+FFFD, all else as it is.

extension TextBuffer {
  /// `bytes` as a JSON string with its quotes.
  mutating func appendJSON(_ bytes: UnsafeRawBufferPointer) {
    append(UInt8(ascii: "\""))
    var plain = 0  // start of what needs no escape
    var at = 0
    let count = bytes.count
    while at < count {
      let byte = unsafe bytes[at]
      if byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5C {
        at += 1
        continue
      }
      var length = 1
      if byte >= 0x80 {
        length = unsafe utf8Length(of: bytes, at: at)
        let isLineSeparator =
          unsafe length == 3 && byte == 0xE2 && bytes[at + 1] == 0x80 && bytes[at + 2] & 0xFE == 0xA8
        if length > 0, !isLineSeparator {
          at += length
          continue
        }
      }
      unsafe append(UnsafeRawBufferPointer(rebasing: bytes[plain..<at]))
      switch byte {
      case 0x22: append("\\\"")
      case 0x5C: append("\\\\")
      case 0x08: append("\\b")
      case 0x0C: append("\\f")
      case 0x0A: append("\\n")
      case 0x0D: append("\\r")
      case 0x09: append("\\t")
      case 0x00..<0x20:
        append("\\u00")
        append(byte >> 4 + 48)
        append(byte & 15 < 10 ? byte & 15 + 48 : byte & 15 + 87)
      default:
        if length == 3 {
          append(unsafe bytes[at + 2] == 0xA8 ? "\\u2028" : "\\u2029")
        } else {
          append("\\ufffd")
          length = 1
        }
      }
      at += length
      plain = at
    }
    unsafe append(UnsafeRawBufferPointer(rebasing: bytes[plain..<count]))
    append(UInt8(ascii: "\""))
  }

  mutating func appendJSON(_ text: String) {
    var text = text
    text.withUTF8 { unsafe appendJSON(UnsafeRawBufferPointer($0)) }
  }
}

/// Length of the UTF-8 sequence that begins at `at` (which is below `bytes.count`), or 0 where there is none: surrogates,
/// overlong forms and values above U+10FFFF are none.
func utf8Length(of bytes: UnsafeRawBufferPointer, at: Int) -> Int {
  let left = bytes.count - at
  let first = unsafe bytes[at]
  func isContinuation(_ offset: Int) -> Bool { unsafe bytes[at + offset] & 0xC0 == 0x80 }
  switch first {
  case 0..<0x80:
    return 1
  case 0xC2...0xDF:
    return left >= 2 && isContinuation(1) ? 2 : 0
  case 0xE0...0xEF:
    guard left >= 3, isContinuation(1), isContinuation(2) else { return 0 }
    let second = unsafe bytes[at + 1]
    return (first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) ? 0 : 3
  case 0xF0...0xF4:
    guard left >= 4, isContinuation(1), isContinuation(2), isContinuation(3) else { return 0 }
    let second = unsafe bytes[at + 1]
    return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second >= 0x90) ? 0 : 4
  default:
    return 0
  }
}
