// What lies in a bucket's folder, in the order of names. Folders without objects are none; what uploads leave while they run
// is nobody's business; names that are no UTF-8 cannot be asked for and so are not shown.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A walk over the entries below a folder, some at a time, so that a thread is never held for long.
struct FolderListing: Sendable {
  private let paths: FolderPaths
  private let isRecursive: Bool
  /// What is still to come, the next one last.
  private var pending: [Entry]

  private struct Entry: Sendable {
    var entry: BucketEntry
    var parts: [String]
    var isLink: Bool
  }

  /// The walk below the folder of `parts`.
  init(_ paths: FolderPaths, below parts: [String], recursive: Bool) throws(BucketError) {
    self.paths = paths
    self.isRecursive = recursive
    self.pending = []
    pending = try Self.list(paths, parts).reversed()
  }

  /// The next entries, in order; none where all were given.
  mutating func next(countMax: Int) throws(BucketError) -> [BucketEntry] {
    var batch: [BucketEntry] = []
    while batch.count < countMax, let next = pending.popLast() {
      if !next.entry.isFolder {
        batch.append(next.entry)
      } else if !isRecursive {
        if try Self.holdsObjects(paths, next.parts) { batch.append(next.entry) }
      } else if !next.isLink {  // a link to a folder may lead round in a circle
        pending += try Self.list(paths, next.parts).reversed()
      }
    }
    return batch
  }

  /// Whether any of `parts`' links, at any depth, leads out of the bucket's folder.
  static func hasForeignLinks(_ paths: FolderPaths, _ parts: [String]) -> Bool {
    do throws(BucketError) {
      guard let folder = try paths.openFolder(parts, for: .reading) else { return false }
      for (name, type) in try names(paths, folder, parts) {
        if type == UInt8(DT_DIR) {
          if hasForeignLinks(paths, parts + [name]) { return true }
        } else if type == UInt8(DT_LNK) {
          _ = try paths.resolve(parts + [name])
        }
      }
      return false
    } catch {
      return true
    }
  }

  private static func holdsObjects(_ paths: FolderPaths, _ parts: [String]) throws(BucketError) -> Bool {
    let folder: Descriptor?
    do throws(BucketError) { folder = try paths.openFolder(parts, for: .reading) } catch {
      // One that cannot be read is shown: whoever asks for what is in it learns why.
      if error.code == .permission { return true }
      throw error
    }
    guard let folder else { return false }
    var folders: [String] = []
    for (name, type) in try names(paths, folder, parts) {
      if type == UInt8(DT_REG) || type == UInt8(DT_LNK) { return true }
      if type == UInt8(DT_DIR) { folders.append(name) }
    }
    for name in folders where try holdsObjects(paths, parts + [name]) { return true }
    return false
  }

  /// What is directly in a folder, ascending.
  private static func list(_ paths: FolderPaths, _ parts: [String]) throws(BucketError) -> [Entry] {
    guard let folder = try paths.openFolder(parts, for: .reading) else { return [] }
    let prefix = parts.map { $0 + "/" }.joined()
    var entries: [Entry] = []
    for (name, type) in try names(paths, folder, parts) {
      var status = stat()
      let isLink = type == UInt8(DT_LNK)
      if isLink {
        guard let target = targetStatus(paths, parts + [name]) else { continue }
        status = target
      } else if type == UInt8(DT_DIR) {
        status.st_mode = S_IFDIR
      } else if unsafe fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) != 0 {
        if errno == ENOENT { continue }
        throw BucketError(errno: errno, "examine \(paths.path(parts + [name]))")
      }
      var entry = BucketEntry(name: prefix + name)
      switch status.st_mode & S_IFMT {
      case S_IFDIR: entry.name += "/"
      case S_IFREG: entry.attributes = ObjectAttributes(status)
      default: continue
      }
      entries.append(Entry(entry: entry, parts: parts + [name], isLink: isLink))
    }
    return entries.sorted { ObjectName.isOrdered($0.entry.name, before: $1.entry.name) }
  }

  /// What a link ends at; nil where it leads out, to nothing or round in a circle.
  private static func targetStatus(_ paths: FolderPaths, _ parts: [String]) -> stat? {
    do throws(BucketError) { return try paths.status(parts, nameForErrors: parts.joined(separator: "/")) } catch {
      return nil
    }
  }

  /// Names and types (`DT_…`, never unknown) of what is in an open folder, in no order.
  private static func names(
    _ paths: FolderPaths, _ folder: borrowing Descriptor, _ parts: [String]
  ) throws(BucketError) -> [(name: String, type: UInt8)] {
    let copy = fcntl(folder.number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = unsafe fdopendir(copy) else {
      let failure = errno
      if copy >= 0 { close(copy) }
      throw BucketError(errno: failure, "list folder \(paths.path(parts))")
    }
    defer { unsafe _ = closedir(stream) }
    var names: [(name: String, type: UInt8)] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        guard errno == 0 else { throw BucketError(errno: errno, "list folder \(paths.path(parts))") }
        return names
      }
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let name, name != ".", name != "..", !name.hasPrefix(FolderBucket.temporaryPrefix) else { continue }
      var type = unsafe entry.pointee.d_type
      if type == UInt8(DT_UNKNOWN) {
        var status = stat()
        guard unsafe fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: type = UInt8(DT_DIR)
        case S_IFREG: type = UInt8(DT_REG)
        case S_IFLNK: type = UInt8(DT_LNK)
        default: continue
        }
      }
      names.append((name, type))
    }
  }
}

extension ObjectAttributes {
  init(_ status: stat) {
    let seconds = Int64(status.st_mtim.tv_sec)
    let (ms, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    self.init(
      sizeBytes: Int64(status.st_size),
      modifiedMs: overflow ? (seconds < 0 ? .min : .max) : ms &+ Int64(status.st_mtim.tv_nsec) / 1_000_000)
  }
}
