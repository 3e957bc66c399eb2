// A descriptor of the operating system that is closed exactly once, and the handful of calls on it that this library
// makes. Interrupted calls are made again; short reads and writes go on where they stopped.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// An open file. Closing errors count: `close()` reports them, `deinit` only releases what was not closed.
struct FileDescriptor: ~Copyable {
  /// The number the system knows it by.
  let number: Int32
  /// What was opened, for errors.
  let path: String

  /// What a file is opened for.
  enum Purpose {
    /// Reading an existing file or folder.
    case reading
    /// Writing a file that must not exist yet.
    case creating
  }

  init(_ path: String, for purpose: Purpose) throws(StorageError) {
    let flags = purpose == .reading ? O_RDONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
    var number: Int32
    repeat { number = unsafe open(path, flags, 0o666) } while number < 0 && errno == EINTR
    guard number >= 0 else {
      throw StorageError(errno: errno, "\(purpose == .reading ? "open" : "create") \(path)")
    }
    self.number = number
    self.path = path
  }

  deinit { _ = close(number) }

  /// Length of a regular file, bytes. A folder or a device is an error.
  func regularFileSize() throws(StorageError) -> Int {
    var attributes = stat()
    guard unsafe fstat(number, &attributes) == 0 else { throw StorageError(errno: errno, "examine \(path)") }
    switch attributes.st_mode & S_IFMT {
    case S_IFREG: return Int(attributes.st_size)
    case S_IFDIR: throw StorageError(.io, "read \(path): is a directory, not a file")
    default: throw StorageError(.io, "read \(path): not a regular file")
    }
  }

  /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = unsafe pread(number, rest.baseAddress, rest.count, off_t(offset &+ done))
      if count < 0 {
        if errno == EINTR { continue }
        throw StorageError(errno: errno, "read \(path) at offset \(offset)")
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Writes all of `bytes` at the current position.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
      #if canImport(Glibc)
        let count = unsafe Glibc.write(number, rest.baseAddress, rest.count)
      #else
        let count = unsafe Musl.write(number, rest.baseAddress, rest.count)
      #endif
      if count < 0 {
        if errno == EINTR { continue }
        throw StorageError(errno: errno, "write \(path)")
      }
      done += count
    }
  }

  /// Writes all of `bytes` at the current position.
  func write(_ bytes: [UInt8]) throws(StorageError) {
    let failure = unsafe bytes.withUnsafeBytes { bytes -> StorageError? in
      do throws(StorageError) {
        unsafe try write(bytes)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  /// Waits until what was written (or, of a folder, its entries) is on the disk.
  func synchronize() throws(StorageError) {
    while fsync(number) != 0 {
      if errno == EINTR { continue }
      throw StorageError(errno: errno, "write \(path) to disk")
    }
  }
}
