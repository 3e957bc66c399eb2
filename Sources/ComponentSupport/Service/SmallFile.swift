// Files that a component keeps beside its work: a log of its own, a note of what it is doing.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A file that is written to in small pieces by any task. What cannot be written is given up: such a file is never worth a failed
/// request.
@safe public final class SmallFile: Sendable {
  private let descriptor: Int32

  /// Opens the file for writing, and makes it where it is missing. With `appends`, what is there stays and bytes go behind it;
  /// else it is emptied. Throws `ConfigurationError`.
  public init(_ path: String, appends: Bool) throws(ConfigurationError) {
    let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (appends ? O_APPEND : O_TRUNC)
    descriptor = unsafe open(path, flags, 0o666)
    guard descriptor >= 0 else {
      throw ConfigurationError(.io, "open \(path): \(unsafe String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Writes a line at the end, in one piece.
  public func append(line: String) {
    let bytes = Array(line.utf8) + [0x0A]
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Writes bytes at `offset`; not for a file that appends.
  public func write(_ bytes: [UInt8], at offset: Int) {
    _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
  }

  private func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(descriptor, bytes, count)
    #else
      unsafe Musl.write(descriptor, bytes, count)
    #endif
  }

  /// What a file holds, or nil where it cannot be read.
  public static func contents(_ path: String, bytesMax: Int) -> [UInt8]? {
    try? readConfigurationFile(path, bytesMax: bytesMax)
  }

  /// Makes a folder and those that it lies in, where they are missing. Throws `ConfigurationError`.
  public static func makeFolder(_ path: String) throws(ConfigurationError) {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
      guard unsafe mkdir(made, 0o777) != 0, errno != EEXIST, errno != EROFS else { continue }
      throw ConfigurationError(.io, "make folder \(made): \(unsafe String(cString: strerror(errno)))")
    }
  }
}
