// The real programs that tests talk to. `Scripts/peers` brings them into a cache outside the repository.
import Foundation
import Locking
import Synchronization

/// Finds Prometheus and its like.
public enum Peers {
  private static let found = Guarded<[String: String?]>([:])

  /// The path of a program, brought by `Scripts/peers` where the cache lacks it; nil where it cannot be had.
  /// Names as that script knows them: `prometheus`, `promtool`, `node-exporter`, `victoria-metrics`, `vmctl`, `python`
  /// (an interpreter with grpcio and its tools).
  public static func path(_ name: String) -> String? {
    found.withLock { found in
      if let known = found[name] { return known }
      let result = try? runProcess(Fixtures.repository + "/Scripts/peers", ["--path", name], timeLimitSeconds: 900)
      var path: String?
      if let result, result.exitCode == 0 {
        path = result.outputText.split(separator: "\n").last.map(String.init)
      }
      if path == nil { say("no \(name): \(result?.errorText ?? "Scripts/peers did not run")") }
      found[name] = path
      return path
    }
  }

  /// Like `path`, for a test that the trait `needsPeers` already guards.
  public static func require(_ name: String) throws -> String {
    guard let path = path(name) else { throw TestSupportError("\(name) cannot be had: see Scripts/peers \(name)") }
    return path
  }
}
