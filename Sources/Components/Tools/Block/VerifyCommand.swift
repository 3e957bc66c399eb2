// `apus tools block verify`: everything that is wrong with blocks, and what it costs.
internal import ComponentSupport
internal import Storage

enum VerifyCommand {
  static let spec = CommandSpec(
    "verify",
    "Read blocks whole and report every defect: file, offset, and what it costs a reader. Exit code 1 if there is one.",
    arguments: [ArgumentSpec("block", .string, "Folders of blocks.", repeatable: true)])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    var damagedBlockCount = 0
    let paths = command.texts("block")
    for (number, path) in paths.enumerated() {
      var defectCount = 0
      do {
        let block = try Block.open(path: path)
        var chunkCount = 0
        var bar = ProgressBar(paths.count == 1 ? "verify" : "verify \(number + 1)/\(paths.count)")
        var lines: [String] = []
        block.verify(
          progress: { progress in
            chunkCount = progress.chunksDone
            bar.show(done: progress.seriesDone, of: progress.seriesCount)
          },
          report: { defect in
            defectCount += 1
            lines.append("\(defect)\n")
            // A block that is damaged all over must not fill the memory with complaints.
            if lines.count >= 1000 {
              bar.clear()
              try? printOutput(lines.joined())
              lines.removeAll()
            }
          })
        bar.clear()
        try printOutput(lines.joined())
        if defectCount == 0 {
          let stats = block.meta.stats
          try printOutput(
            "\(path): sound (\(stats.seriesCount) series, \(max(chunkCount, Int(clamping: stats.chunkCount))) chunks)\n"
          )
        }
      } catch let error as StorageError {
        defectCount = 1
        try printOutput("\(error.message); the block cannot be used\n")
      }
      if defectCount > 0 {
        damagedBlockCount += 1
        try printOutput("\(path): \(defectCount) \(defectCount == 1 ? "defect" : "defects")\n")
      }
    }
    return damagedBlockCount == 0 ? 0 : 1
  }
}
