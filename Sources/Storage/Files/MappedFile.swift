// A file mapped into memory: reading a part of it copies nothing. A file that is cut short or cannot be read while it is
// mapped is no end of the process but a mark (see CMapping), which readers look at once a batch.
internal import CMapping
public import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A local file as memory, read-only. Sendable because its bytes are never written by us.
@safe public final class MappedFile: RangeReader, ByteOwner, @unchecked Sendable {
  /// The file's path.
  public let name: String
  /// The file's length when it was opened, bytes; never 0.
  public let byteCount: Int
  private let map: mapping
  private let file: FileDescriptor

  /// Opens and maps the file at `path`. Throws `.notFound`, `.permission`, `.truncated` for an empty file, and `.io` for
  /// a directory or where the system refuses.
  public init(path: String) throws(StorageError) {
    let file = try FileDescriptor(path, for: .reading)
    let byteCount = try file.regularFileSize()
    guard byteCount > 0 else { throw StorageError(.truncated, "read \(path): the file is empty") }
    var map = unsafe mapping()
    let failure = unsafe mapping_create(file.number, byteCount, &map)
    guard failure == 0 else { throw StorageError(errno: failure, "map \(path) of \(byteCount) bytes into memory") }
    self.name = path
    self.byteCount = byteCount
    unsafe self.map = map
    self.file = file
  }

  deinit { unsafe mapping_destroy(map) }

  /// Whether an access has failed since the file was opened, or the file is shorter now than it was then. The second is
  /// asked for because the rest of a page that holds the new end of a file reads as zeros without any signal.
  public var hasFault: Bool {
    if unsafe mapping_has_fault(map) { return true }
    var attributes = stat()
    guard unsafe fstat(file.number, &attributes) == 0 else { return true }
    return Int(attributes.st_size) < byteCount
  }

  /// The bytes `[offset, offset + count)` of the file, without a copy. Throws `.truncated` where they are not all there.
  public func region(offset: Int, count: Int) throws(StorageError) -> ByteRegion {
    try checkRange(offset: offset, count: count)
    return unsafe ByteRegion(
      owner: self, unsafeBytes: UnsafeRawBufferPointer(start: map.bytes + offset, count: count))
  }

  /// Tells the kernel that `count` bytes from `offset` on will be read soon.
  public func willNeed(offset: Int, count: Int) {
    guard offset >= 0, count > 0 else { return }
    unsafe mapping_will_need(map, offset, count)
  }
}

extension RangeReader {
  /// Throws `.truncated` unless `[offset, offset + count)` lies inside; negative numbers lie outside.
  func checkRange(offset: Int, count: Int) throws(StorageError) {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw StorageError(
        .truncated, "read \(count) bytes of \(name) at offset \(offset): the file has \(byteCount) bytes")
    }
  }
}
