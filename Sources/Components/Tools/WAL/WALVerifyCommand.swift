// `apus tools wal verify`: everything that is wrong with the files of a head, and what it costs.
internal import ComponentSupport
internal import Storage

enum WALVerifyCommand {
  static let spec = CommandSpec(
    "verify",
    "Read the files of heads whole and report every defect: file, offset, and what it costs. Exit code 1 if there is one.",
    arguments: [
      ArgumentSpec("folder", .string, "Data folders, or folders of logs alone.", repeatable: true)
    ])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let paths = command.texts("folder")
    var damagedCount = 0
    for (number, path) in paths.enumerated() {
      var bar = ProgressBar(paths.count == 1 ? "verify" : "verify \(number + 1)/\(paths.count)")
      var lines = DefectLines()
      defer { bar.clear() }
      do {
        let head = try HeadFolder(path: path)
        let inspection = try HeadInspection.of(
          head, progress: { bar.show(done: $0, of: $1) },
          report: { lines.add($0, whenFull: bar.clear) })
        bar.clear()
        try lines.print()
        if inspection.defectCount == 0 {
          try printOutput("\(path): sound (\(inspection.recordCount) records, \(inspection.chunkCount) chunks)\n")
        } else {
          damagedCount += 1
          let count = inspection.defectCount
          try printOutput("\(path): \(count) \(count == 1 ? "defect" : "defects")\n")
        }
      } catch let error as StorageError {
        bar.clear()
        try lines.print()
        damagedCount += 1
        try printOutput("\(error.message)\n")
      }
    }
    return damagedCount == 0 ? 0 : 1
  }
}

/// Defects on their way to standard output: what is damaged all over must not fill the memory with complaints.
struct DefectLines {
  private var lines: [String] = []

  init() {}

  /// Adds a defect, and prints all of them where they have become many.
  mutating func add(_ defect: HeadDefect, whenFull: () -> Void) {
    lines.append("\(defect)\n")
    guard lines.count >= 1000 else { return }
    whenFull()
    try? print()
  }

  /// Prints what was added.
  mutating func print() throws {
    try printOutput(lines.joined())
    lines.removeAll()
  }
}
