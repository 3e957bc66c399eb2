// The repository's own text, as the tidy tests read it.
import Foundation
import TestSupport
import Testing

/// A text file of the repository.
struct SourceFile {
  /// Path from the repository's root.
  let path: String
  let text: String
  var lines: [String] { text.components(separatedBy: "\n") }
  var name: String { (path as NSString).lastPathComponent }
  var isSwift: Bool { path.hasSuffix(".swift") }
  var isC: Bool { [".c", ".h", ".cpp"].contains { path.hasSuffix($0) } }

  /// The text with comments and the contents of string literals replaced by blanks, line by line: only code is left.
  var codeLines: [String] { codeOnly(text, isSwift: isSwift).components(separatedBy: "\n") }

  /// The target that a file of Sources belongs to.
  var target: String? {
    let parts = path.components(separatedBy: "/")
    guard parts.count > 2, parts[0] == "Sources" else { return nil }
    return ["CLibraries", "Components"].contains(parts[1]) && parts.count > 3 ? parts[2] : parts[1]
  }

  /// Whether it is a component, `Sources/Components/<target>/…`.
  var isComponent: Bool { path.hasPrefix("Sources/Components/") }
}

/// Records an issue with `message` alone where `isFine` does not hold: `#expect` would print whole files beside it.
func tidy(_ isFine: Bool, _ message: @autoclosure () -> String, _ location: Testing.SourceLocation = #_sourceLocation) {
  if !isFine { Issue.record(Comment(rawValue: message()), sourceLocation: location) }
}

enum SourceTree {
  /// Every text file of the repository but recorded bytes, build folders and what git keeps for itself.
  static let files: [SourceFile] = {
    let root = Fixtures.repository
    var found: [SourceFile] = []
    guard let walk = FileManager.default.enumerator(atPath: root) else { return [] }
    while let path = walk.nextObject() as? String {
      let name = (path as NSString).lastPathComponent
      if name == ".git" || name.hasPrefix(".build") || name == "__pycache__" || path == "Fuzz/corpus" {
        walk.skipDescendants()
        continue
      }
      if path.hasPrefix("fixtures/") && path != "fixtures/README.md" || path.hasPrefix("Fuzz/seeds/")
        || path.hasPrefix("Fuzz/crashers/")
      {
        continue
      }
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: root + "/" + path, isDirectory: &isFolder), !isFolder.boolValue,
        let data = FileManager.default.contents(atPath: root + "/" + path), !data.prefix(4096).contains(0),
        let text = String(data: data, encoding: .utf8)
      else { continue }
      found.append(SourceFile(path: path, text: text))
    }
    return found.sorted { $0.path < $1.path }
  }()

  static func files(below folder: String, where isWanted: (SourceFile) -> Bool = { _ in true }) -> [SourceFile] {
    files.filter { $0.path.hasPrefix(folder + "/") && isWanted($0) }
  }

  static func file(_ path: String) throws -> SourceFile {
    guard let file = files.first(where: { $0.path == path }) else { throw TestSupportError("no file \(path)") }
    return file
  }
}

/// Whether any part of `line` matches the regular expression `pattern`.
func matches(_ line: String, _ pattern: String) -> Bool {
  line.range(of: pattern, options: .regularExpression) != nil
}

/// What the first group of `pattern` matches in `line`.
func firstGroup(_ line: String, _ pattern: String) -> String? {
  guard let expression = try? NSRegularExpression(pattern: pattern),
    let match = expression.firstMatch(in: line, range: NSRange(line.startIndex..., in: line)), match.numberOfRanges > 1,
    let range = Range(match.range(at: 1), in: line)
  else { return nil }
  return String(line[range])
}

/// `text` with comments and the contents of string literals blanked out; line breaks stay where they are.
func codeOnly(_ text: String, isSwift: Bool) -> String {
  let source = Array(text.utf8)
  var out = source
  var at = 0
  func byte(_ offset: Int) -> UInt8 { at + offset < source.count ? source[at + offset] : 0 }
  func blank(_ count: Int) {
    for _ in 0..<count where at < source.count {
      if source[at] != UInt8(ascii: "\n") { out[at] = UInt8(ascii: " ") }
      at += 1
    }
  }
  func skipString() {
    var hashes = 0
    while isSwift && byte(hashes) == UInt8(ascii: "#") { hashes += 1 }
    at += hashes
    let quote = byte(0)
    let isLong = isSwift && byte(1) == quote && byte(2) == quote
    at += isLong ? 3 : 1
    while at < source.count {
      if byte(0) == UInt8(ascii: "\\") && (0..<hashes).allSatisfy({ byte(1 + $0) == UInt8(ascii: "#") }) {
        if isSwift && byte(1 + hashes) == UInt8(ascii: "(") {
          // An interpolation: code, but blanked as well; it ends at its own parenthesis.
          blank(2 + hashes)
          var depth = 1
          while at < source.count && depth > 0 {
            if byte(0) == UInt8(ascii: "\"") {
              skipString()
              continue
            }
            depth += byte(0) == UInt8(ascii: "(") ? 1 : byte(0) == UInt8(ascii: ")") ? -1 : 0
            blank(1)
          }
        } else {
          blank(2 + hashes)
        }
        continue
      }
      let ends = isLong ? byte(0) == quote && byte(1) == quote && byte(2) == quote : byte(0) == quote
      if ends && (0..<hashes).allSatisfy({ byte((isLong ? 3 : 1) + $0) == UInt8(ascii: "#") }) {
        at += (isLong ? 3 : 1) + hashes
        return
      }
      if !isLong && byte(0) == UInt8(ascii: "\n") { return }
      blank(1)
    }
  }
  while at < source.count {
    switch byte(0) {
    case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"):
      while at < source.count && byte(0) != UInt8(ascii: "\n") { blank(1) }
    case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"):
      var depth = 0
      repeat {
        if byte(0) == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*") {
          depth += isSwift || depth == 0 ? 1 : 0
          blank(2)
        } else if byte(0) == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/") {
          depth -= 1
          blank(2)
        } else {
          blank(1)
        }
      } while depth > 0 && at < source.count
    case UInt8(ascii: "\""):
      skipString()
    case UInt8(ascii: "#") where isSwift && (byte(1) == UInt8(ascii: "\"") || byte(1) == UInt8(ascii: "#")):
      skipString()
    case UInt8(ascii: "'") where !isSwift:
      // A character constant; digit separators do not occur in C17.
      at += 1
      while at < source.count && byte(0) != UInt8(ascii: "'") && byte(0) != UInt8(ascii: "\n") {
        blank(byte(0) == UInt8(ascii: "\\") ? 2 : 1)
      }
      at += 1
    default:
      at += 1
    }
  }
  return String(decoding: out, as: UTF8.self)
}
