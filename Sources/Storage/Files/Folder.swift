// Folders of the local file system: what is in them, and the few changes that this library makes to them.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// What a path leads to.
enum PathKind {
  case nothing, file, folder, other
}

/// What is at `path`, links followed. Throws where the system does not let us look.
func kind(of path: String) throws(StorageError) -> PathKind {
  var attributes = stat()
  guard unsafe stat(path, &attributes) == 0 else {
    if errno == ENOENT || errno == ENOTDIR { return .nothing }
    throw StorageError(errno: errno, "examine \(path)")
  }
  switch attributes.st_mode & S_IFMT {
  case S_IFREG: return .file
  case S_IFDIR: return .folder
  default: return .other
  }
}

/// Length of the file at `path`, bytes; nil where there is none.
func fileSize(of path: String) -> Int? {
  var attributes = stat()
  guard unsafe stat(path, &attributes) == 0, attributes.st_mode & S_IFMT == S_IFREG else { return nil }
  return Int(attributes.st_size)
}

/// The names in the folder at `path`, ascending, without `.` and `..`.
func folderEntries(_ path: String) throws(StorageError) -> [String] {
  guard let folder = unsafe opendir(path) else { throw StorageError(errno: errno, "open folder \(path)") }
  defer { unsafe _ = closedir(folder) }
  var names: [String] = []
  while true {
    errno = 0
    guard let entry = unsafe readdir(folder) else {
      guard errno == 0 else { throw StorageError(errno: errno, "list folder \(path)") }
      return names.sorted()
    }
    let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != ".", name != ".." { names.append(name) }
  }
}

/// Makes a folder that must not exist yet; the one it lies in must.
func makeFolder(_ path: String) throws(StorageError) {
  guard unsafe mkdir(path, 0o777) == 0 else {
    throw StorageError(errno: errno, "create folder \(path)")
  }
}

/// Gives a file or folder another name. A folder is moved onto nothing or onto an empty folder only.
func rename(from old: String, to new: String) throws(StorageError) {
  #if canImport(Glibc)
    let result = unsafe Glibc.rename(old, new)
  #else
    let result = unsafe Musl.rename(old, new)
  #endif
  guard result == 0 else { throw StorageError(errno: errno, "rename \(old) to \(new)") }
}

/// Deletes what is at `path` with all that is in it; nothing where there is nothing. Links are deleted, not followed.
func removeAll(at path: String) throws(StorageError) {
  var attributes = stat()
  guard unsafe lstat(path, &attributes) == 0 else {
    if errno == ENOENT { return }
    throw StorageError(errno: errno, "examine \(path)")
  }
  guard attributes.st_mode & S_IFMT == S_IFDIR else {
    guard unsafe unlink(path) == 0 else { throw StorageError(errno: errno, "delete \(path)") }
    return
  }
  for name in try folderEntries(path) { try removeAll(at: path + "/" + name) }
  guard unsafe rmdir(path) == 0 else { throw StorageError(errno: errno, "delete folder \(path)") }
}

/// Waits until the entries of the folder at `path` are on the disk.
func synchronizeFolder(_ path: String) throws(StorageError) {
  try FileDescriptor(path, for: .reading).synchronize()
}
