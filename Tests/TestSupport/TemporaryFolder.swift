// A folder for one test, gone when the test is.
import Foundation

/// An empty folder below the system's temporary one, removed with everything in it when the value is dropped.
public final class TemporaryFolder: Sendable {
  /// Full path, without a slash at the end.
  public let path: String

  /// `label` becomes part of the name, for whoever looks at what a crashed test left.
  public init(_ label: String = "test") throws {
    let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var template = Array("\(parent)/apus-\(label)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw TestSupportError("create a temporary folder in \(parent): \(String(cString: strerror(errno)))")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path of `name` inside.
  public func file(_ name: String) -> String { path + "/" + name }

  /// A writable copy of a file or folder (fixtures are read-only), as `name` inside; returns its path.
  @discardableResult
  public func copy(_ source: String, as name: String? = nil) throws -> String {
    let target = file(name ?? URL(fileURLWithPath: source).lastPathComponent)
    let result = try runProcess("/bin/cp", ["-r", "--no-preserve=mode", source, target])
    guard result.exitCode == 0 else { throw TestSupportError("copy \(source): \(result.errorText)") }
    return target
  }

  deinit {
    // A test may have taken write permission away from folders inside.
    _ = try? runProcess("/bin/chmod", ["-R", "u+rwX", path])
    try? FileManager.default.removeItem(atPath: path)
  }
}
