internal import Storage

// A growing buffer of bytes that text is written into: the tools print hundreds of megabytes, so nothing here makes a
// String of a number.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Bytes to be printed. Everything written goes through `reserve`, so that no write leaves the memory.
@safe struct TextBuffer: ~Copyable {
  private var memory: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// Bytes written.
  private(set) var count = 0

  init(capacity: Int = 1 << 16) {
    self.capacity = max(64, capacity)
    unsafe memory = .allocate(capacity: self.capacity)
  }

  deinit { unsafe memory.deallocate() }

  /// Forgets what was written and keeps the memory.
  mutating func removeAll() { count = 0 }

  /// Forgets what was written after the first `length` bytes.
  mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count, "a buffer of \(count) bytes cut to \(length)")
    count = length
  }

  /// Makes room for `extra` bytes more.
  @inline(__always) mutating func reserve(_ extra: Int) {
    if extra > capacity - count { grow(extra) }
  }

  @inline(never) private mutating func grow(_ extra: Int) {
    let larger = max(capacity * 2, count + extra)
    let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    unsafe fresh.update(from: memory, count: count)
    unsafe memory.deallocate()
    unsafe memory = fresh
    capacity = larger
  }

  @inline(__always) mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe memory[count] = byte
    count += 1
  }

  /// The bytes of a literal.
  @inline(__always) mutating func append(_ text: StaticString) {
    let size = text.utf8CodeUnitCount
    reserve(size)
    unsafe (memory + count).update(from: text.utf8Start, count: size)
    count += size
  }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    reserve(bytes.count)
    unsafe UnsafeMutableRawPointer(memory + count).copyMemory(from: base, byteCount: bytes.count)
    count += bytes.count
  }

  mutating func append(_ value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    append(value.magnitude)
  }

  mutating func append(_ value: Int) { append(Int64(value)) }

  /// `value` in decimal.
  mutating func append(_ value: UInt64) {
    reserve(20)
    var rest = value
    var digits = 1
    var bound: UInt64 = 10
    while rest >= bound, digits < 20 {
      digits += 1
      let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
      if overflow { break }
      bound = next
    }
    var at = count + digits
    count = at
    // Two digits a division.
    while rest >= 100 {
      let pair = rest % 100
      rest /= 100
      at -= 2
      unsafe memory[at] = UInt8(truncatingIfNeeded: 48 + pair / 10)
      unsafe memory[at + 1] = UInt8(truncatingIfNeeded: 48 + pair % 10)
    }
    if rest >= 10 {
      unsafe memory[at - 2] = UInt8(truncatingIfNeeded: 48 + rest / 10)
      unsafe memory[at - 1] = UInt8(truncatingIfNeeded: 48 + rest % 10)
    } else {
      unsafe memory[at - 1] = UInt8(truncatingIfNeeded: 48 + rest)
    }
  }

  /// `value` in decimal with at least `width` digits.
  mutating func append(_ value: UInt64, width: Int) {
    var bound: UInt64 = 10
    for _ in 1..<max(1, width) {
      if value < bound { append(UInt8(ascii: "0")) }
      bound *= 10
    }
    append(value)
  }

  /// `value` in 16 hexadecimal digits after `0x`.
  mutating func appendBits(_ value: UInt64) {
    append("0x")
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
      append(digit < 10 ? 48 + digit : 87 + digit)
    }
  }

  /// Calls `body` with what was written, valid during the call.
  func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try unsafe body(UnsafeRawBufferPointer(start: memory, count: count))
  }

  /// What was written, as a String (bytes that are not UTF-8 become U+FFFD).
  var text: String { unsafe withBytes { bytes in unsafe String(decoding: bytes, as: UTF8.self) } }
}
