// HTTP/1.1 as the session reads and writes it.
import CTransport
import Testing

@Suite struct HTTP1Tests {
  private static func answering(_ body: String = "ok") -> SessionDriver {
    let driver = SessionDriver()
    driver.onHead = { driver, record in
      if record.fields.allSatisfy({ $0.0.lowercased() != "content-length" && $0.0.lowercased() != "transfer-encoding" })
      {
        driver.respond(record, body: body)
      }
    }
    return driver
  }

  @Test func requestsAreAnsweredInTheirOrderOnOneConnection() {
    let driver = Self.answering()
    driver.receive("GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\n\r\nGET /d HTTP/1.1\r\nhost:h\r\n\r\n")
    let text = driver.outputText
    #expect(driver.streams.map(\.target) == ["/a?b=c", "/d"])
    #expect(driver.streams.map(\.authority) == ["h:1", "h"])
    #expect(driver.streams[0].fields.map(\.0) == ["Host", "X-A"])
    #expect(driver.streams.allSatisfy { $0.closed == TRANSPORT_CLOSE_DONE && $0.hasEnded })
    #expect(text.ranges(of: "HTTP/1.1 200 OK\r\n").count == 2)
    #expect(text.ranges(of: "Content-Length: 2\r\n\r\nok").count == 2)
    #expect(!driver.wantsClose)
  }

  @Test func aRequestMayComeByteByByte() {
    let driver = SessionDriver()
    let request =
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\nHost: no\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n"
    for byte in request.utf8 { #expect(driver.receive([byte])) }
    #expect(driver.streams.count == 1)
    let first = driver.streams[0]
    #expect(first.text == "hello!" && first.hasEnded)
    // What may not stand in trailers is left out.
    #expect(first.trailers.map { "\($0.0)=\($0.1)" } == ["X-T=1"])
    driver.respond(first, body: "done")
    #expect(driver.outputText.hasSuffix("\r\n\r\ndone"))
    #expect(driver.streams.map(\.target) == ["/p", "/n"])
  }

  @Test func bodiesWithoutLengthGoOutInChunks() {
    let driver = SessionDriver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    driver.respond(driver.streams[0], body: "part", trailers: [("x-sum", "7")])
    let text = driver.outputText
    #expect(text.contains("Transfer-Encoding: chunked\r\n"))
    #expect(text.hasSuffix("\r\n\r\n4\r\npart\r\n0\r\nX-Sum: 7\r\n\r\n"))
  }

  @Test func writersAreToldWhatHasLeftTheQueue() throws {
    let driver = SessionDriver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    let record = driver.streams[0]
    driver.respond(record, ends: false)
    driver.write(record, [UInt8](repeating: 0x61, count: 3_000))
    let stream = try #require(record.stream)
    // Small and larger copies, of which the first lies in the stream itself.
    for text in ["b", "c", String(repeating: "d", count: 600)] {
      #expect(transport_stream_write_copy(stream, Array(text.utf8), text.utf8.count) == 0)
    }
    #expect(record.sent == 0)
    #expect(transport_stream_queued(stream) == 3_602)
    let text = driver.outputText
    #expect(text.hasSuffix("bc" + String(repeating: "d", count: 600) + "\r\n"))
    #expect(record.sent == 3_602)
    driver.end(record)
    #expect(driver.outputText == "0\r\n\r\n")
    // What is dropped counts as sent.
    driver.receive("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    driver.respond(driver.streams[1], body: "four")
    #expect(driver.streams[1].sent == 4)
  }

  @Test func http10GetsBodiesUntilTheEndOfTheConnection() {
    let driver = SessionDriver()
    driver.receive("GET / HTTP/1.0\r\n\r\n")
    driver.respond(driver.streams[0], body: "part", trailers: [("x", "y")])
    let text = driver.outputText
    #expect(!text.contains("chunked") && text.hasSuffix("\r\n\r\npart"))
    #expect(driver.wantsClose)
  }

  @Test func http10KeepsTheConnectionIfAsked() {
    let driver = Self.answering()
    driver.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(driver.outputText.contains("Connection: keep-alive\r\n"))
    #expect(!driver.wantsClose)
  }

  @Test func answersToHeadAndThoseWithoutBodyHaveNone() {
    for (method, status) in [("HEAD", Int32(200)), ("GET", 204), ("GET", 304)] {
      let driver = SessionDriver()
      driver.receive("\(method) / HTTP/1.1\r\nHost: h\r\n\r\n")
      driver.respond(driver.streams[0], status: status, body: "unseen")
      let text = driver.outputText
      #expect(text.hasSuffix("\r\n\r\n"), "\(method) \(status): \(text)")
      #expect(text.contains("Content-Length: 6") == (status == 200))
      #expect(driver.streams[0].closed == TRANSPORT_CLOSE_DONE)
    }
  }

  @Test func connectionCloseIsHonoured() {
    let driver = Self.answering()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n")
    #expect(driver.outputText.contains("Connection: close\r\n"))
    #expect(driver.wantsClose)
  }

  /// Shapes by which a request is smuggled past a proxy, and what else is no request.
  private static let refused: [(String, String, Int)] = [
    (
      "both lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400
    ),
    ("two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("a list of lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4, 4\r\n\r\nabcd", 400),
    ("a signed length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd", 400),
    ("an absurd length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("a hidden encoding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    ("two encodings", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400),
    ("an encoding of 1.0", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("a folded line", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
    ("a folded first line", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    ("bare line feeds", "GET / HTTP/1.1\nHost: h\n\n", 400),
    ("one bare line feed", "GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400),
    ("a bare carriage return", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400),
    ("a space before the colon", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd", 400),
    ("a tab before the colon", "GET / HTTP/1.1\r\nHost: h\r\nX\t: y\r\n\r\n", 400),
    ("no name", "GET / HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n", 400),
    ("a name with a NUL", "GET / HTTP/1.1\r\nHost: h\r\nX\0Y: y\r\n\r\n", 400),
    ("a value with a NUL", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
    ("no colon", "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400),
    ("no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("HTTP/2.0 in a line", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    ("HTTP/0.9", "GET /\r\n\r\n", 400),
    ("a control byte in the target", "GET /a\u{1}b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("an unknown method", "GOT / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501),
    ("an unknown expectation", "GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417),
    ("TLS to a plain port", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\n", 400),
  ]

  @Test(arguments: refused)
  func whatIsNoRequestIsRefused(name: String, request: String, status: Int) {
    let driver = SessionDriver()
    #expect(!driver.receive(request), "\(name) was taken")
    let text = driver.outputText
    #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(name): \(text.prefix(60))")
    #expect(text.contains("Connection: close\r\n"))
    #expect(driver.wantsClose && driver.streams.isEmpty)
  }

  /// A body that breaks off where nobody can go on.
  @Test(arguments: [
    "x\r\n", "\r\n", "1\nA\r\n", "1 \r\nA\r\n", "1;a\nb\r\n", "1\r\nAB\r\n", "-1\r\nA", "0x1\r\nA", "1\r\nA\r1\r\n",
    "FFFFFFFFFFFFFFFFF\r\n", "0\r\nX : y\r\n\r\n", "0\r\nX\n\r\n", "0\r\n folded: y\r\n\r\n",
  ])
  func malformedChunksEndTheConnection(body: String) {
    let driver = SessionDriver()
    let isTaken = driver.receive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    #expect(!isTaken)
    #expect(driver.streams.map(\.closed) == [TRANSPORT_CLOSE_MALFORMED])
    #expect(driver.outputText.hasPrefix("HTTP/1.1 400 "))
    #expect(driver.wantsClose)
  }

  @Test func headsThatAreTooLongAreRefused() {
    let driver = SessionDriver { $0.header_bytes = 2048 }
    #expect(!driver.receive("GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 4096)))
    #expect(driver.outputText.hasPrefix("HTTP/1.1 431 "))
    #expect(driver.limits == ["header-bytes"])

    let many = SessionDriver { $0.header_fields = 10 }
    #expect(!many.receive("GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "a: b\r\n", count: 10) + "\r\n"))
    #expect(many.outputText.hasPrefix("HTTP/1.1 431 "))
    #expect(many.limits == ["header-fields"])
  }

  @Test func slowHeadsAndBodiesAreCutOff() {
    let head = SessionDriver()
    head.receive("GET / HTTP/1.1\r\nHost:")
    #expect(head.pass(ms: 9_000))
    head.receive(" h")
    #expect(!head.pass(ms: 2_000))
    #expect(head.limits == ["head-timeout"])

    let silent = SessionDriver()
    #expect(!silent.pass(ms: 10_001))
    #expect(silent.limits == ["head-timeout"])

    let body = SessionDriver()
    body.receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
    #expect(body.pass(ms: 59_000))
    body.receive("d")
    #expect(body.pass(ms: 59_000))
    #expect(!body.pass(ms: 2_000))
    #expect(body.limits == ["body-timeout"])

    let idle = Self.answering()
    idle.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    _ = idle.output()
    #expect(idle.pass(ms: 299_000))
    #expect(!idle.pass(ms: 2_000))
    #expect(idle.limits == ["idle-timeout"])

    let stalled = Self.answering()
    stalled.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(!stalled.pass(ms: 121_000, hasUnsent: true))
    #expect(stalled.limits == ["write-timeout"])
  }

  @Test func aHandlerThatTakesItsTimeIsNotThePeersFault() {
    let driver = SessionDriver()
    driver.consumes = false
    driver.receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
    #expect(driver.pass(ms: 600_000))
    driver.receive("defghi")
    #expect(driver.pass(ms: 600_000))
    #expect(driver.limits.isEmpty)
  }

  @Test func aReaderThatStallsStopsTheSender() {
    let driver = SessionDriver { $0.stream_window = 100_000 }
    driver.consumes = false
    driver.receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
    let part = [UInt8](repeating: 1, count: 50_000)
    var parts = 0
    while driver.wantsInput && parts < 100 {
      driver.receive(part)
      parts += 1
    }
    #expect(parts == 2)
    driver.consume(driver.streams[0], 60_000)
    #expect(driver.wantsInput)
  }

  @Test func continueIsSentWhenTheBodyIsWanted() {
    let driver = SessionDriver()
    driver.receive("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    #expect(driver.outputText.isEmpty)
    transport_stream_continue(driver.streams[0].stream)
    #expect(driver.outputText == "HTTP/1.1 100 Continue\r\n\r\n")
    driver.receive("abc")
    driver.respond(driver.streams[0], body: "x")
    #expect(driver.outputText.hasSuffix("x") && !driver.wantsClose)

    // Refused without a look at the body: nobody knows whether it comes, so the connection ends.
    let refusing = SessionDriver()
    refusing.receive("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    refusing.respond(refusing.streams[0], status: 413, body: "no")
    #expect(refusing.outputText.contains("Connection: close\r\n"))
    #expect(refusing.wantsClose)
  }

  @Test func theRestOfAnUnreadBodyIsSwallowed() {
    let driver = SessionDriver()
    driver.receive("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
    driver.respond(driver.streams[0], body: "early")
    #expect(driver.outputText.hasSuffix("early"))
    driver.receive("defghijGET /b HTTP/1.1\r\nHost: h\r\n\r\n")
    #expect(driver.streams.map(\.target) == ["/a", "/b"])
    #expect(driver.streams[0].text == "abc")
  }

  @Test func whatAHandlerSaysCannotBreakTheHead() {
    let driver = SessionDriver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    driver.respond(
      driver.streams[0],
      fields: [("x-a", "1\r\nSet-Cookie: evil"), ("bad name", "x"), ("Transfer-Encoding", "chunked"), ("y", "\u{e4}")],
      body: "b")
    let text = driver.outputText
    #expect(text.contains("X-A: 1  Set-Cookie: evil\r\n") && text.contains("Y: \u{e4}\r\n"))
    #expect(!text.contains("bad name") && !text.contains("chunked"))
  }

  @Test func everySplitOfARequestGivesTheSame() {
    let request = Array(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /y HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
    for at in 1..<request.count {
      let driver = SessionDriver()
      driver.onHead = { driver, record in if record.method == "GET" { driver.respond(record, body: "g") } }
      driver.receive(Array(request[..<at]))
      driver.receive(Array(request[at...]))
      driver.respond(driver.streams[0], body: "p")
      let text = driver.outputText
      #expect(driver.streams.map(\.target) == ["/x", "/y"] && driver.streams[0].text == "hello", "split at \(at)")
      #expect(text.ranges(of: "200 OK").count == 2, "split at \(at)")
    }
  }

  @Test func shutdownEndsAfterTheAnswer() {
    let driver = SessionDriver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    transport_session_shutdown(driver.session)
    #expect(!driver.wantsClose)
    driver.respond(driver.streams[0], body: "x")
    #expect(driver.outputText.contains("Connection: close"))
    #expect(driver.wantsClose)
  }

  @Test func streamsEndWithTheirSession() {
    var record: StreamRecord?
    do {
      let driver = SessionDriver()
      driver.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      record = driver.streams[0]
    }
    #expect(record?.closed == TRANSPORT_CLOSE_LOST)
  }
}
