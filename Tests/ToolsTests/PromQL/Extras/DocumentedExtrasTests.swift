// The examples of docs/promql.md are run, and the page names all that there is.
import Foundation
import PromQL
import TestSupport
import Testing

@Suite struct DocumentedExtrasTests {
  private let page: String

  init() throws { page = try String(contentsOfFile: Fixtures.repository + "/docs/promql.md", encoding: .utf8) }

  @Test func examplesAreRight() async throws {
    let scripts = page.components(separatedBy: "```promqltest\n").dropFirst().compactMap {
      $0.components(separatedBy: "```").first
    }
    #expect(!scripts.isEmpty)
    for script in scripts { try await expectPasses(script + "\n") }
  }

  @Test func allFunctionsAreNamed() {
    for function in FunctionSignature.all where function.origin == .extras {
      #expect(page.contains("`\(function.name)`") || page.contains("`\(function.name)("), "\(function.name)")
    }
  }
}
