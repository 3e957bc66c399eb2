// `apus store` over a folder of recorded blocks, started as a user starts it.
import Foundation
import TestSupport

/// A store gateway that serves copies of blocks.
final class RunningStore {
  let folder: TemporaryFolder
  let process: RunningProcess
  let http: String
  let grpc: String

  /// Starts it over a folder that holds copies of `blocks` (paths), and waits until it says where it listens and that it is ready.
  init(blocks: [String], flags: [String] = [], prepare: (TemporaryFolder) throws -> Void = { _ in }) throws {
    let folder = try TemporaryFolder("store")
    try FileManager.default.createDirectory(atPath: folder.file("bucket"), withIntermediateDirectories: true)
    for block in blocks { _ = try folder.copy(block, as: "bucket/" + (block as NSString).lastPathComponent) }
    try prepare(folder)
    let process = try RunningProcess(
      BuiltProgram.apus,
      [
        "store", "--objstore.config={type: FILESYSTEM, config: {directory: \(folder.file("bucket"))}}",
        "--data-dir=\(folder.file("data"))", "--http-address=127.0.0.1:0", "--grpc-address=127.0.0.1:0",
      ] + flags)
    let end = Date() + 60
    var log = ""
    while Date() < end && process.poll() == nil && !log.contains("status=ready") {
      log = String(decoding: process.errors, as: UTF8.self)
      usleep(20_000)
    }
    guard let http = Self.address("service=http/server", log), let grpc = Self.address("service=gRPC/server", log),
      log.contains("status=ready")
    else { throw TestSupportError("apus store \(flags) did not become ready:\n\(log)") }
    self.folder = folder
    self.process = process
    self.http = http
    self.grpc = grpc
  }

  private static func address(_ service: String, _ log: String) -> String? {
    log.split(separator: "\n").first { $0.contains(service) && $0.contains("address=") }
      .flatMap { $0.split(separator: " ").first { $0.hasPrefix("address=") } }.map { String($0.dropFirst(8)) }
  }

  var log: String { String(decoding: process.errors, as: UTF8.self) }

  /// What curl gets at `path`.
  func get(_ path: String, _ arguments: String...) throws -> String {
    try runProcess("/usr/bin/curl", ["-sS", "-m", "10"] + arguments + ["http://\(http)\(path)"]).outputText
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
