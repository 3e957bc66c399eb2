// Small files that a component keeps while it runs: lines behind one another, and places that are written over and over.
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A file that could not be opened or read.
public struct StateFileError: Error, Sendable, CustomStringConvertible {
  /// What was tried, on which file, and why it failed.
  public let description: String

  init(_ what: String, _ path: String) {
    description = "\(what) \(path): \(unsafe String(cString: strerror(errno)))"
  }
}

/// A file that is open for writing. Any task may write.
public final class StateFile: Sendable {
  private let descriptor: Int32

  private init(_ path: String, _ flags: Int32, _ what: String) throws(StateFileError) {
    descriptor = unsafe open(path, flags | O_CREAT | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw StateFileError(what, path) }
  }

  deinit { close(descriptor) }

  /// A file that lines are added to, made where it is missing, its folder, too.
  public static func lines(_ path: String) throws(StateFileError) -> StateFile {
    try makeFolders(above: path)
    return try StateFile(path, O_WRONLY | O_APPEND, "open for lines")
  }

  /// A file that holds `contents` from now on, whatever it held before; its folder is made where it is missing.
  public static func places(_ path: String, contents: [UInt8]) throws(StateFileError) -> StateFile {
    try makeFolders(above: path)
    let file = try StateFile(path, O_WRONLY | O_TRUNC, "open for writing")
    if !file.write(contents, at: 0) { throw StateFileError("write", path) }
    return file
  }

  private static func makeFolders(above path: String) throws(StateFileError) {
    for (offset, character) in path.utf8.enumerated() where character == UInt8(ascii: "/") && offset > 0 {
      let folder = String(decoding: Array(path.utf8.prefix(offset)), as: UTF8.self)
      if unsafe mkdir(folder, 0o777) != 0, errno != EEXIST {
        // What is there may be read-only, as `/proc` is; opening the file tells.
        if errno == ENOENT || errno == EACCES || errno == EROFS { continue }
        throw StateFileError("make the folder", folder)
      }
    }
  }

  /// What the file at `path` holds, at most `bytesMax` bytes; nil where there is none.
  public static func contents(of path: String, bytesMax: Int) throws(StateFileError) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      if errno == ENOENT { return nil }
      throw StateFileError("open", path)
    }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: bytesMax)
    var count = 0
    while count < bytesMax {
      let size = unsafe bytes.withUnsafeMutableBytes { bytes in
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
        return unsafe read(descriptor, room.baseAddress, room.count)
      }
      if size < 0, errno != EINTR { throw StateFileError("read", path) }
      if size == 0 { break }
      count += max(0, size)
    }
    return Array(bytes.prefix(count))
  }

  /// Adds a line; its end is added, too. False where that failed. Lines of several tasks do not mix: one call writes all of one.
  @discardableResult
  public func append(line: String) -> Bool {
    let bytes = Array("\(line)\n".utf8)
    return unsafe bytes.withUnsafeBytes { bytes in
      #if canImport(Glibc)
        return unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
      #else
        return unsafe Musl.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
      #endif
    }
  }

  /// Writes bytes at an offset. False where that failed.
  @discardableResult
  public func write(_ bytes: [UInt8], at offset: Int) -> Bool {
    unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) } == bytes.count
  }
}
