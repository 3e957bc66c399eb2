// One request and its answer, between the loop's thread, which talks to the server, and the tasks that wait for it.
//
//   server ──▶ loop: take(…) ──▶ parts ──▶ nextPart() ──▶ reader       above `bufferBytes` the loop stops taking, and goes on
//                                                                      once half of it is read
private import Locking
private import Synchronization

/// The head of an answer.
struct HTTPClientHead: Sendable {
  var status: Int
  var headers: HTTPHeaders
  var version: HTTPVersion
  var url: String
}

/// A request under way. `loop…` members belong to the loop's thread; everything else is behind the lock.
final class HTTPTransfer: @unchecked Sendable {
  private struct State {
    var head: HTTPClientHead?
    var trailers = HTTPHeaders()
    var parts: [[UInt8]] = []
    var partIndex = 0
    var byteCount = 0
    var isHeldUp = false
    var isComplete = false
    var failure: TransportError?
    var headWaiter: CheckedContinuation<Void, Never>?
    var partWaiter: CheckedContinuation<Void, Never>?
  }

  /// What the answer's bytes are put together to, so that a reader is not woken for each 16 KiB.
  private static let partBytes = 64 << 10

  let request: HTTPClientRequest
  let upload: HTTPClientUpload?
  private let bufferBytes: Int
  private let bodyBytesMax: Int
  private let headBytesMax: Int
  private let state = Guarded(State())

  // What the loop's thread keeps, and no other touches.
  var loopHandle: CurlHandle?
  var loopBodyOffset = 0
  var loopBodyCount = 0
  var loopHeadBytes = 0
  var loopStatus = 0
  var loopVersion = HTTPVersion.http1_1
  var loopHeaders = HTTPHeaders()
  var loopHasHead = false
  var loopFollowsRedirects = true
  var loopIsReceivePaused = false
  var loopIsSendPaused = false
  var loopHasSentBody = false
  /// When the last byte of the request had been sent, nanoseconds of the loop's clock.
  var loopSentNs: UInt64?

  init(_ request: HTTPClientRequest, upload: HTTPClientUpload?, options: HTTPClientOptions) {
    self.request = request
    self.upload = upload
    bufferBytes = max(1, options.bufferBytes)
    bodyBytesMax = options.bodyBytesMax
    headBytesMax = options.headBytesMax
  }

  // MARK: For the loop

  /// Whether it has failed or been cancelled, so that nothing more is to be taken.
  var hasFailed: Bool { state.withLock { $0.failure != nil } }

  /// Takes one line of a head, without its end.
  func takeHeaderLine(_ line: UnsafeRawBufferPointer, followsRedirects: Bool, url: () -> String) -> Bool {
    loopHeadBytes += line.count + 2
    guard loopHeadBytes <= headBytesMax else {
      fail(TransportError(.limit, "\(request.method) \(request.url): head of the answer exceeds \(headBytesMax) bytes"))
      return false
    }
    if unsafe line.starts(with: Array("HTTP/".utf8)), !loopHasHead {
      // A new answer: the one before was a redirect, or said to go on.
      loopHeaders = HTTPHeaders()
      unsafe readStatus(line)
      return true
    }
    if unsafe line.isEmpty {
      if loopHasHead || loopStatus < 200 { return true }
      let isRedirect = [301, 302, 303, 307, 308].contains(loopStatus) && loopHeaders.contains("location")
      if !isRedirect || !followsRedirects { giveHead(url: url()) }
      return true
    }
    guard let colon = unsafe line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return true }
    let name = unsafe UnsafeRawBufferPointer(rebasing: line[..<colon])
    let value = unsafe trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
    if loopHasHead {
      let (name, value) = unsafe (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
      state.withLock { $0.trailers.add(name, value) }
    } else {
      unsafe loopHeaders.append(name: name, value: value)
    }
    return true
  }

  private func readStatus(_ line: UnsafeRawBufferPointer) {
    loopVersion = unsafe line.count > 5 && line[5] == UInt8(ascii: "2") ? .http2 : .http1_1
    if line.count > 7, unsafe line[7] == UInt8(ascii: "0"), loopVersion == .http1_1 { loopVersion = .http1_0 }
    loopStatus = 0
    guard let blank = unsafe line.firstIndex(of: UInt8(ascii: " ")) else { return }
    for byte in unsafe Array(line[(blank + 1)...].prefix(3)) where byte >= 48 && byte <= 57 {
      loopStatus = loopStatus * 10 + Int(byte - 48)
    }
  }

  /// Gives out the head, where that has not been done.
  func giveHead(url: String) {
    if loopHasHead { return }
    loopHasHead = true
    let head = HTTPClientHead(status: loopStatus, headers: loopHeaders, version: loopVersion, url: url)
    let waiter = state.withLock { state in
      state.head = head
      defer { state.headWaiter = nil }
      return state.headWaiter
    }
    waiter?.resume()
    // An answer that refuses needs no more of the request.
    if head.status >= 400 { upload?.close() }
  }

  /// What became of bytes that the server sent.
  enum Taking {
    /// They were taken.
    case taken
    /// The reader is slow: the same bytes again later.
    case later
    /// Nobody wants them.
    case refused
  }

  /// Takes bytes of the body.
  func take(_ bytes: UnsafeRawBufferPointer) -> Taking {
    let (taking, waiter) = state.withLock { state -> (Taking, CheckedContinuation<Void, Never>?) in
      if state.failure != nil { return (.refused, nil) }
      if state.byteCount >= bufferBytes {
        state.isHeldUp = true
        return (.later, nil)
      }
      state.byteCount += bytes.count
      if let last = state.parts.indices.last, last >= state.partIndex,
        state.parts[last].count + bytes.count <= Self.partBytes
      {
        unsafe state.parts[last].append(contentsOf: bytes)
      } else {
        unsafe state.parts.append(Array(bytes))
      }
      defer { state.partWaiter = nil }
      return (.taken, state.partWaiter)
    }
    waiter?.resume()
    if case .taken = taking {
      loopBodyCount += bytes.count
      if bodyBytesMax > 0, loopBodyCount > bodyBytesMax {
        fail(TransportError(.limit, "\(request.method) \(request.url): answer exceeds \(bodyBytesMax) bytes"))
        return .refused
      }
    }
    return taking
  }

  /// The answer has ended well.
  func complete() {
    let waiters = state.withLock { state in
      state.isComplete = true
      defer { (state.headWaiter, state.partWaiter) = (nil, nil) }
      return (state.headWaiter, state.partWaiter)
    }
    waiters.0?.resume()
    waiters.1?.resume()
    upload?.close()
  }

  /// It ends here. The first reason counts.
  func fail(_ failure: TransportError) {
    let waiters = state.withLock { state in
      if !state.isComplete, state.failure == nil {
        state.failure = failure
        // What nobody will read needs no memory.
        (state.parts, state.partIndex, state.byteCount) = ([], 0, 0)
      }
      defer { (state.headWaiter, state.partWaiter) = (nil, nil) }
      return (state.headWaiter, state.partWaiter)
    }
    waiters.0?.resume()
    waiters.1?.resume()
    upload?.close()
  }

  // MARK: For tasks

  /// The head of the answer, once it is there.
  func waitForHead() async throws -> HTTPClientHead {
    while true {
      let (head, failure) = state.withLock { ($0.head, $0.failure) }
      // Of a body that the server refused in the midst of it the answer counts, not that sending was broken off.
      if let failure, head == nil || failure.code == .cancelled { throw failure }
      if let head { return head }
      await withCheckedContinuation { continuation in
        let isThere = state.withLock { state in
          if state.head != nil || state.failure != nil { return true }
          state.headWaiter = continuation
          return false
        }
        if isThere { continuation.resume() }
      }
    }
  }

  /// The next bytes of the body once there are some, nil at its end. `goOn` is called where the sender was held up and there
  /// is room again.
  func nextPart(goOn: () -> Void) async throws -> [UInt8]? {
    while true {
      let found = state.withLock { state -> (part: [UInt8]?, isOver: Bool, failure: TransportError?, goesOn: Bool) in
        if let failure = state.failure { return (nil, true, failure, false) }
        guard state.partIndex < state.parts.count else { return (nil, state.isComplete, nil, false) }
        let part = state.parts[state.partIndex]
        state.parts[state.partIndex] = []
        state.partIndex += 1
        if state.partIndex == state.parts.count || state.partIndex == 64 {
          state.parts.removeFirst(state.partIndex)
          state.partIndex = 0
        }
        state.byteCount -= part.count
        let goesOn = state.isHeldUp && state.byteCount <= bufferBytes / 2
        if goesOn { state.isHeldUp = false }
        return (part, false, nil, goesOn)
      }
      if found.goesOn { goOn() }
      if let failure = found.failure { throw failure }
      if let part = found.part { return part }
      if found.isOver { return nil }
      try await waitForPart()
    }
  }

  private func waitForPart() async throws {
    if state.withLock({ $0.partWaiter != nil }) {
      throw TransportError(.argument, "the body of \(request.url) is read by two tasks at once")
    }
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state in
        if state.partIndex < state.parts.count || state.isComplete || state.failure != nil || state.partWaiter != nil {
          return true
        }
        state.partWaiter = continuation
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  /// Whether it has ended, well or not.
  var isOver: Bool { state.withLock { $0.isComplete || $0.failure != nil } }

  /// Trailer fields; all of them once the body has ended.
  var trailers: HTTPHeaders { state.withLock { $0.trailers } }
}

private func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
  var (start, end) = (0, bytes.count)
  while start < end, unsafe bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
  while end > start, unsafe bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
  return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
}
