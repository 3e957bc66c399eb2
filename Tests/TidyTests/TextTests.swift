// The form of all text files of the repository, and how long a source file may be.
import Foundation
import TestSupport
import Testing

/// Sources longer than one sitting that are one idea all the same: path and why.
private let longSources: [String: String] = [:]
private let linesMax = 700

@Suite struct TextTests {
  @Test func noLeftoverMarkers() {
    // Written so that this file does not hold them itself.
    let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    for file in SourceTree.files {
      for (number, line) in file.lines.enumerated() {
        for marker in markers where matches(line, "\\b\(marker)\\b") {
          Issue.record(
            "\(file.path):\(number + 1): a leftover \(marker): do it, or say in a sentence what is missing and when it goes"
          )
        }
      }
    }
  }

  @Test func linesEndPlainly() {
    for file in SourceTree.files {
      tidy(!file.text.contains("\r"), "\(file.path): carriage returns; lines end with a line feed only")
      tidy(
        file.text.isEmpty || file.text.hasSuffix("\n"), "\(file.path): the last line does not end; add a line feed")
      tidy(!file.text.hasSuffix("\n\n"), "\(file.path): blank lines at the end; remove them")
      for (number, line) in file.lines.enumerated() {
        tidy(!matches(line, #"[ \t]+$"#), "\(file.path):\(number + 1): blanks at the end of the line; remove them")
      }
    }
  }

  @Test func noPathOfOneMachine() {
    for file in SourceTree.files where !file.path.hasPrefix("Tests/TidyTests/") {
      for (number, line) in file.lines.enumerated() {
        tidy(
          !matches(line, #"(?<![\w.:/~}\]])/(home|Users|root|work|workspace)/\w"#),
          "\(file.path):\(number + 1): a path of one machine; make it relative to the repository or read it from the environment"
        )
      }
    }
  }

  @Test func noMirrorOrRegistryIsNamed() {
    for file in SourceTree.files
    where file.path.hasPrefix("Scripts/") || file.path.hasPrefix(".ci/") || file.name == "Makefile" {
      for (number, line) in file.lines.enumerated() {
        tidy(
          !matches(line, #"https?://[a-z0-9-]+\.[a-z]"#),
          "\(file.path):\(number + 1): a host name; take the mirror from the system's own package sources")
      }
    }
  }

  @Test func sourcesAreReadInOneSitting() {
    for file in SourceTree.files(below: "Sources") where longSources[file.path] == nil {
      let count = file.lines.count - 1
      tidy(
        count <= linesMax,
        "\(file.path): \(count) lines are more than one sitting (\(linesMax)); split it along a name, not at a number")
    }
    for path in longSources.keys {
      tidy((try? SourceTree.file(path)) != nil, "\(path) is gone; take it out of TextTests.swift")
    }
  }
}
