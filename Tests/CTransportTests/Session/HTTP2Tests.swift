// HTTP/2: a client's session and a server's, with their bytes carried by hand.
import CTransport
import Testing

/// A frame (RFC 9113, 4.1).
private func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
  header(payload.count, type, flags, stream) + payload
}

private let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4)
/// `:method GET, :scheme http, :path /, :authority h`
private let requestBlock: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, 0x68]

/// A request with one more field, of the value "b".
private func named(_ name: String) -> [UInt8] {
  let start: [UInt8] = [0x82, 0x86, 0x84, 0x40, UInt8(name.utf8.count)]
  let value: [UInt8] = [0x01, 0x62]
  return start + Array(name.utf8) + value
}

/// A frame's header: length, type, flags, stream.
private func header(_ length: Int, _ type: UInt8, _ flags: UInt8, _ stream: UInt32) -> [UInt8] {
  let sizes: [UInt8] = [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
  return sizes + withUnsafeBytes(of: (stream & 0x7FFF_FFFF).bigEndian) { Array($0) }
}

@Suite struct HTTP2Tests {
  private static func pair(
    _ change: (inout transport_limits) -> Void = { _ in }
  ) -> (client: SessionDriver, server: SessionDriver) {
    (SessionDriver(isClient: true), SessionDriver(change))
  }

  @Test func requestAndAnswerWithTrailers() throws {
    let (client, server) = Self.pair()
    let call = try #require(client.request("POST", "/p?q", fields: [("X-A", "1")], ends: false))
    client.write(call, Array("hello".utf8))
    client.end(call, trailers: [("x-sum", "5")])
    SessionDriver.exchange(client, server)
    let request = server.streams[0]
    #expect(
      request.method == "POST" && request.target == "/p?q" && request.version == 20 && request.authority == "host")
    #expect(request.fields.map { "\($0.0)=\($0.1)" } == ["x-a=1"])
    #expect(request.text == "hello" && request.hasEnded)
    #expect(request.trailers.map { "\($0.0)=\($0.1)" } == ["x-sum=5"])
    server.respond(
      request, fields: [("content-type", "application/grpc")], body: "world", trailers: [("grpc-status", "0")])
    SessionDriver.exchange(client, server)
    #expect(call.status == 200 && call.text == "world" && call.hasEnded)
    #expect(call.fields.map { "\($0.0)=\($0.1)" } == ["content-type=application/grpc"])
    #expect(call.trailers.map { "\($0.0)=\($0.1)" } == ["grpc-status=0"])
    #expect(call.closed == TRANSPORT_CLOSE_DONE && request.closed == TRANSPORT_CLOSE_DONE)
  }

  @Test func messagesThatComeWholeAreHandedOverSo() throws {
    let client = SessionDriver(isClient: true, handsOverWhole: true)
    let server = SessionDriver(handsOverWhole: true)
    var whole: [String] = []
    var field = (name: Array("content-type".utf8), value: Array("application/grpc".utf8))
    let prepared = field.name.withUnsafeMutableBufferPointer { name in
      field.value.withUnsafeMutableBufferPointer { value in
        var field = transport_field(
          name: transport_text(bytes: name.baseAddress, length: name.count),
          value: transport_text(bytes: value.baseAddress, length: value.count))
        return withUnsafePointer(to: &field) { fields in
          var head = transport_head()
          (head.status, head.fields, head.field_count) = (200, fields, 1)
          let answer = transport_prepared_new(&head)
          head.status = 0
          return (answer, transport_prepared_new(&head))
        }
      }
    }
    defer {
      transport_prepared_free(prepared.0)
      transport_prepared_free(prepared.1)
    }
    server.onWhole = { _, stream, target, body, _ in
      whole.append("\(target) \(String(decoding: body, as: UTF8.self))")
      guard target == "/quick" else { return false }
      return body.withUnsafeBufferPointer { body in
        let text = transport_text(bytes: body.baseAddress, length: body.count)
        let result = transport_stream_answer(stream, prepared.0, text, text, prepared.1)
        // Once.
        return result == 0 && transport_stream_answer(stream, prepared.0, text, text, prepared.1) == -1
      }
    }
    client.onWhole = { _, _, status, body, trailers in
      whole.append("\(status) \(String(decoding: body, as: UTF8.self)) \(trailers.map(\.0))")
      return true
    }
    let call = try #require(client.request("POST", "/quick", ends: false))
    client.write(call, Array("hello".utf8))
    client.end(call)
    SessionDriver.exchange(client, server)
    #expect(whole == ["/quick hello", "200 hellohello [\"content-type\"]"])
    // Neither side heard of it in parts, and the client of its end.
    #expect(server.streams.isEmpty && call.status == 0 && call.wakes == 0 && call.closed == TRANSPORT_CLOSE_DONE)
    #expect(transport_session_stream_count(server.session) == 0)

    // One that nobody takes as a whole is told of as ever.
    let other = try #require(client.request("POST", "/other", ends: false))
    client.write(other, Array("hello".utf8))
    client.end(other)
    SessionDriver.exchange(client, server)
    #expect(whole.count == 3 && server.streams.count == 1)
    let request = server.streams[0]
    #expect(request.target == "/other" && request.text == "hello" && request.hasEnded && request.wakes == 1)
  }

  @Test func whereAMessageIsCutItIsTheSame() throws {
    var trailers = 0
    for method in ["/quick", "/other"] {
      let sender = SessionDriver(isClient: true)
      let call = try #require(sender.request("POST", method, fields: [("a", "b")], ends: false))
      sender.write(call, Array("hello".utf8))
      sender.end(call, trailers: method == "/other" ? [("x-sum", "5")] : [])
      let bytes = sender.output()
      for cut in 0...bytes.count {
        let server = SessionDriver(handsOverWhole: true)
        var whole: [String] = []
        server.onWhole = { _, _, target, body, fields in
          whole.append(target + String(decoding: body, as: UTF8.self))
          trailers += fields.count
          return target == "/quick"
        }
        #expect(server.receive(Array(bytes[..<cut])))
        #expect(server.receive(Array(bytes[cut...])))
        if whole == ["/quickhello"] {
          #expect(server.streams.isEmpty)
        } else {
          let request = try #require(server.streams.first)
          #expect(request.target == method && request.text == "hello" && request.hasEnded, "\(cut)")
          #expect(request.fields.map(\.0) == ["a"])
        }
      }
    }
    #expect(trailers > 0)
  }

  @Test func aRequestThatIsResetInTheSameBatchIsNobodys() throws {
    let client = SessionDriver(isClient: true, handsOverWhole: true)
    let server = SessionDriver(handsOverWhole: true)
    server.onWhole = { _, _, _, _, _ in true }
    let call = try #require(client.request("POST", "/", ends: false))
    client.write(call, Array("hello".utf8))
    let bytes = client.output()
    client.reset(call)
    server.receive(bytes + client.output())
    #expect(server.streams.isEmpty && transport_session_stream_count(server.session) == 0)
    // And one whose sender resets it later has been told of.
    let later = try #require(client.request("POST", "/", ends: false))
    client.write(later, Array("hello".utf8))
    SessionDriver.exchange(client, server)
    #expect(server.streams.count == 1 && server.streams[0].text == "hello")
    client.reset(later)
    SessionDriver.exchange(client, server)
    #expect(server.streams[0].closed == TRANSPORT_CLOSE_RESET)
  }

  @Test func anAnswerThatIsOnlyAHeadEndsWithIt() throws {
    let (client, server) = Self.pair()
    let call = try #require(client.request("POST", "/"))
    SessionDriver.exchange(client, server)
    server.respond(server.streams[0], fields: [("content-type", "application/grpc"), ("grpc-status", "12")])
    let bytes = server.output()
    // One frame of headers (type 1) with END_STREAM, no data.
    var types: [UInt8] = []
    var at = 0
    while at + 9 <= bytes.count {
      types.append(bytes[at + 3])
      at += 9 + (Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2]))
    }
    #expect(types.filter { $0 == 1 }.count == 1 && !types.contains(0))
    client.receive(bytes)
    #expect(call.hasEnded && call.fields.count == 2 && call.closed == TRANSPORT_CLOSE_DONE)
  }

  @Test func aReaderThatStallsStopsItsSenderAtOneWindowAndNobodyElse() throws {
    let (client, server) = Self.pair()
    client.consumes = false
    let stalled = try #require(client.request("GET", "/stalled"))
    let other = try #require(client.request("GET", "/other"))
    SessionDriver.exchange(client, server)
    let big = [UInt8](repeating: 7, count: 8 << 20)
    server.respond(server.streams[0], ends: false)
    server.write(server.streams[0], big)
    SessionDriver.exchange(client, server)
    #expect(stalled.body.count == 1 << 20)
    server.respond(server.streams[1], body: "quick", trailers: [("t", "1")])
    SessionDriver.exchange(client, server)
    #expect(other.text == "quick" && other.hasEnded)
    // Taking what came lets as much follow.
    client.consume(stalled, 1 << 20)
    SessionDriver.exchange(client, server)
    #expect(stalled.body.count == 2 << 20)
  }

  @Test func aConnectionsUntakenBytesAreBounded() throws {
    let (client, server) = Self.pair { $0.received_bytes = 3 << 20 }
    server.consumes = false
    for index in 0..<12 {
      let call = try #require(client.request("POST", "/\(index)", ends: false))
      client.write(call, [UInt8](repeating: 1, count: 1 << 20))
    }
    SessionDriver.exchange(client, server)
    let taken = server.streams.reduce(0) { $0 + $1.body.count }
    #expect(taken >= 3 << 20 && taken <= (3 << 20) + (4 << 20) + 65_536)
    #expect(server.limits == ["received-bytes"])
    for stream in server.streams { server.consume(stream, stream.body.count) }
    server.consumes = true
    SessionDriver.exchange(client, server)
    #expect(server.streams.reduce(0) { $0 + $1.body.count } == 12 << 20)
  }

  @Test func resetsReachTheOtherSide() throws {
    let (client, server) = Self.pair()
    let first = try #require(client.request("GET", "/", ends: false))
    let second = try #require(client.request("GET", "/", ends: false))
    SessionDriver.exchange(client, server)
    client.reset(first, code: 8)
    server.reset(server.streams[1], code: 2)
    SessionDriver.exchange(client, server)
    #expect(first.closed == TRANSPORT_CLOSE_LOCAL)
    #expect(server.streams[0].closed == TRANSPORT_CLOSE_RESET && server.streams[0].code == 8)
    #expect(second.closed == TRANSPORT_CLOSE_RESET && second.code == 2)
    #expect(server.streams[1].closed == TRANSPORT_CLOSE_LOCAL)
  }

  @Test func resetBeforeTheRequestWentOutEndsIt() throws {
    let client = SessionDriver(isClient: true)
    let call = try #require(client.request("GET", "/", ends: false))
    client.reset(call)
    _ = client.output()
    #expect(call.closed == TRANSPORT_CLOSE_LOCAL)
  }

  @Test func aServerThatIsDoneDropsTheRestAndStopsAClientThatSendsOn() throws {
    let (client, server) = Self.pair()
    let short = try #require(client.request("POST", "/", ends: false))
    let long = try #require(client.request("POST", "/", ends: false))
    let idle = try #require(client.request("POST", "/", ends: false))
    for call in [short, long, idle] { client.write(call, [UInt8](repeating: 1, count: 100)) }
    SessionDriver.exchange(client, server)
    for stream in server.streams { server.respond(stream, status: 413, body: "too much") }
    SessionDriver.exchange(client, server)
    #expect(
      [short, long, idle].allSatisfy { $0.status == 413 && $0.text == "too much" && $0.hasEnded && $0.closed == nil })
    client.end(short)
    client.write(long, [UInt8](repeating: 1, count: 300_000))
    SessionDriver.exchange(client, server)
    #expect(short.closed == TRANSPORT_CLOSE_DONE && long.closed == TRANSPORT_CLOSE_DONE && idle.closed == nil)
    #expect(server.limits == ["dropped-body"])
    server.pass(ms: 6_000)
    SessionDriver.exchange(client, server)
    #expect(idle.closed == TRANSPORT_CLOSE_DONE)
    #expect(server.streams.allSatisfy { $0.closed == TRANSPORT_CLOSE_DONE && $0.body.count == 100 })
  }

  @Test func shutdownLetsStreamsFinishAndTakesNoNewOnes() throws {
    let (client, server) = Self.pair()
    let call = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    transport_session_shutdown(server.session)
    SessionDriver.exchange(client, server)
    #expect(client.request("GET", "/late") == nil)
    server.pass(ms: 300)
    #expect(!server.wantsClose)
    server.respond(server.streams[0], body: "last")
    SessionDriver.exchange(client, server)
    #expect(call.text == "last" && call.closed == TRANSPORT_CLOSE_DONE)
    #expect(server.wantsClose && client.wantsClose)
  }

  @Test func requestsThatWaitForAStreamAreRefusedWhenThePeerGoes() throws {
    let (client, server) = Self.pair { $0.streams = 1 }
    SessionDriver.exchange(client, server)
    _ = try #require(client.request("GET", "/1"))
    let waiting = try #require(client.request("GET", "/2"))
    SessionDriver.exchange(client, server)
    #expect(server.streams.count == 1)
    server.respond(server.streams[0], ends: false)
    client.receive(frame(7, [0, 0, 0, 1, 0, 0, 0, 0]))
    SessionDriver.exchange(client, server)
    #expect(waiting.closed == TRANSPORT_CLOSE_REFUSED)
  }

  @Test func continueAndHead() throws {
    let (client, server) = Self.pair()
    let call = try #require(client.request("POST", "/", fields: [("expect", "100-continue")], ends: false))
    SessionDriver.exchange(client, server)
    transport_stream_continue(server.streams[0].stream)
    SessionDriver.exchange(client, server)
    #expect(call.status == 0)
    client.end(call)
    SessionDriver.exchange(client, server)
    server.respond(server.streams[0], body: "x")
    let head = try #require(client.request("HEAD", "/"))
    SessionDriver.exchange(client, server)
    server.respond(server.streams[1], body: "unseen")
    SessionDriver.exchange(client, server)
    #expect(call.status == 200 && call.text == "x")
    #expect(head.status == 200 && head.body.isEmpty && head.hasEnded)
    #expect(head.fields.contains { $0 == ("content-length", "6") })
  }

  // MARK: Hostile peers

  private static func server(_ change: (inout transport_limits) -> Void = { _ in }) -> SessionDriver {
    let server = SessionDriver(change)
    server.receive(preface)
    return server
  }

  /// Whether the server said GOAWAY with this code, as its last frame.
  private static func saysGoaway(_ server: SessionDriver, code: UInt8) -> Bool {
    let bytes = server.output()
    var at = 0
    var last: (type: UInt8, code: UInt8)?
    while at + 9 <= bytes.count {
      let length = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
      last = (bytes[at + 3], length >= 8 && at + 16 < bytes.count ? bytes[at + 16] : 0)
      at += 9 + length
    }
    return last?.type == 7 && last?.code == code
  }

  @Test func floodsOfResetsEndTheConnection() {
    let server = Self.server {
      $0.reset_burst = 100
      $0.reset_rate = 10
    }
    var stream: UInt32 = 1
    for _ in 0..<200 where server.limits.isEmpty {
      server.receive(frame(1, flags: 0x5, stream: stream, requestBlock) + frame(3, stream: stream, [0, 0, 0, 8]))
      stream += 2
    }
    #expect(server.limits == ["resets"])
    #expect(stream > 200 && Self.saysGoaway(server, code: 11))
    #expect(server.wantsClose)
    #expect(server.streams.allSatisfy { $0.closed == TRANSPORT_CLOSE_RESET || $0.closed == nil })
  }

  @Test func resetsWithinTheRateAreTaken() {
    let server = Self.server {
      $0.reset_burst = 100
      $0.reset_rate = 100
    }
    var stream: UInt32 = 1
    for _ in 0..<500 {
      server.now += 10
      server.receive(frame(1, flags: 0x5, stream: stream, requestBlock) + frame(3, stream: stream, [0, 0, 0, 8]))
      stream += 2
    }
    #expect(server.limits.isEmpty && server.streams.count == 500)
  }

  @Test func whoseAddressMayNotGiveUpMoreIsCutOffUnlessItDidSoRarely() {
    let server = Self.server()
    server.mayGiveUp = false
    var stream: UInt32 = 1
    for _ in 0..<200 where server.limits.isEmpty {
      server.receive(frame(1, flags: 0x5, stream: stream, requestBlock) + frame(3, stream: stream, [0, 0, 0, 8]))
      stream += 2
    }
    #expect(server.limits == ["peer-resets"] && server.givenUp == 101)
    #expect(Self.saysGoaway(server, code: 11))
  }

  private static let controlFloods: [(String, [UInt8])] = [
    ("pings", frame(6, [1, 2, 3, 4, 5, 6, 7, 8])), ("settings", frame(4)),
    ("priorities", frame(2, stream: 1, [0, 0, 0, 0, 1])),
    ("empty data", frame(0, stream: 1)),
  ]

  @Test(arguments: controlFloods)
  func floodsOfFramesWithoutPayloadEndTheConnection(name: String, one: [UInt8]) {
    let server = Self.server {
      $0.control_burst = 500
      $0.control_rate = 10
    }
    server.receive(frame(1, flags: 0x4, stream: 1, requestBlock))
    var sent = 0
    while server.limits.isEmpty && sent < 2000 {
      server.receive(one)
      // A peer that reads its answers.
      if sent % 100 == 0 { _ = server.output() }
      sent += 1
    }
    #expect(server.limits == ["control-frames"], "\(name)")
    #expect(sent >= 490 && sent <= 510, "\(name): \(sent)")
    #expect(Self.saysGoaway(server, code: 11), "\(name)")
  }

  @Test func pingsWhoseAnswersNobodyReadsAreBounded() {
    let server = Self.server()
    var sent = 0
    while sent < 20_000 && server.receive(frame(6, [1, 2, 3, 4, 5, 6, 7, 8])) { sent += 1 }
    #expect(sent < 2000)
    #expect(server.limits == ["unread-answers"])
  }

  /// A server whose client posts on stream 1 and gives up.
  private static func serverWithEndedStream() -> SessionDriver {
    let server = Self.server { $0.stream_window = 65_536 }
    server.receive(frame(1, flags: 0x4, stream: 1, requestBlock) + frame(3, stream: 1, [0, 0, 0, 8]))
    return server
  }

  @Test func dataForAStreamThatHasEndedIsDroppedWithinItsWindow() {
    let server = Self.serverWithEndedStream()
    for _ in 0..<64 { server.receive(frame(0, stream: 1, [UInt8](repeating: 1, count: 1024))) }
    #expect(server.limits.isEmpty && server.streams.first?.body.isEmpty == true)
    #expect(!Self.saysGoaway(server, code: 11) && !server.wantsClose)
  }

  @Test func moreDataForAStreamThatHasEndedThanItsWindowEndsTheConnection() {
    let server = Self.serverWithEndedStream()
    var sent = 0
    while sent < 1000 && server.limits.isEmpty {
      server.receive(frame(0, stream: 1, [UInt8](repeating: 1, count: 1024)))
      // The connection's credit comes back: only this bound stops the sender.
      if sent < 60 { _ = server.output() }
      sent += 1
    }
    // Its window, and a frame that may be dropped anyhow; each has a header of nine bytes.
    #expect(server.limits == ["late-data"] && sent == (65_536 + 16_384) / (1024 + 9) + 1)
    #expect(Self.saysGoaway(server, code: 11) && server.wantsClose)
  }

  @Test func streamsThatTheServerCutsMayStillSendWhatTheirWindowAllows() {
    let server = Self.server { $0.stream_window = 65_536 }
    for stream: UInt32 in [1, 3] {
      server.receive(frame(1, flags: 0x4, stream: stream, requestBlock))
      if let record = server.streams.last { server.reset(record) }
      _ = server.output()
    }
    for _ in 0..<64 {
      for stream: UInt32 in [1, 3] { server.receive(frame(0, stream: stream, [UInt8](repeating: 1, count: 1024))) }
    }
    #expect(server.limits.isEmpty)
    server.receive(frame(0, stream: 3, [UInt8](repeating: 1, count: 16_384)))
    #expect(server.limits == ["late-data"])
  }

  @Test func settingsOfManyEntriesEndTheConnection() {
    let entry: [UInt8] = [0, 1, 0, 0, 16, 0]
    let some = Self.server { $0.settings_entries = 5 }
    some.receive(frame(4, (0..<5).flatMap { _ in entry }))
    #expect(some.limits.isEmpty && !Self.saysGoaway(some, code: 11))
    let many = Self.server { $0.settings_entries = 5 }
    many.receive(frame(4, (0..<6).flatMap { _ in entry }))
    #expect(many.limits == ["settings-entries"] && Self.saysGoaway(many, code: 11))
  }

  @Test func moreStreamsThanAllowedAreRefused() {
    let server = Self.server { $0.streams = 3 }
    for stream: UInt32 in [1, 3, 5] { server.receive(frame(1, flags: 0x4, stream: stream, requestBlock)) }
    #expect(server.limits.isEmpty)
    // Before the client knows the limit.
    server.receive(frame(1, flags: 0x4, stream: 7, requestBlock))
    #expect(server.limits == ["streams"] && server.streams.count == 3 && !server.wantsClose)
    // After it has.
    _ = server.output()
    server.receive(frame(4, flags: 0x1))
    server.receive(frame(1, flags: 0x4, stream: 9, requestBlock))
    _ = server.output()
    #expect(server.limits == ["streams", "streams"] && server.streams.count == 3)
  }

  @Test func headerListsThatUnpackWithoutEndAreRefused() {
    let server = Self.server()
    // A field of 4000 bytes goes into the table; each following byte repeats it.
    let long = [UInt8](repeating: 0x61, count: 3900)
    var block: [UInt8] = requestBlock + [0x40, 0x01, 0x78, 0x7F, 0xBD, 0x1D] + long
    block += [UInt8](repeating: 0xBE, count: 8000)
    let isTaken = server.receive(frame(1, flags: 0x5, stream: 1, block))
    #expect(!isTaken)
    #expect(server.limits.contains("header-bytes"))
    #expect(server.streams.isEmpty)
  }

  @Test func aHeaderListThatIsTooLongGetsAnAnswer() throws {
    let (client, server) = Self.pair { $0.header_bytes = 4096 }
    let call = try #require(client.request("GET", "/", fields: [("x", String(repeating: "y", count: 5000))]))
    SessionDriver.exchange(client, server)
    #expect(call.status == 431 && server.streams.isEmpty && server.limits == ["header-bytes"])
    let next = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    #expect(server.streams.count == 1 && next.closed == nil)
  }

  @Test func continuationsWithoutEndAreCutOff() {
    let server = Self.server()
    server.receive(frame(1, flags: 0, stream: 1, requestBlock))
    var sent = 0
    while sent < 1000 && server.receive(frame(9, stream: 1, [0x00, 0x01, 0x61, 0x01, 0x62])) && !server.wantsClose {
      sent += 1
    }
    #expect(sent >= 8 && sent < 10 && server.limits == ["continuation-frames"])

    let slow = Self.server()
    slow.receive(frame(1, flags: 0, stream: 1, requestBlock))
    #expect(slow.pass(ms: 9_000))
    #expect(!slow.pass(ms: 2_000))
    #expect(slow.limits == ["head-timeout"])
  }

  @Test func aStreamThatTakesNothingIsReset() throws {
    let (client, server) = Self.pair { $0.write_timeout_ms = 5_000 }
    client.consumes = false
    let call = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    server.respond(server.streams[0], ends: false)
    server.write(server.streams[0], [UInt8](repeating: 7, count: 4 << 20))
    SessionDriver.exchange(client, server)
    server.pass(ms: 4_000)
    #expect(server.limits.isEmpty)
    server.pass(ms: 2_000)
    SessionDriver.exchange(client, server)
    #expect(server.limits == ["write-timeout"])
    #expect(server.streams[0].closed == TRANSPORT_CLOSE_LIMIT && call.closed == TRANSPORT_CLOSE_RESET)
  }

  @Test func whoDoesNotAnswerPingsIsGone() throws {
    let (client, server) = Self.pair()
    _ = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    #expect(server.pass(ms: 61_000))
    #expect(server.output().count == 17)
    #expect(server.pass(ms: 19_000))
    #expect(!server.pass(ms: 2_000))
    #expect(server.limits == ["keepalive-timeout"])
  }

  @Test func whoAnswersPingsStays() throws {
    let (client, server) = Self.pair()
    _ = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    for _ in 0..<10 {
      #expect(server.pass(ms: 61_000))
      client.now = server.now
      SessionDriver.exchange(client, server)
    }
    #expect(server.limits.isEmpty)
  }

  @Test func oldConnectionsAreAskedToGo() throws {
    let (client, server) = Self.pair { $0.connection_age_ms = 10_000 }
    _ = try #require(client.request("GET", "/"))
    SessionDriver.exchange(client, server)
    #expect(server.pass(ms: 11_000))
    #expect(server.pass(ms: 1_000))
    SessionDriver.exchange(client, server)
    #expect(client.request("GET", "/") == nil)
    #expect(!server.pass(ms: 61_000))
    #expect(server.limits.contains("connection-age"))
  }

  private static let violations: [(String, [UInt8])] = [
    ("a wrong preface", Array("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8)),
    ("a frame that is too long", preface + [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1]),
    ("data on stream 0", preface + frame(0, [1])),
    ("an even stream", preface + frame(1, flags: 0x5, stream: 2, requestBlock)),
    ("a broken block", preface + frame(1, flags: 0x5, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
    ("a window of more than 2^31", preface + frame(8, [0x7F, 0xFF, 0xFF, 0xFF])),
    ("settings of 5 bytes", preface + frame(4, [0, 0, 0, 0, 0])),
    ("a ping of 7 bytes", preface + frame(6, [0, 0, 0, 0, 0, 0, 0])),
  ]

  @Test(arguments: violations)
  func violationsEndTheConnection(name: String, bytes: [UInt8]) {
    let server = SessionDriver()
    server.receive(bytes)
    _ = server.output()
    #expect(server.wantsClose, "\(name)")
    #expect(server.streams.isEmpty, "\(name)")
  }

  private static let malformed: [(String, [UInt8])] = [
    ("capitals in a name", [0x82, 0x86, 0x84, 0x40, 0x01, 0x41, 0x01, 0x62]),
    ("no path", [0x82, 0x86]),
    ("two methods", [0x82, 0x82, 0x86, 0x84]),
    ("connection", named("connection")),
    ("transfer-encoding", named("transfer-encoding")),
    ("a line feed in a value", [0x82, 0x86, 0x84, 0x40, 0x01, 0x61, 0x03, 0x62, 0x0A, 0x63]),
  ]

  @Test(arguments: malformed)
  func malformedRequestsAreReset(name: String, block: [UInt8]) throws {
    let server = Self.server()
    server.receive(frame(1, flags: 0x5, stream: 1, block))
    _ = server.output()
    #expect(server.streams.isEmpty, "\(name)")
    #expect(!server.wantsClose, "\(name)")
    // The connection is as good as before.
    server.receive(frame(1, flags: 0x5, stream: 3, requestBlock))
    #expect(server.streams.count == 1, "\(name)")
  }

  @Test func everySplitOfAConversationGivesTheSame() throws {
    let (client, _) = Self.pair()
    let call = try #require(client.request("POST", "/x", ends: false))
    client.write(call, Array("hello".utf8))
    client.end(call, trailers: [("a", "b")])
    let bytes = client.output()
    for at in 0...bytes.count {
      let server = SessionDriver()
      server.receive(Array(bytes[..<at]))
      server.receive(Array(bytes[at...]))
      #expect(
        server.streams.count == 1 && server.streams[0].text == "hello" && server.streams[0].hasEnded, "split at \(at)")
    }
  }

  @Test func streamsEndWithTheirSession() throws {
    var record: StreamRecord?
    do {
      let (client, server) = Self.pair()
      _ = client.request("POST", "/", ends: false)
      SessionDriver.exchange(client, server)
      record = server.streams[0]
      server.respond(server.streams[0], ends: false)
      server.write(server.streams[0], [UInt8](repeating: 1, count: 9 << 20))
    }
    #expect(record?.closed == TRANSPORT_CLOSE_LOST)
  }
}
