// How files of this folder are given out.
internal import Transport

/// What all pages have in common.
enum PageFile {
  /// Nothing of it may come from elsewhere, and no other page may show it within itself.
  private static let policy =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"

  static func reply(_ bytes: [UInt8], _ type: String) -> HTTPReply {
    HTTPReply(
      headers: [
        "content-type": "\(type); charset=utf-8", "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "cache-control": "no-cache",
      ], body: bytes)
  }
}

extension String {
  /// This text with all places of `mark` replaced by `text`, of which characters that mean something in HTML are written as
  /// references.
  func filling(_ mark: String, with text: String) -> String {
    var safe = ""
    for character in text {
      switch character {
      case "&": safe += "&amp;"
      case "<": safe += "&lt;"
      case "\"": safe += "&quot;"
      default: safe.append(character)
      }
    }
    // By bytes: the library for searching in texts would make the executable larger by a megabyte.
    let (bytes, wanted) = (Array(utf8), Array(mark.utf8))
    var (result, at) = ([UInt8](), 0)
    while at < bytes.count {
      if bytes[at...].starts(with: wanted) {
        result += Array(safe.utf8)
        at += wanted.count
      } else {
        result.append(bytes[at])
        at += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
