// How this library reads bytes that may lie in a local file or, elsewhere, in an object of a bucket.
public import TSModel

/// Something of known length whose parts can be read: a file, an object. Calls may block; they run on threads meant for it.
public protocol RangeReader: Sendable {
  /// What it is, as an error should name it: a path or an object's name.
  var name: String { get }
  /// Its length when it was opened, bytes.
  var byteCount: Int { get }
  /// The bytes `[offset, offset + count)`. Throws `.truncated` where they are not all there, `.io` where reading fails.
  func region(offset: Int, count: Int) throws(StorageError) -> ByteRegion
}
