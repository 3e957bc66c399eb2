// Recorded bytes are what they were when they were recorded, and say who wrote them.
import Foundation
import TestSupport
import Testing

@Suite struct FixtureTests {
  private let folder = Fixtures.repository + "/fixtures"

  @Test func everyFolderHasItsProvenance() throws {
    let readme = try SourceTree.file("fixtures/README.md")
    for producer in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + producer, isDirectory: &isFolder)
      guard isFolder.boolValue else { continue }
      for name in try FileManager.default.contentsOfDirectory(atPath: folder + "/" + producer).sorted() {
        tidy(
          readme.text.contains("| `\(producer)/\(name)` |"),
          "fixtures/\(producer)/\(name): no row in fixtures/README.md with its producer and version; add it, or delete the fixture"
        )
      }
    }
  }

  @Test func checksumsCoverEveryFile() throws {
    let sums = try textLines(folder + "/SHA256SUMS")
    let listed = Set(sums.map { String($0.drop { $0 != " " }.drop { $0 == " " || $0 == "*" }) })
    var present: Set<String> = []
    let walk = FileManager.default.enumerator(atPath: folder)
    while let path = walk?.nextObject() as? String {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + path, isDirectory: &isFolder)
      if !isFolder.boolValue && path != "README.md" && path != "SHA256SUMS" { present.insert("./" + path) }
    }
    tidy(
      listed == present, "fixtures/SHA256SUMS does not list exactly the files there; fixtures/README.md has the command"
    )
    let result = try runProcess("/usr/bin/sha256sum", ["--quiet", "-c", "SHA256SUMS"], folder: folder)
    tidy(result.exitCode == 0, "a fixture is not as recorded: \(result.outputText)")
  }
}
