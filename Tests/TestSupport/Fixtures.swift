// Where recorded bytes lie: copies in `fixtures/` that come with the repository, and the whole collection in `../shared`
// where that folder exists beside it.
import Foundation
import Testing

/// Finds the repository, its fixtures and the shared collection.
public enum Fixtures {
  /// The repository's root folder.
  public static let repository: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// The folder `shared` beside the repository, or nil where there is none (said once on standard error).
  public static let shared: String? = {
    let root = URL(fileURLWithPath: repository)
    // A worktree may lie a folder deeper than the clone that `shared` stands beside.
    for depth in 1...2 {
      var url = root
      for _ in 0..<depth { url.deleteLastPathComponent() }
      let path = url.appendingPathComponent("shared").path
      if FileManager.default.fileExists(atPath: path + "/fixtures") { return path }
    }
    say("no folder ../shared beside the repository: tests over it are skipped; those over fixtures/ run")
    return nil
  }()

  /// `fixtures/<name>` of this repository, else `<name>` of the shared collection's fixtures; nil where neither is there.
  /// `name` is like `prometheus/block-floats`.
  public static func path(_ name: String) -> String? {
    let own = repository + "/fixtures/" + name
    if FileManager.default.fileExists(atPath: own) { return own }
    guard let shared else { return nil }
    let theirs = shared + "/fixtures/" + name
    return FileManager.default.fileExists(atPath: theirs) ? theirs : nil
  }

  /// Like `path`, for a test that cannot do without: throws, with the name, where it is in neither place.
  public static func folder(_ name: String) throws -> String {
    guard let path = path(name) else {
      throw TestSupportError("no fixture \(name): neither in fixtures/ nor in ../shared/fixtures")
    }
    return path
  }

  /// The folders directly below `folder` whose name is a ULID: the blocks of a data folder, as full paths, sorted.
  public static func blocks(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter(isBlockName).sorted().map { folder + "/" + $0 }
  }

  /// Whether a folder of this name is taken for a block: 26 digits and capital letters.
  public static func isBlockName(_ name: String) -> Bool {
    name.utf8.count == 26 && name.allSatisfy { $0.isUppercase || $0.isNumber }
  }

  /// The one block of a fixture folder that holds exactly one.
  public static func block(_ name: String) throws -> String {
    let found = blocks(in: try folder(name))
    guard found.count == 1 else { throw TestSupportError("fixture \(name) holds \(found.count) blocks, not one") }
    return found[0]
  }
}

/// Something a test needs and does not have.
public struct TestSupportError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A line on standard error, so that it stands between the test runner's own lines.
public func say(_ text: String) {
  FileHandle.standardError.write(Data("apus tests: \(text)\n".utf8))
}

/// The bytes of a file.
public func readFile(_ path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// Writes `bytes` to `path`, replacing what is there.
public func writeFile(_ path: String, _ bytes: some Collection<UInt8>) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// The uncompressed bytes of a gzip file. A path that does not end in `.gz` is read as it is.
public func gunzip(_ path: String) throws -> [UInt8] {
  guard path.hasSuffix(".gz") else { return try readFile(path) }
  let result = try runProcess("/bin/gzip", ["-dc", path])
  guard result.exitCode == 0 else { throw TestSupportError("gunzip \(path): \(result.errorText)") }
  return result.output
}

/// The non-empty lines of a text file, uncompressed where its name ends in `.gz`.
public func textLines(_ path: String) throws -> [String] {
  String(decoding: try gunzip(path), as: UTF8.self).split(separator: "\n").map(String.init)
}

extension Trait where Self == ConditionTrait {
  /// For a test over `../shared`: skipped, with the reason, where that folder is not.
  public static var needsShared: Self {
    .enabled("needs the folder ../shared beside the repository") { Fixtures.shared != nil }
  }

  /// For a test that talks to other programs: skipped, with the reason, only where they cannot be had. Names as
  /// `Scripts/peers` knows them: `prometheus`, `promtool`, `node-exporter`, `victoria-metrics`.
  public static func needsPeers(_ names: String...) -> Self {
    .enabled("needs \(names.joined(separator: ", ")), which Scripts/peers could not bring here") {
      names.allSatisfy { Peers.path($0) != nil }
    }
  }
}

/// Whether `make long` runs (it sets APUS_LONG): more rounds, larger inputs. A test never skips itself outside of it, it runs
/// a smaller number of rounds: a skipped test fails CI.
public let isLongTier = ProcessInfo.processInfo.environment["APUS_LONG"] != nil
