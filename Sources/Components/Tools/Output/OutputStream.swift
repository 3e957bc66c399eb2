internal import Storage

// Where text goes: a file descriptor behind a buffer, so that a dump makes one system call a megabyte.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// What ends a tool early without being an error of the data: the reader of our output went away.
struct OutputClosed: Error {}

/// Buffered output to a file descriptor.
struct OutputStream: ~Copyable {
  /// What is to be written; flushed by `drain` above the limit.
  var buffer: TextBuffer
  private let descriptor: Int32
  private let name: String
  private let limit: Int

  init(descriptor: Int32, name: String, limit: Int = 1 << 20) {
    self.descriptor = descriptor
    self.name = name
    self.limit = limit
    self.buffer = TextBuffer(capacity: limit + limit / 4)
  }

  static func standardOutput() -> OutputStream { OutputStream(descriptor: STDOUT_FILENO, name: "standard output") }

  /// Writes the buffer where it is larger than the limit.
  @inline(__always) mutating func drain() throws {
    if buffer.count >= limit { try flush() }
  }

  /// Writes the buffer.
  mutating func flush() throws {
    let descriptor = descriptor
    let failure: Int32 = unsafe buffer.withBytes { bytes in
      var written = 0
      while written < bytes.count {
        let result = unsafe write(descriptor, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written)
        if result < 0 {
          if errno == EINTR { continue }
          return errno
        }
        written += result
      }
      return 0
    }
    buffer.removeAll()
    if failure == EPIPE { throw OutputClosed() }
    if failure != 0 {
      throw StorageError(failure == ENOSPC ? .noSpace : .io, "write \(name): \(errorText(failure))", disposition: .halt)
    }
  }
}

/// What the system says about an error number, to go on a sentence: `no such file or directory`.
func errorText(_ number: Int32) -> String {
  guard let text = unsafe strerror(number) else { return "error \(number)" }
  let words = unsafe String(cString: text)
  // Abbreviations such as "I/O error" stay as they are.
  guard words.dropFirst().first?.isLowercase == true else { return words }
  return words.prefix(1).lowercased() + words.dropFirst()
}

/// Prints `text` to standard error as it is.
func printError(_ text: String) {
  var text = text
  text.withUTF8 { bytes in
    var written = 0
    while written < bytes.count {
      let result = unsafe write(STDERR_FILENO, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written)
      if result <= 0 { return }
      written += result
    }
  }
}

/// Prints `text` to standard output.
func printOutput(_ text: String) throws {
  var output = OutputStream.standardOutput()
  output.buffer.append(text)
  try output.flush()
}
