// Bytes that stay valid as long as the value lives: a slice of a mapped file, of a downloaded object or of memory of our
// own. Copying the value copies no bytes.

/// What keeps the bytes of a `ByteRegion` alive, and can tell whether they can still be trusted.
public protocol ByteOwner: AnyObject, Sendable {
  /// Whether an access to these bytes has failed since they were mapped (a file cut short, a disk error): what was read
  /// from them since then may be zeros. Memory of our own never fails.
  var hasFault: Bool { get }
}

/// A range of bytes and what keeps it alive. Sendable because the bytes are never written.
@safe public struct ByteRegion: @unchecked Sendable {
  private let owner: any ByteOwner
  private let base: UnsafeRawPointer?
  /// Length in bytes.
  public let count: Int

  /// `bytes` must stay valid and unchanged as long as `owner` lives.
  public init(owner: any ByteOwner, unsafeBytes bytes: UnsafeRawBufferPointer) {
    self.owner = owner
    unsafe self.base = bytes.baseAddress
    self.count = bytes.count
  }

  /// A copy of `bytes` in memory of its own.
  public init(copying bytes: [UInt8]) {
    let memory = OwnedBytes(bytes)
    unsafe self.init(owner: memory, unsafeBytes: memory.bytes)
  }

  /// Calls `body` with the bytes, which are valid only during the call.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The owner is a stored property of self, which lives until this method returns.
    let result = unsafe try body(UnsafeRawBufferPointer(start: base, count: count))
    withExtendedLifetime(owner) {}
    return result
  }

  /// The bytes, without a copy.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: base, count: count))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The part `range` of this region (same owner), or nil where the range lies outside.
  public func slice(_ range: Range<Int>) -> ByteRegion? {
    guard range.lowerBound >= 0, range.upperBound <= count else { return nil }
    return unsafe ByteRegion(
      owner: owner,
      unsafeBytes: UnsafeRawBufferPointer(start: base.map { unsafe $0 + range.lowerBound }, count: range.count))
  }

  /// See `ByteOwner.hasFault`.
  public var hasFault: Bool { owner.hasFault }
}

/// Memory of our own behind a `ByteRegion`. Written once, in `init`.
@safe private final class OwnedBytes: ByteOwner, @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  init(_ source: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: source.count, alignment: 16)
    unsafe copy.copyBytes(from: source)
    unsafe self.bytes = UnsafeRawBufferPointer(copy)
  }
  deinit { unsafe bytes.deallocate() }
  var hasFault: Bool { false }
}
