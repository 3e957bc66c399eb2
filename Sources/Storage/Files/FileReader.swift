// A file that is read part by part into memory of our own: for what is read once and whole, for file systems where
// mapping is unwelcome, and so that everything that reads through a `RangeReader` is tested over one that copies.
public import TSModel

/// A local file, read with one system call a part. Sendable because it holds no position.
public final class FileReader: RangeReader, @unchecked Sendable {
  /// The file's path.
  public let name: String
  /// The file's length when it was opened, bytes.
  public let byteCount: Int
  private let file: FileDescriptor

  /// Opens the file at `path`. Throws `.notFound`, `.permission`, and `.io` for a directory or where the system refuses.
  /// An empty file is none: it is a file of 0 bytes.
  public init(path: String) throws(StorageError) {
    let file = try FileDescriptor(path, for: .reading)
    self.byteCount = try file.regularFileSize()
    self.name = path
    self.file = file
  }

  /// A copy of the bytes `[offset, offset + count)`. Throws `.truncated` where they are not all there (any more).
  public func region(offset: Int, count: Int) throws(StorageError) -> ByteRegion {
    try checkRange(offset: offset, count: count)
    return ByteRegion(copying: try bytes(offset: offset, count: count))
  }

  private func bytes(offset: Int, count: Int) throws(StorageError) -> [UInt8] {
    // (An array without room is one that all threads share, and is written to all the same below.)
    guard count > 0 else { return [] }
    var failure: StorageError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(StorageError) {
        initialized = try unsafe file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    guard bytes.count == count else {
      throw StorageError(
        .faulted, "read \(count) bytes of \(name) at offset \(offset): the file was cut short while it was in use")
    }
    return bytes
  }

  /// The whole file in memory of our own. Throws `.size` where it is longer than `byteCountMax`.
  public static func contents(of path: String, byteCountMax: Int) throws(StorageError) -> [UInt8] {
    let reader = try FileReader(path: path)
    guard reader.byteCount <= byteCountMax else {
      throw StorageError(
        .size, "read \(path): \(reader.byteCount) bytes, more than the \(byteCountMax) that such a file can have")
    }
    return try reader.bytes(offset: 0, count: reader.byteCount)
  }
}
