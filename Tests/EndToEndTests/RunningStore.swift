// `apus store` over a folder of recorded blocks, started as a user starts it.
import Foundation
import TestSupport

/// A store gateway that serves copies of blocks.
final class RunningStore: RunningServer {
  /// Starts it over a folder that holds copies of `blocks` (paths).
  init(blocks: [String], flags: [String] = [], prepare: (TemporaryFolder) throws -> Void = { _ in }) throws {
    let folder = try TemporaryFolder("store")
    try FileManager.default.createDirectory(atPath: folder.file("bucket"), withIntermediateDirectories: true)
    for block in blocks { _ = try folder.copy(block, as: "bucket/" + (block as NSString).lastPathComponent) }
    try prepare(folder)
    try super.init(
      [
        "store", "--objstore.config={type: FILESYSTEM, config: {directory: \(folder.file("bucket"))}}",
        "--data-dir=\(folder.file("data"))",
      ] + flags, folder: folder)
  }

  /// The blocks that the recorded store served: all raw ones, and of the downsampled ones those of 14 days and of 2 hours.
  static func recordedBlocks() throws -> [String] {
    var paths = Fixtures.blocks(in: try Fixtures.folder("thanos/blocks/bucket-raw/bucket"))
    for path in Fixtures.blocks(in: try Fixtures.folder("thanos/blocks/bucket-downsampled/bucket")) {
      let meta = try JSONSerialization.jsonObject(with: Data(try readFile(path + "/meta.json"))) as? [String: Any]
      guard let start = meta?["minTime"] as? Int, let end = meta?["maxTime"] as? Int else { continue }
      if end - start > 13 * 86_400_000 || end - start <= 7_200_000 { paths.append(path) }
    }
    return paths
  }
}
