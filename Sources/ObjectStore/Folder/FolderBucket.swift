// A bucket in a folder of this machine: Thanos' type FILESYSTEM. An object is a file, the parts of its name are folders.
//
// An upload is written beside its place under another name, made durable, and then renamed: readers see all of it or
// nothing. Conditional uploads and deletions take the lock of the object's folder (flock), so that they hold between the
// processes of one machine, too.
internal import OpenSSL
public import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Objects as the files of a folder, which need not exist before the first upload. One that may only be read is served.
public final class FolderBucket: Bucket {
  /// What names of unfinished uploads begin with; no object can have such a name.
  static let temporaryPrefix = ".apus-upload-"

  /// What errors, logs and metrics call it.
  public let name: String
  private let paths: FolderPaths
  private let threads: BlockingThreads
  private let isDurable: Bool

  /// Age from which an unfinished upload is what a crash left, seconds.
  private static let abandonedSeconds = 86_400
  /// How long an upload waits for others in the same folder, milliseconds.
  private static let lockWaitMsMax = 10_000
  /// Entries listed at a time.
  private static let batchCountMax = 1024

  /// The bucket in the folder at `path`; files are read and written on `threads`. With `isDurable` false uploads need not
  /// outlast a power failure: for copies of what lies elsewhere.
  public init(path: String, threads: BlockingThreads = .files, isDurable: Bool = true) {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
    self.name = "fs: " + trimmed  // what Thanos' metrics call it
    self.paths = FolderPaths(root: String(trimmed))
    self.threads = threads
    self.isDurable = isDurable
  }

  /// The whole object. See `Bucket`.
  public func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    let parts = try parts(name)
    return try await threads.run { [self] () throws(BucketError) in
      try open(name, parts).contents(of: name, byteCountMax: byteCountMax)
    }
  }

  /// The whole object with its version. See `Bucket`.
  public func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    let bytes = try await get(name, byteCountMax: byteCountMax)
    return VersionedObject(bytes: bytes, version: Self.version(of: bytes))
  }

  /// A part of the object. See `Bucket`.
  public func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try checkRange(name, offset: offset, byteCount: byteCount)
    let parts = try parts(name)
    return try await threads.run { [self] () throws(BucketError) in
      let file = try open(name, parts)
      let rest = max(0, file.sizeBytes - offset)
      return try file.bytes(
        at: offset, byteCount: min(rest, Int64(byteCount ?? .max)), "read \(name) in \(paths.root)")
    }
  }

  /// Visits what lies below a folder. See `Bucket`.
  public func iterate(
    prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void
  ) async throws {
    let folder = try ObjectName.folder(prefix)
    let parts = folder.isEmpty ? [] : try parts(folder)
    var listing = try await threads.run { [paths] () throws(BucketError) in
      try FolderListing(paths, below: parts, recursive: recursive)
    }
    while true {
      try Task.checkCancellation()
      let before = listing
      let (batch, after) = try await threads.run { () throws(BucketError) in
        var listing = before
        let batch = try listing.next(countMax: Self.batchCountMax)
        return (batch, listing)
      }
      if batch.isEmpty { return }
      listing = after
      for entry in batch { try await visit(entry) }
    }
  }

  /// Whether there is such an object. See `Bucket`.
  public func exists(_ name: String) async throws(BucketError) -> Bool {
    let parts = try parts(name)
    return try await threads.run { [self] () throws(BucketError) in
      guard let status = try paths.status(parts, nameForErrors: name) else { return false }
      return status.st_mode & S_IFMT == S_IFREG
    }
  }

  /// Size and time of an object. See `Bucket`.
  public func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes {
    let parts = try parts(name)
    return try await threads.run { [self] () throws(BucketError) in
      guard let status = try paths.status(parts, nameForErrors: name), status.st_mode & S_IFMT == S_IFREG else {
        throw .notFound(name, "examine")
      }
      return ObjectAttributes(status)
    }
  }

  /// Puts an object. See `Bucket`.
  public func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError) {
    let parts = try parts(name)
    try await threads.run { [self] () throws(BucketError) in
      // The folder may vanish between its making and the first file in it, when another deletes the last object there.
      for _ in 0..<8 {
        if try place(name, parts, content, condition) { return }
      }
      throw BucketError(.unavailable, "upload \(name) to \(paths.root): its folder vanishes again and again")
    }
  }

  /// Deletes an object. See `Bucket`.
  public func delete(_ name: String) async throws(BucketError) {
    let parts = try parts(name)
    try await threads.run { [self] () throws(BucketError) in try remove(name, parts) }
  }

  /// Where the object, or the objects of a folder, lie. Nil also where a link leads out of the bucket's folder.
  public func localPath(_ name: String) -> String? {
    do throws(BucketError) {
      let parts = try parts(name)
      guard let status = try paths.status(parts, nameForErrors: name) else { return paths.path(parts) }
      if status.st_mode & S_IFMT == S_IFDIR, FolderListing.hasForeignLinks(paths, parts) { return nil }
      return paths.path(parts)
    } catch {
      return nil
    }
  }

  // MARK: Reading

  private func parts(_ name: String) throws(BucketError) -> [String] {
    let parts = try ObjectName.parts(name)
    guard !parts.contains(where: { $0.hasPrefix(Self.temporaryPrefix) }) else {
      throw BucketError(.argument, "object name \(ObjectName.quoted(name)): unfinished uploads have such names")
    }
    return parts
  }

  private func open(_ name: String, _ parts: [String]) throws(BucketError) -> OpenFile {
    guard let file = try paths.openFile(parts, nameForErrors: name) else { throw .notFound(name, "read") }
    return file
  }

  /// The digest of the bytes: equal content is the same version, as with the ETags of object stores.
  private static func version(of bytes: [UInt8]) -> ObjectVersion {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = unsafe bytes.withUnsafeBufferPointer { source in
      unsafe digest.withUnsafeMutableBufferPointer { target in
        unsafe SHA256(source.baseAddress, source.count, target.baseAddress)
      }
    }
    let digits = Array("0123456789abcdef".utf8)
    return ObjectVersion(
      String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self))
  }

  // MARK: Writing

  /// One attempt at an upload; false where the folder vanished before anything was in it.
  private func place(
    _ name: String, _ parts: [String], _ content: UploadContent, _ condition: UploadCondition
  ) throws(BucketError) -> Bool {
    let attempt = "upload \(name) to \(paths.root)"
    guard let base = parts.last,
      let folder = try paths.openFolder(Array(parts.dropLast()), for: .reading, creating: true)
    else { return false }
    let temporary = Self.temporaryPrefix + String(UInt64.random(in: .min ... .max), radix: 16)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let number = retried { unsafe openat(folder.number, temporary, flags, 0o666) }
    guard number >= 0 else {
      if errno == ENOENT { return false }
      throw BucketError(errno: errno, attempt)
    }
    do throws(BucketError) {
      let file = Descriptor(owning: number)
      try Self.write(content, to: file, attempt)
      if isDurable { try file.synchronize(attempt) }
      try Self.lock(folder, attempt)
      try check(condition, name, parts, attempt)
      guard unsafe renameat(folder.number, temporary, folder.number, base) == 0 else {
        if errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST {
          throw BucketError(.argument, "\(attempt): it is the folder of other objects")
        }
        throw BucketError(errno: errno, attempt)
      }
      if isDurable { try folder.synchronize(attempt) }
    } catch {
      unsafe _ = unlinkat(folder.number, temporary, 0)
      throw error
    }
    return true
  }

  private func check(
    _ condition: UploadCondition, _ name: String, _ parts: [String], _ attempt: String
  ) throws(BucketError) {
    switch condition {
    case .always: break
    case .ifAbsent:
      if try paths.status(parts, nameForErrors: name) != nil { throw .exists(name) }
    case .ifMatch(let version):
      guard let file = try paths.openFile(parts, nameForErrors: name),
        Self.version(of: try file.contents(of: name, byteCountMax: Self.documentBytesMax)) == version
      else { throw .changed(name) }
    }
  }

  private static func write(
    _ content: UploadContent, to file: borrowing Descriptor, _ attempt: String
  ) throws(BucketError) {
    switch content {
    case .bytes(let bytes):
      var failure: BucketError?
      unsafe bytes.withUnsafeBytes { bytes in
        do throws(BucketError) { try unsafe file.write(bytes, attempt) } catch { failure = error }
      }
      if let failure { throw failure }
    case .file(let path):
      let source = try LocalFile.open(path)
      var offset: Int64 = 0
      while offset < source.sizeBytes {
        let part = try source.bytes(at: offset, byteCount: min(1 << 20, source.sizeBytes - offset), "read \(path)")
        guard !part.isEmpty else {
          throw BucketError(.io, "\(attempt): \(path) was cut short while it was read")
        }
        try write(.bytes(part), to: file, attempt)
        offset += Int64(part.count)
      }
    }
  }

  private static func lock(_ folder: borrowing Descriptor, _ attempt: String) throws(BucketError) {
    for _ in 0..<lockWaitMsMax {
      if flock(folder.number, LOCK_EX | LOCK_NB) == 0 { return }
      guard errno == EWOULDBLOCK || errno == EINTR else {
        // A file system without locks: what is promised between processes cannot be kept, all else can.
        if errno == ENOLCK || errno == EOPNOTSUPP || errno == EINVAL { return }
        throw BucketError(errno: errno, attempt)
      }
      usleep(1000)
    }
    throw BucketError(.unavailable, "\(attempt): another process holds the lock of its folder")
  }

  private func remove(_ name: String, _ parts: [String]) throws(BucketError) {
    let attempt = "delete \(name) in \(paths.root)"
    guard let base = parts.last,
      let folder = try paths.openFolder(Array(parts.dropLast()), for: .reading)
    else { return }
    try Self.lock(folder, attempt)
    var status = stat()
    guard unsafe fstatat(folder.number, base, &status, AT_SYMLINK_NOFOLLOW) == 0,
      status.st_mode & S_IFMT != S_IFDIR
    else { return }
    guard unsafe unlinkat(folder.number, base, 0) == 0 else {
      if errno == ENOENT { return }
      throw BucketError(errno: errno, attempt)
    }
    // A block's meta.json is deleted first: that must not come back after the rest has gone.
    if isDurable { try folder.synchronize(attempt) }
    try removeEmptied(Array(parts.dropLast()))
  }

  /// Removes the folder of `parts` and those above it as long as they are empty. One that cannot be removed stays.
  private func removeEmptied(_ parts: [String]) throws(BucketError) {
    var parts = parts
    while let base = parts.popLast() {
      guard let parent = try paths.openFolder(parts, for: .passing) else { return }
      if unsafe unlinkat(parent.number, base, AT_REMOVEDIR) == 0 { continue }
      guard errno == ENOTEMPTY || errno == EEXIST, try removeAbandoned(parts + [base]),
        unsafe unlinkat(parent.number, base, AT_REMOVEDIR) == 0
      else { return }
    }
  }

  /// Removes uploads that a crash left in a folder; whether there were any.
  private func removeAbandoned(_ parts: [String]) throws(BucketError) -> Bool {
    guard let folder = try paths.openFolder(parts, for: .reading) else { return false }
    let copy = fcntl(folder.number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = unsafe fdopendir(copy) else {
      if copy >= 0 { close(copy) }
      return false
    }
    defer { unsafe _ = closedir(stream) }
    var count = 0
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      var status = stat()
      guard name.hasPrefix(Self.temporaryPrefix),
        unsafe fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
        Int64(status.st_mtim.tv_sec) < WallClock.nowMs() / 1000 - Int64(Self.abandonedSeconds),
        unsafe unlinkat(folder.number, name, 0) == 0
      else { continue }
      count += 1
    }
    return count > 0
  }
}
