// A file that is written front to back through one buffer, with a few fields that are filled in later.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A new file under construction. Nothing is mapped: a full disk is an error of a write, never a signal.
@safe struct IndexOutput: ~Copyable {
  private let file: FileDescriptor
  private let buffer: UnsafeMutableRawBufferPointer
  private var filled = 0
  private var flushed = 0

  static let bufferSize = 1 << 20

  /// Creates `path`, which must not exist.
  init(creating path: String) throws(StorageError) {
    file = try FileDescriptor(path, for: .creating)
    unsafe buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 16)
  }

  deinit { unsafe buffer.deallocate() }

  /// What was opened, for errors.
  var path: String { file.path }

  /// Bytes appended so far: the offset of the next one.
  var position: Int { flushed + filled }

  /// Appends `bytes`.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StorageError) {
    if unsafe bytes.count > buffer.count - filled { try flush() }
    if unsafe bytes.count > buffer.count {
      unsafe try file.write(bytes)
      flushed += bytes.count
      return
    }
    unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]).copyMemory(from: bytes)
    filled += bytes.count
  }

  /// Appends `bytes`.
  mutating func append(_ bytes: [UInt8]) throws(StorageError) {
    unsafe try bytes.withRawBytes { bytes throws(StorageError) in unsafe try append(bytes) }
  }

  /// Appends what `body` writes into the room it is given, at least `count` bytes; it returns how many.
  mutating func append(
    upTo count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(StorageError) -> Int
  ) throws(StorageError) {
    if unsafe count > buffer.count {
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
      defer { unsafe room.deallocate() }
      let used = unsafe try body(room)
      unsafe try append(UnsafeRawBufferPointer(rebasing: room[..<used]))
      return
    }
    if unsafe count > buffer.count - filled { try flush() }
    filled += unsafe try body(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
  }

  /// Appends a big-endian number.
  mutating func append(_ value: UInt32) throws(StorageError) {
    try append(bigEndianBytes(value))
  }

  /// Appends zeros up to the next multiple of `alignment`.
  mutating func align(to alignment: Int) throws(StorageError) {
    let rest = position % alignment
    if rest != 0 { try append([UInt8](repeating: 0, count: alignment - rest)) }
  }

  /// Hands everything to the operating system, so that the file can be read back.
  mutating func flush() throws(StorageError) {
    guard filled > 0 else { return }
    unsafe try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
    flushed += filled
    filled = 0
  }

  /// Overwrites bytes that were flushed before.
  func overwrite(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
        return unsafe pwrite(file.number, rest.baseAddress, rest.count, off_t(offset + done))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw StorageError(errno: errno, "write \(file.path) at offset \(offset)")
      }
      done += count
    }
  }

  /// Waits until everything is on the disk.
  mutating func synchronize() throws(StorageError) {
    try flush()
    try file.synchronize()
  }
}

/// The four bytes of `value`, most significant first.
func bigEndianBytes(_ value: UInt32) -> [UInt8] {
  [
    UInt8(truncatingIfNeeded: value >> 24), UInt8(truncatingIfNeeded: value >> 16),
    UInt8(truncatingIfNeeded: value >> 8),
    UInt8(truncatingIfNeeded: value),
  ]
}

extension [UInt8] {
  /// `withUnsafeBytes` with typed errors.
  func withRawBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe try withUnsafeBufferPointer { bytes throws(Failure) in unsafe try body(UnsafeRawBufferPointer(bytes)) }
  }
}
