// What the operating system says, as errors of this library.
internal import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

extension StorageError {
  /// A failed system call: `number` is its errno, `attempt` what it was for ("open /data/index").
  init(errno number: Int32, _ attempt: String, file: String = #fileID, line: Int = #line) {
    let code: Code
    var disposition = Disposition.skipBlock
    switch number {
    case ENOENT, ENOTDIR: code = .notFound
    case EACCES, EPERM, EROFS: code = .permission
    case ENOSPC, EDQUOT, EFBIG:
      code = .noSpace
      disposition = .halt
    case EMFILE, ENFILE, EINTR, EAGAIN:
      code = .io
      disposition = .retry
    case ENOMEM: code = .memory
    default: code = .io
    }
    self.init(code, "\(attempt): \(systemErrorText(number))", disposition: disposition, file: file, line: line)
  }

  /// A charge that a memory budget refused while `attempt` was under way.
  init(_ error: BudgetExceeded, _ attempt: String, file: String = #fileID, line: Int = #line) {
    self.init(
      .budget, "\(attempt): \(error)", disposition: .rejectRequest, cause: error, file: file, line: line)
  }
}

/// The system's own English words for an errno, beginning in lower case: "no such file or directory".
func systemErrorText(_ number: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  let text = unsafe buffer.withUnsafeMutableBufferPointer { bytes -> String in
    guard let base = bytes.baseAddress, unsafe strerror_r(number, base, bytes.count) == 0 else { return "" }
    return unsafe String(cString: base)
  }
  guard let first = text.first else { return "error \(number)" }
  return first.lowercased() + text.dropFirst()
}
