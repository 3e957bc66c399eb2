// Bytes on their way from the task that makes them to the loop's thread that sends them.
private import Locking
private import Synchronization

/// The body of a request while it is sent: one task writes, the loop reads. Holds at most `bytesMax` bytes and the last part
/// written.
final class HTTPClientUpload: Sendable {
  /// What the loop finds when it comes for bytes.
  enum Reading {
    /// So many bytes were given.
    case bytes(Int)
    /// None are there yet: it will be told.
    case wait
    /// None will come.
    case end
    /// The writer gave up.
    case abort
  }

  private struct State {
    var parts: [[UInt8]] = []
    /// Bytes of the first part that are gone.
    var offset = 0
    var byteCount = 0
    var hasEnded = false
    var isAborted = false
    /// Nobody reads any more.
    var isClosed = false
    /// The loop waits for bytes.
    var isReaderWaiting = false
    var writer: CheckedContinuation<Void, Never>?
  }

  private let state = Guarded(State())
  private let bytesMax: Int
  /// All bytes, or nil where their number is not known.
  let length: Int64?

  init(length: Int64?, bytesMax: Int) {
    self.length = length
    self.bytesMax = bytesMax
  }

  /// Hands over `bytes` once there is room; false where nobody wants more. `wake` is called where the loop waits for them.
  func write(_ bytes: [UInt8], wake: @Sendable () -> Void) async -> Bool {
    if bytes.isEmpty { return true }
    while true {
      let (isDone, isReaderWaiting) = state.withLock { state -> (Bool?, Bool) in
        if state.isClosed { return (false, false) }
        guard state.byteCount < bytesMax else { return (nil, false) }
        state.parts.append(bytes)
        state.byteCount += bytes.count
        let isReaderWaiting = state.isReaderWaiting
        state.isReaderWaiting = false
        return (true, isReaderWaiting)
      }
      if isReaderWaiting { wake() }
      if let isDone { return isDone }
      await withCheckedContinuation { continuation in
        let isRoom = state.withLock { state in
          if state.isClosed || state.byteCount < bytesMax { return true }
          state.writer = continuation
          return false
        }
        if isRoom { continuation.resume() }
      }
    }
  }

  /// Says that no more comes.
  func finish(wake: @Sendable () -> Void) {
    let isReaderWaiting = state.withLock { state in
      state.hasEnded = true
      defer { state.isReaderWaiting = false }
      return state.isReaderWaiting
    }
    if isReaderWaiting { wake() }
  }

  /// Says that what was to come will not.
  func abort(wake: @Sendable () -> Void) {
    state.withLock { $0.isAborted = true }
    finish(wake: wake)
  }

  /// Says that nobody reads any more: writers go on at once and are told so.
  func close() {
    let writer = state.withLock { state in
      state.isClosed = true
      state.parts = []
      state.byteCount = 0
      defer { state.writer = nil }
      return state.writer
    }
    writer?.resume()
  }

  /// Fills `room`, on the loop's thread.
  func read(into room: UnsafeMutableRawBufferPointer) -> Reading {
    let (reading, writer) = state.withLock { state -> (Reading, CheckedContinuation<Void, Never>?) in
      if state.isAborted || state.isClosed { return (.abort, nil) }
      var filled = 0
      while filled < room.count, let part = state.parts.first {
        let count = min(part.count - state.offset, room.count - filled)
        unsafe part.withUnsafeBytes { bytes in
          unsafe UnsafeMutableRawBufferPointer(rebasing: room[filled..<filled + count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[state.offset..<state.offset + count]))
        }
        filled += count
        state.offset += count
        if state.offset == part.count {
          state.parts.removeFirst()
          state.offset = 0
        }
      }
      state.byteCount -= filled
      if filled == 0 {
        if state.hasEnded { return (.end, nil) }
        state.isReaderWaiting = true
        return (.wait, nil)
      }
      guard state.byteCount <= bytesMax / 2 else { return (.bytes(filled), nil) }
      defer { state.writer = nil }
      return (.bytes(filled), state.writer)
    }
    writer?.resume()
    return reading
  }
}
