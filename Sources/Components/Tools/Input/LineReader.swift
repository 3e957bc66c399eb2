internal import Storage

// Lines of a file or of standard input, one at a time, without a copy of each.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A mistake in a text that is being read: where, and what.
struct InputError: Error, CustomStringConvertible {
  let source: String
  let line: Int
  let message: String
  var description: String { "\(source):\(line): \(message)" }
}

/// A file that is read from front to back. Holds one line, or 256 KiB, whichever is more.
struct LineReader: ~Copyable {
  /// What it reads, for errors.
  let name: String
  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  /// Number of the line that `next` returned last, counted from 1.
  private(set) var lineNumber = 0
  /// Offset in the file of the line that `next` returned last, bytes.
  private(set) var lineOffset: Int64 = 0
  private var nextOffset: Int64 = 0
  /// Whether the last line ended with a line feed.
  private(set) var lineIsComplete = true
  /// Lines beyond this are refused, bytes.
  private let lineBytesMax: Int

  /// Opens `path`, or standard input where it is `-`.
  init(path: String, lineBytesMax: Int = 1 << 32) throws(StorageError) {
    self.lineBytesMax = lineBytesMax
    if path == "-" {
      (name, descriptor, ownsDescriptor) = ("standard input", STDIN_FILENO, false)
      return
    }
    let opened = unsafe open(path, O_RDONLY | O_CLOEXEC)
    if opened < 0 {
      let number = errno
      let code: StorageError.Code = number == ENOENT ? .notFound : number == EACCES ? .permission : .io
      throw StorageError(code, "open \(path): \(errorText(number))", disposition: .rejectRequest)
    }
    (name, descriptor, ownsDescriptor) = (path, opened, true)
  }

  deinit { if ownsDescriptor { close(descriptor) } }

  /// Where the next line lies in the buffer, without its line feed, or nil at the end. `bytes` gives it.
  mutating func next() throws -> Range<Int>? {
    var searched = start
    while true {
      if let feed = firstFeed(from: searched) {
        let range = start..<feed
        advance(past: feed + 1)
        lineIsComplete = true
        return range
      }
      searched = end
      if isAtEnd {
        if start == end { return nil }
        let range = start..<end
        advance(past: end)
        lineIsComplete = false
        return range
      }
      let shift = start
      try fill()
      searched -= shift
    }
  }

  /// Where the next lines lie in the buffer, all that are there, with their line feeds; at the end also one without. Nil at the end.
  /// Whoever reads them counts them: `lineNumber` is how many came before. `lineOffset` is not told.
  mutating func nextLines(after lineNumber: Int) throws -> Range<Int>? {
    self.lineNumber = lineNumber
    var searched = start
    while true {
      if let feed = lastFeed(from: searched) { return take(upTo: feed + 1) }
      if isAtEnd { return start == end ? nil : take(upTo: end) }
      searched = end - start
      try fill()
    }
  }

  private mutating func take(upTo index: Int) -> Range<Int> {
    let range = start..<index
    lineIsComplete = buffer[index - 1] == 10
    nextOffset += Int64(range.count)
    start = index
    return range
  }

  /// A part of the buffer, valid until the next call of `next` or `nextLines`.
  @_lifetime(borrow self)
  func bytes(_ range: Range<Int>) -> Span<UInt8> { buffer.span.extracting(range) }

  /// Goes to `offset`. Only for files.
  mutating func seek(to offset: Int64) throws(StorageError) {
    if lseek(descriptor, off_t(offset), SEEK_SET) < 0 {
      throw StorageError(.io, "seek in \(name): \(errorText(errno))", disposition: .halt)
    }
    (start, end, isAtEnd, nextOffset) = (0, 0, false, offset)
  }

  private func firstFeed(from index: Int) -> Int? {
    unsafe buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, index < end,
        let found = unsafe memchr(base + index, 10, end - index)
      else { return nil }
      return unsafe base.distance(to: UnsafeRawPointer(found))
    }
  }

  private func lastFeed(from index: Int) -> Int? {
    unsafe buffer.withUnsafeBytes { bytes in unsafe bytes[index..<end].lastIndex(of: 10) }
  }

  private mutating func advance(past index: Int) {
    lineNumber += 1
    lineOffset = nextOffset
    nextOffset += Int64(index - start)
    start = index
  }

  /// Moves what is left to the front, makes room and reads more.
  private mutating func fill() throws(StorageError) {
    if start > 0 {
      unsafe buffer.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        unsafe _ = memmove(base, base + start, end - start)
      }
      end -= start
      start = 0
    }
    if end == buffer.count {
      if buffer.count >= lineBytesMax {
        throw StorageError(
          .size, "read \(name), line \(lineNumber + 1): longer than \(lineBytesMax) bytes", disposition: .rejectRequest)
      }
      buffer.append(contentsOf: repeatElement(0, count: buffer.count))
    }
    while true {
      let (descriptor, end) = (descriptor, end)
      let got = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe read(descriptor, bytes.baseAddress.map { unsafe $0 + end }, bytes.count - end)
      }
      if got < 0, errno == EINTR { continue }
      if got < 0 {
        let number = errno
        throw StorageError(.io, "read \(name): \(errorText(number))", disposition: .rejectRequest)
      }
      self.end += got
      isAtEnd = got == 0
      return
    }
  }
}
