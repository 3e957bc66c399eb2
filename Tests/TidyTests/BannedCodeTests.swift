// Calls and forms that this code base does without, each with what to use instead.
import Foundation
import TestSupport
import Testing

/// A form that must not occur in code, and the remedy.
struct Ban: Sendable, CustomTestStringConvertible {
  let name: String
  let pattern: String
  let remedy: String
  var testDescription: String { name }
}

private let bansInSwift = [
  Ban(
    name: "try!", pattern: #"\btry!"#,
    remedy: "bytes from outside must never trap: throw, or show that it cannot fail by types"),
  Ban(name: "as!", pattern: #"\bas!"#, remedy: "use `as?` and throw, or a type that needs no cast"),
  Ban(
    name: "force unwrap", pattern: #"[\w\)\]\}]!(?![=\w])"#,
    remedy:
      "use `guard let … else { throw }`; where it cannot be nil, say so by a type or `preconditionFailure(\"why\")`"),
  Ban(
    name: "String(format:)", pattern: #"String\(\s*format:"#,
    remedy: "it needs Foundation; build the text by interpolation"),
  Ban(name: "print for logs", pattern: #"\bNSLog\("#, remedy: "use the Logger of Observability"),
  Ban(name: "detached task", pattern: #"\bTask\.detached\b"#, remedy: "make it a child task of the component's run()"),
]

private let bansInCore = [
  Ban(
    name: "allocation", pattern: #"(?<![\w>.])(malloc|calloc|realloc|free|alloca|strdup)\s*\("#,
    remedy: "the caller allocates (a `tsdb_…_bound` tells how much), or takes a tsdb_allocator"),
  Ban(
    name: "files and output",
    pattern: #"(?<![\w>.])(fopen|fread|fwrite|open|read|write|printf|fprintf|puts|perror)\s*\(|\bFILE\b"#,
    remedy: "the C core is pure functions over bytes; do it in Swift"),
  Ban(
    name: "clocks", pattern: #"(?<![\w>.])(time|clock|clock_gettime|gettimeofday|nanosleep)\s*\("#,
    remedy: "a clock is a parameter; the C core has none"),
  Ban(
    name: "process", pattern: #"(?<![\w>.])(abort|exit|getenv|signal|longjmp|setjmp)\s*\(|\bpthread_\w+"#,
    remedy: "return a tsdb_status"),
  Ban(
    name: "unaligned loads", pattern: #"\((const\s+)?u?int(16|32|64)_t\s*(const\s*)?\*\)\s*\(?\s*src"#,
    remedy: "use tsdb_load_be32 and friends"),
]

@Suite struct BannedCodeTests {
  @Test(arguments: bansInSwift) func swiftDoesWithout(_ ban: Ban) {
    for file in SourceTree.files(below: "Sources", where: \.isSwift) { expectNone(of: ban, in: file) }
  }

  @Test(arguments: bansInCore) func coreDoesWithout(_ ban: Ban) {
    for file in SourceTree.files(below: "Sources/CTSDB", where: \.isC) { expectNone(of: ban, in: file) }
  }

  private func expectNone(of ban: Ban, in file: SourceFile) {
    for (number, line) in file.codeLines.enumerated() {
      tidy(!matches(line, ban.pattern), "\(file.path):\(number + 1): no \(ban.name) here: \(ban.remedy)")
    }
  }

  /// The tests above see code only: this shows that they do not see comments and strings, and do see code beside them.
  @Test func codeOnlyBlanksCommentsAndStrings() {
    let source = #"let a = "x! \(b["k"]!) y" // c!"# + "\n" + #"d! /* e! */ + f"#
    let lines = codeOnly(source, isSwift: true).components(separatedBy: "\n")
    #expect(lines.count == 2 && !lines[0].contains("!") && lines[1].contains("d!") && !lines[1].contains("e!"))
    #expect(!codeOnly("s = \"free(\"; /* free(x) */ c = '\"'; g();", isSwift: false).contains("free"))
    #expect(codeOnly("c = '\"'; free(x);", isSwift: false).contains("free(x)"))
  }
}
