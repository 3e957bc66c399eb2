// A session without a socket: bytes go in by a call, what it tells is written down, the clock is a number.
import CTransport

/// What a session told of one stream.
final class StreamRecord {
  var method = ""
  var target = ""
  var scheme = ""
  var authority = ""
  var version: Int32 = 0
  var status: Int32 = 0
  var fields: [(String, String)] = []
  var body: [UInt8] = []
  var trailers: [(String, String)] = []
  var hasEnded = false
  var wakes = 0
  /// Bytes of our body that were told as sent.
  var sent = 0
  var closed: transport_close?
  var code: UInt32 = 0
  fileprivate(set) var stream: OpaquePointer?

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// Drives one side of a connection.
final class SessionDriver {
  let session: OpaquePointer
  var now: UInt64 = 1_000_000
  var streams: [StreamRecord] = []
  var limits: [String] = []
  /// Requests that the client gave up, and whether its address may do so.
  var givenUp = 0
  var mayGiveUp = true
  /// Called when a stream's head came.
  var onHead: ((SessionDriver, StreamRecord) -> Void)?
  /// Called with the target (or status), body and trailers of a message that came whole; whether it is dealt with.
  var onWhole: ((SessionDriver, OpaquePointer, String, [UInt8], [(String, String)]) -> Bool)?
  /// Whether bodies are consumed as they come.
  var consumes = true

  init(
    isClient: Bool = false, isSecure: Bool = false, protocol: transport_protocol? = nil, handsOverWhole: Bool = false,
    _ change: (inout transport_limits) -> Void = { _ in }
  ) {
    var limits = transport_limits_default()
    change(&limits)
    var handlers = transport_handlers(
      on_head: { context, stream, user, head in
        guard let driver = SessionDriver.of(context), let head = head?.pointee, let stream else { return }
        let record = user.map { Unmanaged<StreamRecord>.fromOpaque($0).takeUnretainedValue() } ?? StreamRecord()
        record.stream = stream
        record.method = SessionDriver.text(head.method)
        record.target = SessionDriver.text(head.target)
        record.scheme = SessionDriver.text(head.scheme)
        record.authority = SessionDriver.text(head.authority)
        record.version = head.version
        record.status = head.status
        record.fields = SessionDriver.fields(head.fields, head.field_count)
        if user == nil {
          transport_stream_set_user(stream, Unmanaged.passRetained(record).toOpaque())
          driver.streams.append(record)
        }
        driver.onHead?(driver, record)
      },
      on_body: { context, stream, user, bytes, length in
        guard let driver = SessionDriver.of(context), let user, let stream else { return }
        let record = Unmanaged<StreamRecord>.fromOpaque(user).takeUnretainedValue()
        record.body.append(contentsOf: UnsafeBufferPointer(start: bytes, count: length))
        if driver.consumes { transport_stream_consume(stream, length) }
      },
      on_end: { _, _, user, trailers, count in
        guard let user else { return }
        let record = Unmanaged<StreamRecord>.fromOpaque(user).takeUnretainedValue()
        record.hasEnded = true
        record.trailers = SessionDriver.fields(trailers, count)
      },
      on_wake: { _, _, user in
        guard let user else { return }
        Unmanaged<StreamRecord>.fromOpaque(user).takeUnretainedValue().wakes += 1
      },
      on_close: { _, _, user, reason, code in
        guard let user else { return }
        let record = Unmanaged<StreamRecord>.fromOpaque(user).takeRetainedValue()
        record.closed = reason
        record.code = code
        record.stream = nil
      },
      on_whole: { context, stream, _, head, body, length, trailers, count in
        guard let driver = SessionDriver.of(context), let onWhole = driver.onWhole, let head = head?.pointee,
          let stream
        else { return false }
        return onWhole(
          driver, stream, head.status > 0 ? "\(head.status)" : SessionDriver.text(head.target),
          Array(UnsafeBufferPointer(start: body, count: length)), SessionDriver.fields(trailers, count))
      },
      on_limit: { context, _, limit in
        guard let driver = SessionDriver.of(context), let name = transport_limit_name(transport_limit(UInt32(limit)))
        else { return }
        driver.limits.append(String(cString: name))
      },
      on_sent: { _, _, user, length in
        guard let user else { return }
        Unmanaged<StreamRecord>.fromOpaque(user).takeUnretainedValue().sent += length
      },
      on_given_up: { context, _, count in
        guard let driver = SessionDriver.of(context) else { return true }
        driver.givenUp += Int(count)
        return driver.mayGiveUp
      })
    if !handsOverWhole { handlers.on_whole = nil }
    session = transport_session_new(isClient, isSecure, &limits, &handlers, nil, now)
    transport_session_set_context(session, Unmanaged.passUnretained(self).toOpaque())
    if let `protocol` { transport_session_start(session, `protocol`) }
  }

  deinit { transport_session_free(session, TRANSPORT_CLOSE_LOST) }

  private static func of(_ context: UnsafeMutableRawPointer?) -> SessionDriver? {
    context.map { Unmanaged<SessionDriver>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func text(_ text: transport_text) -> String {
    String(decoding: UnsafeBufferPointer(start: text.bytes, count: text.bytes == nil ? 0 : text.length), as: UTF8.self)
  }

  private static func fields(_ fields: UnsafePointer<transport_field>?, _ count: Int) -> [(String, String)] {
    UnsafeBufferPointer(start: fields, count: fields == nil ? 0 : count).map { (text($0.name), text($0.value)) }
  }

  /// Whether the connection may go on.
  @discardableResult
  func receive(_ bytes: [UInt8]) -> Bool { transport_session_receive(session, bytes, bytes.count, now) == 0 }

  @discardableResult
  func receive(_ text: String) -> Bool { receive(Array(text.utf8)) }

  /// Everything that the session has for its peer, at most `most` bytes.
  func output(most: Int = .max) -> [UInt8] {
    var all: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65_536)
    while all.count < most {
      let length = transport_session_send(session, &room, room.count)
      if length == 0 {
        guard transport_session_has_input(session) else { break }
        _ = transport_session_receive(session, nil, 0, now)
        continue
      }
      all.append(contentsOf: room.prefix(length))
    }
    return all
  }

  var outputText: String { String(decoding: output(), as: UTF8.self) }

  /// Answers a stream.
  func respond(
    _ record: StreamRecord, status: Int32 = 200, fields: [(String, String)] = [], body: String? = nil,
    trailers: [(String, String)] = [], length: Int64? = nil, ends: Bool = true
  ) {
    guard let stream = record.stream else { return }
    let isWhole = ends && trailers.isEmpty
    withFields(fields) {
      _ = transport_stream_respond(
        stream, status, $0, $1, length ?? (isWhole ? Int64(body?.utf8.count ?? 0) : -1), isWhole && body == nil)
    }
    if let body { write(record, Array(body.utf8)) }
    if ends && !(isWhole && body == nil) { end(record, trailers: trailers) }
  }

  func write(_ record: StreamRecord, _ bytes: [UInt8]) {
    guard let stream = record.stream else { return }
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, bytes.count))
    copy.initialize(from: bytes, count: bytes.count)
    _ = transport_stream_write(
      stream, copy, bytes.count, { $0?.assumingMemoryBound(to: UInt8.self).deallocate() }, copy)
  }

  func end(_ record: StreamRecord, trailers: [(String, String)] = []) {
    guard let stream = record.stream else { return }
    withFields(trailers) { _ = transport_stream_end(stream, $0, $1) }
  }

  func reset(_ record: StreamRecord, code: UInt32 = 8) {
    if let stream = record.stream { transport_stream_reset(stream, code) }
  }

  func consume(_ record: StreamRecord, _ length: Int) {
    if let stream = record.stream { transport_stream_consume(stream, length) }
  }

  /// Makes a request on a client's session.
  func request(_ method: String, _ target: String, fields: [(String, String)] = [], ends: Bool = true) -> StreamRecord?
  {
    let record = StreamRecord()
    let pseudo = [("", method), ("", "http"), ("", "host"), ("", target)]
    withFields(pseudo) { names, _ in
      withFields(fields) { rest, count in
        guard let names else { return }
        var head = transport_head(
          version: 20, status: 0, method: names[0].value, scheme: names[1].value, authority: names[2].value,
          target: names[3].value, fields: rest, field_count: count)
        let user = Unmanaged.passRetained(record)
        record.stream = transport_session_request(session, &head, ends, user.toOpaque())
        if record.stream == nil { user.release() }
      }
    }
    guard record.stream != nil else { return nil }
    streams.append(record)
    return record
  }

  /// Lets time pass; whether the connection may go on.
  @discardableResult
  func pass(ms: UInt64, hasUnsent: Bool = false) -> Bool {
    now += ms
    return transport_session_tick(session, now, hasUnsent) == 0
  }

  var wantsClose: Bool { transport_session_wants_close(session) }
  var wantsInput: Bool { transport_session_wants_input(session) }

  /// Moves bytes between two sides until both are silent.
  static func exchange(_ left: SessionDriver, _ right: SessionDriver) {
    while true {
      let toRight = left.output()
      if !toRight.isEmpty { right.receive(toRight) }
      let toLeft = right.output()
      if !toLeft.isEmpty { left.receive(toLeft) }
      if toRight.isEmpty && toLeft.isEmpty { return }
    }
  }
}

private func withFields(_ fields: [(String, String)], _ body: (UnsafePointer<transport_field>?, Int) -> Void) {
  var text: [UInt8] = []
  var parts: [(Int, Int, Int)] = []
  for (name, value) in fields {
    parts.append((text.count, name.utf8.count, value.utf8.count))
    text.append(contentsOf: name.utf8)
    text.append(contentsOf: value.utf8)
  }
  text.append(0)
  text.withUnsafeBufferPointer { text in
    let made = parts.map { start, name, value in
      transport_field(
        name: transport_text(bytes: text.baseAddress! + start, length: name),
        value: transport_text(bytes: text.baseAddress! + start + name, length: value))
    }
    made.withUnsafeBufferPointer { body($0.isEmpty ? nil : $0.baseAddress, $0.count) }
  }
}
