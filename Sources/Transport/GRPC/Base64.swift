// Base64 of RFC 4648, section 4: for metadata whose name ends in `-bin`, credentials and the like.

/// Bytes as text of 64 letters, and back.
public enum Base64 {
  private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The six bits of each letter; 0xFF where a byte is none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xFF, count: 256)
    for (value, letter) in letters.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()

  /// The text for `bytes`, filled up with `=` to a multiple of four where `padded`.
  public static func encoded(_ bytes: [UInt8], padded: Bool = true) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var position = 0
    while position < bytes.count {
      let count = min(3, bytes.count - position)
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[position + index]) : 0) }
      for index in 0...count { text.append(letters[Int(group >> (18 - 6 * UInt32(index)) & 63)]) }
      if padded { for _ in count..<3 { text.append(0x3D) } }
      position += 3
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of `text`, with or without its `=` at the end; nil where it is not Base64. Bits beyond the last byte must be 0
  /// only where Go asks for that too: nowhere.
  public static func decoded(_ text: some StringProtocol) -> [UInt8]? {
    var letters = Array(text.utf8)
    if letters.last == 0x3D {
      guard letters.count % 4 == 0 else { return nil }
      letters.removeLast()
      if letters.last == 0x3D { letters.removeLast() }
    }
    guard letters.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(letters.count / 4 * 3 + 2)
    var group: UInt32 = 0
    var bits: UInt32 = 0
    for letter in letters {
      let value = values[Int(letter)]
      guard value != 0xFF else { return nil }
      group = group << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return bytes
  }
}
