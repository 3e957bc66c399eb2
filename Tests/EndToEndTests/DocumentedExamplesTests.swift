// The examples of the operators' pages are run, and must print what the page says.
import TestSupport
import Testing

@Suite struct DocumentedExamplesTests {
  /// A command as the page shows it, and the lines below it; "…" stands for any number of lines.
  private struct Example {
    var command: String
    var output: [Substring] = []
  }

  private static func examples(in page: String) throws -> [Example] {
    let text = String(decoding: try readFile(Fixtures.repository + "/" + page), as: UTF8.self)
    var examples: [Example] = []
    var isInside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```console"
      } else if isInside, line.hasPrefix("$ apus ") {
        examples.append(Example(command: String(line.dropFirst("$ apus ".count))))
      } else if isInside, let last = examples.indices.last {
        examples[last].output.append(line)
      }
    }
    return examples
  }

  /// Whether `lines` are `pattern`, in which each "…" stands for any number of lines.
  private static func fits(_ lines: ArraySlice<Substring>, _ pattern: ArraySlice<Substring>) -> Bool {
    guard let first = pattern.first else { return lines.isEmpty }
    if first == "…" {
      return (lines.startIndex...lines.endIndex).contains { fits(lines[$0...], pattern.dropFirst()) }
    }
    return lines.first == first && fits(lines.dropFirst(), pattern.dropFirst())
  }

  /// The words of a command line as a shell takes them apart: single quotes hold what stands between them together.
  private static func words(_ command: String) -> [String] {
    var words = [""]
    var isQuoted = false
    for character in command {
      switch character {
      case "'": isQuoted.toggle()
      case " " where !isQuoted: words.append("")
      default: words[words.count - 1].append(character)
      }
    }
    return words.filter { !$0.isEmpty }
  }

  @Test func examplesPrintWhatThePageSays() throws {
    let examples = try Self.examples(in: "docs/components/tools.md")
    #expect(examples.count >= 5)
    for example in examples {
      let arguments = Self.words(example.command).map { word in
        word.replacing("fixtures/", with: Fixtures.repository + "/fixtures/")
      }
      let result = try BuiltProgram.run(arguments, timeLimitSeconds: 60)
      let printed = (result.outputText + result.errorText).replacing(Fixtures.repository + "/", with: "")
      var lines = printed.split(separator: "\n", omittingEmptySubsequences: false)
      if lines.last == "" { lines.removeLast() }
      #expect(
        Self.fits(lines[...], example.output[...]), "apus \(example.command) prints otherwise:\n\(printed)")
    }
  }
}
