// Files of a running component.
import TestSupport
import Testing

@testable import ComponentSupport

@Suite struct StateFileTests {
  @Test func linesAreAddedWhole() async throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/log"
    let long = String(repeating: "x", count: 3000)
    for run in 0..<2 {
      let file = try StateFile.lines(path)
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<50 { group.addTask { file.append(line: "\(run) \(number) \(long)") } }
      }
    }
    let text = String(decoding: try readFile(path), as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.count == 100 && Set(lines).count == 100 && lines.allSatisfy { $0.hasSuffix(long) })
  }

  @Test func placesAreWrittenOver() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/places"
    #expect(try StateFile.contents(of: path, bytesMax: 10) == nil)
    let file = try StateFile.places(path, contents: Array("0123456789".utf8))
    #expect(file.write(Array("ab".utf8), at: 4))
    #expect(try StateFile.contents(of: path, bytesMax: 100) == Array("0123ab6789".utf8))
    #expect(try StateFile.contents(of: path, bytesMax: 5) == Array("0123a".utf8))
    _ = try StateFile.places(path, contents: [7])
    #expect(try readFile(path) == [7])
  }

  @Test func failuresNameTheFile() throws {
    #expect {
      _ = try StateFile.lines("/proc/nope/log")
    } throws: {
      "\($0)" == "open for lines /proc/nope/log: No such file or directory"
    }
    let folder = try TemporaryFolder()
    #expect(try StateFile.lines(folder.path + "/a/b/log").append(line: "x"))
    #expect(try readFile(folder.path + "/a/b/log") == Array("x\n".utf8))
    #expect(throws: StateFileError.self) { try StateFile.contents(of: "/", bytesMax: 1) }
  }
}
