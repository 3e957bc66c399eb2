// A server of ours, started as a user starts it: it says where it listens and that it is ready.
import Foundation
import TestSupport

/// A running `apus` with an HTTP and a gRPC address, ended with this value.
class RunningServer {
  let folder: TemporaryFolder
  let process: RunningProcess
  let http: String
  let grpc: String

  /// Starts `apus` with `arguments` and free ports on the loopback interface, and waits until it is ready. `folder` stays as long.
  init(_ arguments: [String], folder: TemporaryFolder) throws {
    let process = try RunningProcess(
      BuiltProgram.apus, arguments + ["--http-address=127.0.0.1:0", "--grpc-address=127.0.0.1:0"])
    let end = Date() + 60
    var log = ""
    while Date() < end && process.poll() == nil && !log.contains("status=ready") {
      log = String(decoding: process.errors, as: UTF8.self)
      usleep(20_000)
    }
    guard let http = Self.address("service=http/server", log), let grpc = Self.address("service=gRPC/server", log),
      log.contains("status=ready")
    else { throw TestSupportError("apus \(arguments) did not become ready:\n\(log)") }
    self.folder = folder
    self.process = process
    self.http = http
    self.grpc = grpc
  }

  deinit { process.stop() }

  private static func address(_ service: String, _ log: String) -> String? {
    log.split(separator: "\n").first { $0.contains(service) && $0.contains("address=") }
      .flatMap { $0.split(separator: " ").first { $0.hasPrefix("address=") } }.map { String($0.dropFirst(8)) }
  }

  var log: String { String(decoding: process.errors, as: UTF8.self) }

  /// What curl gets at `path`.
  func get(_ path: String, _ arguments: String...) throws -> String {
    try runProcess("/usr/bin/curl", ["-sS", "-m", "10"] + arguments + ["http://\(http)\(path)"]).outputText
  }

  /// A size that the system tells of the process, such as `RssAnon` or `VmHWM`, KiB.
  func memoryKiB(_ field: String) throws -> Int { try Self.memoryKiB(field, ofProcess: process.processID) }

  /// The same of any process.
  static func memoryKiB(_ field: String, ofProcess processID: Int32) throws -> Int {
    for line in try textLines("/proc/\(processID)/status") where line.hasPrefix(field + ":") {
      return Int(line.split { $0.isWhitespace }.dropFirst().first ?? "") ?? 0
    }
    throw TestSupportError("no \(field) of process \(processID)")
  }
}
