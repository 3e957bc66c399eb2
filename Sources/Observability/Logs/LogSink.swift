// Where log lines go.
internal import Locking
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Takes log lines.
public protocol LogSink: Sendable {
  /// Takes one line, whose last byte is the line's end. Lines that come from several threads stay whole.
  func write(_ line: [UInt8])
}

/// Writes each line to a file descriptor with one call, so that lines of several processes on one file stay whole too.
public struct DescriptorSink: LogSink {
  private let descriptor: Int32

  /// A sink on an open descriptor, which stays the caller's.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// Standard error.
  public static let standardError = DescriptorSink(descriptor: 2)

  /// Writes the line; what cannot be written is lost.
  public func write(_ line: [UInt8]) {
    unsafe line.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
        let result = unsafe systemWrite(descriptor, rest.baseAddress, rest.count)
        if result < 0, errno == EINTR { continue }
        // Whoever reads the log is gone, or its disk is full: there is nobody left to tell.
        if result <= 0 { return }
        written += result
      }
    }
  }
}

/// Keeps the last lines in memory: for tests.
public final class MemorySink: LogSink {
  private let kept = Guarded<[String]>([])
  private let countMax: Int

  /// A sink that keeps at most `countMax` lines.
  public init(countMax: Int = 10_000) { self.countMax = max(1, countMax) }

  /// Keeps the line in place of the oldest one, where there is no room.
  public func write(_ line: [UInt8]) {
    let text = String(decoding: line.last == 0x0A ? line.dropLast() : line[...], as: UTF8.self)
    kept.withLock { lines in
      if lines.count == countMax { lines.removeFirst() }
      lines.append(text)
    }
  }

  /// The lines, oldest first, without their ends.
  public var lines: [String] { kept.withLock { $0 } }
}

/// Drops all lines.
struct NoSink: LogSink {
  func write(_ line: [UInt8]) {}
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  #if canImport(Glibc)
    unsafe Glibc.write(descriptor, bytes, count)
  #else
    unsafe Musl.write(descriptor, bytes, count)
  #endif
}
