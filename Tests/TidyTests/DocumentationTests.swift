// Every public symbol of the libraries says what it is, and the pages say what there is.
import Foundation
import TestSupport
import Testing

@Suite struct DocumentationTests {
  /// Members whose meaning the protocol they fulfil gives them.
  private static let saysItself = #"""
    (var (description|debugDescription|hashValue|startIndex|endIndex|count|errorDescription|rawValue|id)\b|\
    func (==|<|hash\(into|index\((after|before)|next\(\)|makeIterator|encode\(to)|init\((from|rawValue)\b|typealias |\
    subscript\((position|index)|func read\(_ field: ProtobufField|func write\(to writer: inout ProtobufWriter)
    """#.replacingOccurrences(of: "\\\n", with: "")

  /// What fulfils a requirement of a protocol of ours is documented there: names of requirements.
  private static let requirements: Set<String> = {
    var names: Set<String> = []
    for file in SourceTree.files(below: "Sources") where file.isSwift {
      var isInside = false
      for line in file.codeLines {
        if matches(line, #"^(public )?protocol "#) { isInside = true } else if line.hasPrefix("}") { isInside = false }
        guard isInside, let name = firstGroup(line, requirementName) else { continue }
        names.insert(name)
      }
    }
    return names
  }()

  private static let requirementName =
    #"^\s+(?:public )?(?:static )?(?:mutating )?(?:nonisolated )?((?:func|var|let) \w+)"#

  /// Whether the line declares something that a protocol of ours asks for.
  private func fulfilsRequirement(_ line: String) -> Bool {
    firstGroup(line.replacingOccurrences(of: " let ", with: " var "), Self.requirementName).map {
      Self.requirements.contains($0)
    } ?? false
  }

  @Test func publicSwiftDeclarationsHaveADocstring() throws {
    for file in SourceTree.files(below: "Sources") where file.isSwift && !file.isComponent && file.target != "CLI" {
      let lines = file.lines
      let code = file.codeLines
      for (number, line) in code.enumerated() {
        guard
          matches(
            line, #"^\s*(@\S+(\([^)]*\))?\s+)*(public|open)\s+(?!import\b|extension\b|internal\(set\)\s+import)"#),
          !matches(line, Self.saysItself), !fulfilsRequirement(line)
        else { continue }
        tidy(
          hasDocstring(before: number, lines),
          "\(file.path):\(number + 1): a public declaration without `///`: say what it is, its units, shapes and errors"
        )
      }
    }
  }

  @Test func functionsOfCHeadersHaveADocstring() {
    for file in SourceTree.files(below: "Sources") where file.path.hasSuffix(".h") && file.path.contains("/include/") {
      let lines = file.lines
      for (number, line) in file.codeLines.enumerated() {
        // A declaration or an inline definition begins at the left margin with its type and names the function.
        guard matches(line, #"^[a-z_][\w \*]*[ \*]\w+\("#), !matches(line, #"^\s*(return|typedef|if|while|for|else)\b"#)
        else { continue }
        tidy(
          hasDocstring(before: number, lines),
          "\(file.path):\(number + 1): a function without `///`: say its units, shapes, owner, results and cost")
      }
    }
  }

  /// Whether the lines before `number`, attributes left out, end with a doc comment.
  private func hasDocstring(before number: Int, _ lines: [String]) -> Bool {
    var at = number - 1
    while at >= 0 {
      let line = lines[at].trimmingCharacters(in: .whitespaces)
      if line.hasPrefix("///") || line.hasSuffix("*/") { return true }
      guard line.hasPrefix("@") || line.hasPrefix("#if") || line.hasPrefix("__attribute__") else { return false }
      at -= 1
    }
    return false
  }

  @Test func componentTableTellsWhatThereIs() throws {
    let readme = try SourceTree.file("README.md")
    let folders = Set(
      SourceTree.files(below: "Sources/Components").compactMap(\.target))
    var listed: Set<String> = []
    for line in readme.lines where line.hasPrefix("| `apus ") {
      let cells = line.components(separatedBy: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      let target = try #require(firstGroup(cells[2], "`(\\w+)`"), "README.md: no target in the row \(line)")
      listed.insert(target)
      let isPlanned = cells[3].hasPrefix("planned")
      tidy(
        isPlanned != folders.contains(target),
        "README.md: \(target) is \(isPlanned ? "planned, but Sources/Components has it" : "not in Sources/Components"); correct its state"
      )
    }
    tidy(folders.subtracting(listed).isEmpty, "README.md: no row for \(folders.subtracting(listed).sorted())")
    #expect(listed.count >= 9)
  }

  @Test func relativeLinksOfPagesExist() {
    for file in SourceTree.files where file.path.hasSuffix(".md") {
      let folder = (file.path as NSString).deletingLastPathComponent
      for (number, line) in file.lines.enumerated() {
        for part in line.components(separatedBy: "](").dropFirst() {
          let link = part.prefix { $0 != ")" && $0 != "#" }
          guard !link.isEmpty, !link.contains("://"), !link.hasPrefix("mailto:") else { continue }
          let path = Fixtures.repository + "/" + (folder.isEmpty ? "" : folder + "/") + link
          tidy(
            FileManager.default.fileExists(atPath: path),
            "\(file.path):\(number + 1): the link to \(link) leads nowhere")
        }
      }
    }
  }

  @Test func decisionsAreNumberedWithoutGaps() throws {
    let names = SourceTree.files(below: "docs/decisions").map(\.name).filter { $0 != "README.md" }.sorted()
    #expect(!names.isEmpty)
    for (index, name) in names.enumerated() {
      let number = String(index + 1)
      let expected = String(repeating: "0", count: 4 - number.count) + number + "-"
      tidy(name.hasPrefix(expected), "docs/decisions/\(name): the next free number is \(expected)")
    }
  }

  @Test func compatibilityTableHasThreeColumns() throws {
    let table = try SourceTree.file("docs/compatibility.tsv")
    for (number, line) in table.lines.dropLast().enumerated() where !line.hasPrefix("#") {
      tidy(
        line.components(separatedBy: "\t").count == 3,
        "docs/compatibility.tsv:\(number + 1): area, name and reason, separated by tabs")
    }
  }
}
