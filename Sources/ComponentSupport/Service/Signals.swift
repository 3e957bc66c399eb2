// Signals of the system, told to Swift code: a handler writes the number to a pipe, a thread of its own reads it from
// there. Handlers may run on any thread in the middle of anything, so that one write is all they do.
internal import Locking
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A signal that a process gets from people and orchestrators.
public enum ProcessSignal: Sendable {
  /// End in good order: SIGINT, SIGTERM.
  case end(name: String)
  /// Read configurations again: SIGHUP.
  case reload
}

/// The signals of this process. There is one set of them, which lives as long as the process.
public enum ProcessSignals {
  /// Where handlers write to; set before any handler is.
  nonisolated(unsafe) private static var pipeEnd: Int32 = -1
  private static let observer = Guarded<(@Sendable (ProcessSignal) -> Void)?>(nil)
  private static let isInstalled = Guarded(false)

  /// Takes over SIGINT, SIGTERM and SIGHUP: each is given to `body`, on a thread of its own, instead of ending the
  /// process. A later call replaces `body`.
  public static func observe(_ body: @escaping @Sendable (ProcessSignal) -> Void) {
    observer.withLock { $0 = body }
    isInstalled.withLock { isInstalled in
      if !isInstalled { isInstalled = install() }
    }
  }

  private static func install() -> Bool {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return false }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // A handler must never wait: with 64 KiB of unread signals in the pipe, one more changes nothing.
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    unsafe pipeEnd = ends[1]
    let readEnd = ends[0]
    guard startThread(reading: readEnd) else {
      close(ends[0])
      close(ends[1])
      return false
    }
    for number in [SIGINT, SIGTERM, SIGHUP] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        let before = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = unsafe write(ProcessSignals.pipeEnd, &byte, 1)
        errno = before
      }
      action.sa_flags = SA_RESTART
      _ = unsafe sigaction(number, &action, nil)
    }
    return true
  }

  private static func startThread(reading end: Int32) -> Bool {
    var thread = pthread_t()
    let argument = unsafe UnsafeMutableRawPointer(bitPattern: Int(end) + 1)
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        let end = Int32(truncatingIfNeeded: Int(bitPattern: argument) - 1)
        ProcessSignals.read(from: end)
        return nil
      }, argument)
    guard result == 0 else { return false }
    pthread_detach(thread)
    return true
  }

  private static func read(from end: Int32) {
    while true {
      var byte: UInt8 = 0
      let count = unsafe systemRead(end, &byte, 1)
      if count < 0, errno == EINTR { continue }
      if count != 1 { return }
      let body = observer.withLock { $0 }
      switch Int32(byte) {
      case SIGINT: body?(.end(name: "interrupt"))
      case SIGTERM: body?(.end(name: "terminated"))
      case SIGHUP: body?(.reload)
      default: break
      }
    }
  }

  private static func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(descriptor, bytes, count)
    #else
      unsafe Musl.read(descriptor, bytes, count)
    #endif
  }
}
