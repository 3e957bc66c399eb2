// Whole blocks through whole programs: `apus` beside `promtool`, on a block of the data set D.
import Glibc

/// The executable, built in release by Scripts/bench; for toy size that of `swift build` is good enough.
let apus = benchSize == .toy ? "../.build/debug/apus" : "../.build/release/apus"

/// A folder with one block of D (two hours of 500 series) and the empty log folder that promtool wants.
private func blockOfD() throws -> (folder: String, block: String) {
  guard access(apus, X_OK) == 0 else { throw ProgramError(description: "\(apus) is not built: run Scripts/bench") }
  let scale = benchSize == .full ? "0.02" : "0.002"
  let data = benchFolder + "/D-" + scale
  for path in [data, data + "/wal"] { mkdir(path, 0o755) }
  if firstBlock(data) == nil {
    let generate = [apus, "tools", "bench", "generate", "--set", "D", "--scale", scale, "--blocks", "1", "-o", data]
    guard runProgram(generate) == 0 else {
      throw ProgramError(description: "apus tools bench generate did not make \(data)")
    }
  }
  guard let block = firstBlock(data) else { throw ProgramError(description: "no block in \(data)") }
  return (data, block)
}

/// The first folder in `path` that is named like a block.
func firstBlock(_ path: String) -> String? {
  guard let handle = opendir(path) else { return nil }
  defer { closedir(handle) }
  var names: [String] = []
  while let entry = readdir(handle) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name.utf8.count == 26 { names.append(name) }
  }
  return names.min()
}

private func apusRow(_ name: String, _ arguments: [String], peer: Peer? = nil) -> Row {
  Row(name: name, unit: "ms", peer: peer) {
    let (data, block) = try blockOfD()
    return program([apus, "tools", "block"] + arguments + [data + "/" + block])
  }
}

private func promtool(_ arguments: [String], takesBlock: Bool) -> Peer {
  Peer(name: "promtool") {
    let (data, block) = try blockOfD()
    return peerPath("promtool").map { program([$0, "tsdb"] + arguments + [data] + (takesBlock ? [block] : [])) }
  }
}

let blockRows: [Row] = [
  apusRow("block_stats_d", ["stats"], peer: promtool(["analyze", "--extended"], takesBlock: true)),
  // promtool goes through all blocks of the folder: there is one only.
  apusRow(
    "block_dump_openmetrics_d", ["dump", "--format", "openmetrics"],
    peer: promtool(["dump-openmetrics"], takesBlock: false)),
  apusRow("block_verify_d", ["verify"]),
  // The same text into blocks again, which are the same but for what stands in their meta.json.
  Row(
    name: "backfill_openmetrics_d", unit: "ms",
    peer: Peer(name: "promtool") {
      let (text, out) = try textOfD()
      return peerPath("promtool").map {
        shell("rm -rf \(out) && exec \($0) tsdb create-blocks-from openmetrics -q \(text) \(out)")
      }
    }
  ) {
    let (text, out) = try textOfD()
    return shell("rm -rf \(out) && exec \(apus) tools block create-from openmetrics \(text) -o \(out)")
  },
]

/// The block of D as OpenMetrics, and a folder for what is made of it.
private func textOfD() throws -> (text: String, out: String) {
  let (data, block) = try blockOfD()
  let text = data + "/text.om"
  let dump = [apus, "tools", "block", "dump", "--format", "openmetrics", data + "/" + block]
  guard access(text, R_OK) == 0 || runProgram(dump, outputPath: text) == 0 else {
    throw ProgramError(description: "apus tools block dump did not write \(text)")
  }
  return (text, data + "/made")
}
