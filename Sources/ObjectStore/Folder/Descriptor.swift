// A descriptor of the operating system that is closed exactly once, and the calls on it that this library makes.
// Interrupted calls are made again; short reads and writes go on where they stopped.
internal import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// An open file or folder.
struct Descriptor: ~Copyable {
  /// The number the system knows it by.
  let number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) { self.number = number }

  deinit { _ = close(number) }

  /// What the system says of it.
  func status(_ attempt: @autoclosure () -> String) throws(BucketError) -> stat {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { throw BucketError(errno: errno, attempt()) }
    return status
  }

  /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end of the file.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64, _ attempt: @autoclosure () -> String
  ) throws(BucketError) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = unsafe pread(number, rest.baseAddress, rest.count, off_t(offset &+ Int64(done)))
      if count < 0 {
        if errno == EINTR { continue }
        throw BucketError(errno: errno, attempt())
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Up to `byteCount` bytes from `offset` on; fewer only at the end of the file.
  func bytes(
    at offset: Int64, byteCount: Int, _ attempt: @autoclosure () -> String
  ) throws(BucketError) -> [UInt8] {
    var failure: BucketError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, initialized in
      do throws(BucketError) {
        initialized = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: offset, attempt())
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all of `bytes` at the current position.
  func write(_ bytes: UnsafeRawBufferPointer, _ attempt: @autoclosure () -> String) throws(BucketError) {
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
        throw BucketError(errno: errno, attempt())
      }
      done += count
    }
  }

  /// Waits until what was written (or, of a folder, its entries) is on the disk.
  func synchronize(_ attempt: @autoclosure () -> String) throws(BucketError) {
    while fsync(number) != 0 {
      if errno == EINTR { continue }
      // File systems that have nothing to wait for say so in this way.
      if errno == EINVAL || errno == ENOTSUP { return }
      throw BucketError(errno: errno, attempt())
    }
  }
}

/// A regular file that is open for reading.
struct OpenFile: ~Copyable {
  /// The file.
  let descriptor: Descriptor
  /// What the system said of it when it was opened.
  let status: stat

  /// Length when it was opened, bytes.
  var sizeBytes: Int64 { Int64(status.st_size) }

  /// The file behind `descriptor`; nil for a folder or a device.
  init?(_ descriptor: consuming Descriptor, _ attempt: @autoclosure () -> String) throws(BucketError) {
    let status = try descriptor.status(attempt())
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.descriptor = descriptor
    self.status = status
  }

  /// Up to `byteCount` bytes from `offset` on; fewer only at the end of the file.
  func bytes(at offset: Int64, byteCount: Int64, _ attempt: @autoclosure () -> String) throws(BucketError) -> [UInt8] {
    try descriptor.bytes(at: offset, byteCount: Int(clamping: byteCount), attempt())
  }

  /// All of it. Throws `.size` for more than `byteCountMax` bytes.
  func contents(of name: String, byteCountMax: Int) throws(BucketError) -> [UInt8] {
    guard sizeBytes <= Int64(byteCountMax) else {
      throw BucketError(.size, "read \(name): \(sizeBytes) bytes, more than the \(byteCountMax) allowed")
    }
    return try bytes(at: 0, byteCount: sizeBytes, "read \(name)")
  }
}

/// Files of this machine outside of any bucket.
enum LocalFile {
  /// Opens a regular file for reading. Throws `.notFound`, `.permission`, `.io` (a folder or a device).
  static func open(_ path: String) throws(BucketError) -> OpenFile {
    var number: Int32
    repeat {
      #if canImport(Glibc)
        number = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      #else
        number = unsafe Musl.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      #endif
    } while number < 0 && errno == EINTR
    guard number >= 0 else { throw BucketError(errno: errno, "open \(path)") }
    guard let file = try OpenFile(Descriptor(owning: number), "examine \(path)") else {
      throw BucketError(.io, "open \(path): not a regular file")
    }
    return file
  }
}

extension LocalFile {
  /// Length of a regular file, bytes; nil where there is none.
  static func sizeBytes(of path: String) async -> Int64? {
    await BlockingThreads.files.run {
      var status = stat()
      guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
      return Int64(status.st_size)
    }
  }
}

extension BucketError {
  /// A failed system call: `number` is its errno, `attempt` what it was for ("read 01J…/index in /data").
  init(errno number: Int32, _ attempt: String) {
    let code: Code
    switch number {
    case ENOENT, ENOTDIR: code = .notFound
    case EACCES, EPERM, EROFS, ELOOP: code = .permission
    case ENOSPC, EDQUOT, EFBIG: code = .noSpace
    case ENAMETOOLONG: code = .argument
    case EMFILE, ENFILE, EAGAIN, ENOMEM: code = .unavailable
    default: code = .io
    }
    self.init(code, "\(attempt): \(Self.systemText(number))")
  }

  /// The system's own English words for an errno, beginning in lower case: "no such file or directory".
  private static func systemText(_ number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let text = unsafe buffer.withUnsafeMutableBufferPointer { bytes -> String in
      guard let base = bytes.baseAddress, unsafe strerror_r(number, base, bytes.count) == 0 else { return "" }
      return unsafe String(cString: base)
    }
    guard let first = text.first else { return "error \(number)" }
    return first.lowercased() + text.dropFirst()
  }
}
