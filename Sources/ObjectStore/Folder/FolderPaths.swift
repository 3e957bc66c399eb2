// How names become files without ever leaving the folder: every part is opened by itself, below the folder before it, and
// links are not followed. A link is resolved by the system and followed only where its end lies in the bucket's folder, again
// part by part. So no name and no link leads out, not even one that changes while it is looked at.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// The folder that a bucket lies in, by its path.
struct FolderPaths: Sendable {
  /// The path, without a slash at its end but for the file system's root.
  let root: String

  /// What a folder is opened for.
  enum Purpose {
    /// As a step to what is below it.
    case passing
    /// For its list of names, a lock, or to make its entries durable.
    case reading
  }

  /// How many links a name may lead through.
  private static let linkCountMax = 16

  /// Opens the folder of these parts; nil where there is none. With `creating` missing ones are made.
  func openFolder(_ parts: [String], for purpose: Purpose, creating: Bool = false) throws(BucketError) -> Descriptor? {
    var parts = parts
    for _ in 0...Self.linkCountMax {
      switch try step(parts, purpose, creating) {
      case .opened(let folder): return folder
      case .nothing: return nil
      case .link(let at):
        guard let target = try resolve(Array(parts[...at])) else { return nil }
        parts = target + parts[(at + 1)...]
      }
    }
    throw BucketError(.permission, "open \(path(parts)): too many links")
  }

  /// Opens the regular file of these parts; nil where there is none, or something else.
  func openFile(_ parts: [String], nameForErrors: String) throws(BucketError) -> OpenFile? {
    var parts = parts
    for _ in 0...Self.linkCountMax {
      guard let base = parts.last, let folder = try openFolder(Array(parts.dropLast()), for: .passing) else {
        return nil
      }
      let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
      let number = retried { unsafe openat(folder.number, base, flags) }
      if number >= 0 {
        return try OpenFile(Descriptor(owning: number), "examine \(nameForErrors) in \(root)")
      }
      switch errno {
      case ENOENT, ENOTDIR, ENXIO, EISDIR: return nil
      case ELOOP:
        guard let target = try resolve(parts) else { return nil }
        parts = target
      default: throw BucketError(errno: errno, "open \(nameForErrors) in \(root)")
      }
    }
    throw BucketError(.permission, "open \(nameForErrors) in \(root): too many links")
  }

  /// What is at these parts, links followed as far as they stay inside; nil where there is nothing.
  func status(_ parts: [String], nameForErrors: String) throws(BucketError) -> stat? {
    var parts = parts
    for _ in 0...Self.linkCountMax {
      guard let base = parts.last, let folder = try openFolder(Array(parts.dropLast()), for: .passing) else {
        return nil
      }
      var status = stat()
      guard unsafe fstatat(folder.number, base, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw BucketError(errno: errno, "examine \(nameForErrors) in \(root)")
      }
      guard status.st_mode & S_IFMT == S_IFLNK else { return status }
      guard let target = try resolve(parts) else { return nil }
      parts = target
    }
    throw BucketError(.permission, "examine \(nameForErrors) in \(root): too many links")
  }

  /// The parts that a link ends at; nil where it ends at nothing. Throws `.permission` where it leads out of the folder.
  func resolve(_ parts: [String]) throws(BucketError) -> [String]? {
    guard let end = try realPath(path(parts)), let start = try realPath(root) else { return nil }
    if end == start { return [] }
    let below = start == "/" ? "/" : start + "/"
    guard end.utf8.starts(with: below.utf8) else {
      throw BucketError(.permission, "open \(path(parts)): a link that leads out of the bucket's folder")
    }
    return String(decoding: end.utf8.dropFirst(below.utf8.count), as: UTF8.self).split(separator: "/").map(String.init)
  }

  /// The path of these parts.
  func path(_ parts: some Sequence<String>) -> String {
    var path = root == "/" ? "" : root
    for part in parts { path += "/" + part }
    return path.isEmpty ? "/" : path
  }

  // MARK: Steps

  private enum Step: ~Copyable {
    case opened(Descriptor)
    case nothing
    case link(at: Int)
  }

  private func step(_ parts: [String], _ purpose: Purpose, _ creating: Bool) throws(BucketError) -> Step {
    func flags(isLast: Bool) -> Int32 {
      (isLast && purpose == .reading ? O_RDONLY : openAsStep) | O_DIRECTORY | O_CLOEXEC
    }
    if creating { try makeRoot() }
    var number = retried { unsafe open(root, flags(isLast: parts.isEmpty)) }
    guard number >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return .nothing }
      throw BucketError(errno: errno, "open folder \(root)")
    }
    var folder = Descriptor(owning: number)
    for (index, part) in parts.enumerated() {
      let flags = flags(isLast: index == parts.count - 1) | O_NOFOLLOW
      number = retried { unsafe openat(folder.number, part, flags) }
      if number < 0, errno == ENOENT, creating {
        guard unsafe mkdirat(folder.number, part, 0o777) == 0 || errno == EEXIST else {
          throw BucketError(errno: errno, "create folder \(path(parts[...index]))")
        }
        number = retried { unsafe openat(folder.number, part, flags) }
        if number >= 0 { try synchronizeEntries(of: Array(parts[..<index])) }
      }
      if number < 0 {
        let failure = errno
        guard failure != ENOENT else { return .nothing }
        var status = stat()
        if failure == ENOTDIR || failure == ELOOP,
          unsafe fstatat(folder.number, part, &status, AT_SYMLINK_NOFOLLOW) == 0
        {
          if status.st_mode & S_IFMT == S_IFLNK { return .link(at: index) }
          if !creating { return .nothing }
          throw BucketError(.argument, "create folder \(path(parts[...index])): an object has this name")
        }
        throw BucketError(errno: failure, "open folder \(path(parts[...index]))")
      }
      folder = Descriptor(owning: number)
    }
    return .opened(folder)
  }

  private func synchronizeEntries(of parts: [String]) throws(BucketError) {
    guard let folder = try openFolder(parts, for: .reading) else { return }
    try folder.synchronize("write folder \(path(parts)) to disk")
  }

  private func makeRoot() throws(BucketError) {
    var status = stat()
    if unsafe stat(root, &status) == 0 { return }
    var path = ""
    for part in root.split(separator: "/", omittingEmptySubsequences: false) {
      path += part
      if !path.isEmpty, unsafe mkdir(path, 0o777) != 0, errno != EEXIST, errno != EISDIR {
        throw BucketError(errno: errno, "create folder \(path)")
      }
      path += "/"
    }
  }

  private func realPath(_ path: String) throws(BucketError) -> String? {
    guard let resolved = unsafe realpath(path, nil) else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw BucketError(errno: errno, "resolve \(path)")
    }
    defer { unsafe free(resolved) }
    return unsafe String(validatingCString: resolved)
  }
}

/// Linux's O_PATH, which its C libraries hide from Swift: a folder opened so needs no permission to list it.
private let openAsStep: Int32 = 0o10000000

/// Makes a system call again while it is interrupted.
func retried(_ call: () -> Int32) -> Int32 {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
