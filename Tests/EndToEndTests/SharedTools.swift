// The comparing tools of the shared collection.
import Foundation
import TestSupport
import Testing

/// Runs one of them, with the differences that docs/compatibility.tsv lists. Its last line begins "N passed, N failed".
func compare(_ tool: String, _ arguments: [String], timeLimitSeconds: Double = 120) throws -> (
  passed: Int, failed: Int, text: String
) {
  let shared = try #require(Fixtures.shared)
  let python = try Peers.require("python")
  let known = Fixtures.repository + "/docs/compatibility.tsv"
  let result = try runProcess(
    python, ["\(shared)/tools/\(tool)"] + arguments + ["--known", known], timeLimitSeconds: timeLimitSeconds)
  let last = result.outputText.split(separator: "\n").last.map(String.init) ?? ""
  let numbers = last.split { !$0.isNumber }.compactMap { Int($0) }
  guard numbers.count == 2 else { throw TestSupportError("\(tool): \(result.outputText)\(result.errorText)") }
  return (numbers[0], numbers[1], result.outputText)
}
