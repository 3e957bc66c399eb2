// Routes without sockets.
import TSModel
import TestSupport
import Testing

@testable import Observability
@testable import Transport

private struct Sad: Error {}

@Suite struct HTTPRouterTests {
  private static func router() -> HTTPRouter {
    var router = HTTPRouter()
    router.get("/api/v1/blocks") { _ in .text("blocks") }
    router.post("/api/v1/blocks/mark") { _ in .text("mark") }
    router.get("/api/v1/label/:name/values") { .text($0.pathParameters["name"] ?? "") }
    router.get("/static/*") { .text("static " + ($0.pathParameters["*"] ?? "")) }
    router.any("/static/deep/*") { .text("deep " + ($0.pathParameters["*"] ?? "")) }
    router.any("/any") { .text($0.method) }
    router.on("OPTIONS", "/api/v1/*") { _ in HTTPReply(status: 204) }
    router.get("/problem") { _ in throw HTTPProblem(status: 418, "teapot") }
    router.get("/sad") { _ in throw Sad() }
    router.get("/query") { .text(try $0.query().values("a").joined(separator: "|")) }
    router.post("/form") { .text(try await $0.form().values("a").joined(separator: "|")) }
    return router
  }

  @Test(arguments: [
    ("/api/v1/blocks", "blocks"), ("/api/v1/label/job/values", "job"), ("/api/v1/label/a%2Fb%20c/values", "a/b c"),
    ("/api/v1/blocks?x=/nope", "blocks"), ("/api%2Fv1/blocks", "blocks"), ("/static/a/b", "static a/b"),
    ("/static/", "static "), ("/static/deep/x", "deep x"), ("/any", "GET"), ("/query?a=1&b=2&a=x%26+y", "1|x& y"),
  ]) func pathsFindTheirRoutes(_ target: String, _ expected: String) async throws {
    let answer = try await ask(Self.router(), target)
    #expect(answer.status == 200 && answer.text == expected)
  }

  @Test(arguments: ["/nope", "/", "/api/v1/blocks/", "/api/v1/label//values", "/static", "*", ""])
  func unknownPathsAreAnsweredAsGoDoes(_ target: String) async throws {
    let answer = try await ask(Self.router(), target)
    #expect(answer.status == 404 && answer.text == "404 page not found\n")
    #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
    #expect(answer.headers["x-content-type-options"] == "nosniff")
  }

  @Test func otherMethodsAreNamed() async throws {
    let refused = try await ask(Self.router(), "GET", "/api/v1/blocks/mark")
    #expect(refused.status == 405 && refused.text == "Method Not Allowed\n")
    #expect(refused.headers["allow"] == "OPTIONS, POST" && refused.headers["x-content-type-options"] == "nosniff")
    #expect(try await ask(Self.router(), "DELETE", "/api/v1/blocks").headers["allow"] == "GET, OPTIONS")
    #expect(try await ask(Self.router(), "OPTIONS", "/problem").headers["allow"] == "GET, OPTIONS")
    // A route that names the method goes before the refusal of one that does not.
    #expect(try await ask(Self.router(), "OPTIONS", "/api/v1/blocks").status == 204)
    #expect(try await ask(Self.router(), "PATCH", "/any").text == "PATCH")
  }

  @Test func headHasTheLengthAndNoBody() async throws {
    let answer = try await ask(Self.router(), "HEAD", "/api/v1/blocks")
    #expect(answer.status == 200 && answer.body.isEmpty && answer.headers["content-length"] == "6")
  }

  @Test func malformedEscapesAreRefused() async throws {
    #expect(try await ask(Self.router(), "/static/%zz").status == 400)
    #expect(try await ask(Self.router(), "/query?a=%4").text == "invalid URL escape \"%4\"\n")
    #expect(try await ask(Self.router(), "/query?a=1;b=2").status == 400)
  }

  @Test func errorsBecomeAnswers() async throws {
    let problem = try await ask(Self.router(), "/problem")
    #expect(problem.status == 418 && problem.text == "teapot\n")
    #expect(try await ask(Self.router(), "/sad").status == 500)
  }

  @Test func formsComeBeforeTheURL() async throws {
    let answer = try await ask(
      Self.router(), "POST", "/form?a=url", headers: ["content-type": "application/x-www-form-urlencoded; charset=x"],
      body: Array("a=one&a=two%0A".utf8))
    #expect(answer.text == "one|two\n|url")
    #expect(try await ask(Self.router(), "POST", "/form?a=url", body: Array("a=one".utf8)).text == "url")
  }

  @Test func aFormThatIsTooLongIsRefused() async throws {
    let answer = try await ask(
      Self.router(), "POST", "/form", headers: ["content-type": "application/x-www-form-urlencoded"],
      body: [UInt8](repeating: 0x61, count: (10 << 20) + 1))
    #expect(answer.status == 413)
  }

  @Test func anyParametersAreReadOrRefused() {
    var random = SplitMix64(seed: 5)
    for _ in 0..<2000 {
      let bytes = (0..<random.below(30)).map { _ in Array("%&=+;aF0\u{0}é".utf8)[random.below(11)] }
      _ = try? FormParameters(String(decoding: bytes, as: UTF8.self))
    }
    #expect(throws: FormParameters.Malformed.self) {
      try FormParameters(String(repeating: "a&", count: FormParameters.countMax + 1))
    }
  }

  @Test func longAnswersAreCompressedForWhoAsks() async throws {
    var router = HTTPRouter()
    let text = String(repeating: "long answer ", count: 1000)
    router.get("/long") { _ in .text(text) }
    router.get("/short") { _ in .text("short") }
    router.get("/image") { _ in HTTPReply(headers: ["content-type": "image/png"], body: Array(text.utf8)) }
    router.get("/parts") { _ in
      HTTPReply(headers: ["content-type": "text/plain"]) { writer in
        for _ in 0..<1000 { try await writer.write("long answer ") }
      }
    }
    for path in ["/long", "/parts"] {
      let plain = try await ask(router, path)
      #expect(plain.text == text && !plain.headers.contains("content-encoding"))
      let gzip = try await ask(router, path, headers: ["accept-encoding": "gzip, deflate"])
      #expect(gzip.headers["content-encoding"] == "gzip" && gzip.headers["vary"] == "Accept-Encoding")
      #expect(gzip.body.count < 500)
      #expect(try Gzip.decode(gzip.body, limitBytes: 1 << 20) == Array(text.utf8))
      let zstd = try await ask(router, path, headers: ["accept-encoding": "gzip, zstd"])
      #expect(zstd.headers["content-encoding"] == "zstd")
      #expect(try ZstdCoding.decode(zstd.body, limitBytes: 1 << 20) == Array(text.utf8))
      let head = try await ask(router, "HEAD", path, headers: ["accept-encoding": "gzip"])
      #expect(head.body.isEmpty && head.headers["content-encoding"] == "gzip")
    }
    for path in ["/short", "/image"] {
      let answer = try await ask(router, path, headers: ["accept-encoding": "gzip"])
      #expect(!answer.headers.contains("content-encoding"))
    }
  }

  @Test func aBodyThatBreaksOffResetsTheStream() async throws {
    var router = HTTPRouter()
    router.get("/broken") { _ in
      HTTPReply(headers: [:]) { writer in
        try await writer.write("some")
        throw Sad()
      }
    }
    let stream = MemoryStream()
    await #expect(throws: Sad.self) {
      try await router.handle(
        HTTPServerRequest(
          head: HTTPRequestHead(method: "GET", target: "/broken"), peer: PeerInfo(address: ""), stream: stream),
        HTTPServerResponse(stream: stream))
    }
    #expect(stream.resetCode == 2 && stream.responseTrailers == nil)
  }
}

@Suite struct APIRoutesTests {
  private static func router(otherOrigins: Bool = true) -> HTTPRouter {
    var router = HTTPRouter()
    let api = APIRoutes(allowsOtherOrigins: otherOrigins)
    api.get("/data", name: "data", &router) { _ in .array([.integer(1)]) }
    api.get("/bad", name: "bad", &router) { _ in throw APIProblem(.badData, "no \"x\"") }
    api.get("/timeout", name: "timeout", &router) { _ in throw APIProblem(.timeout, "late") }
    api.post("/none", name: "none", &router) { _ in nil }
    api.addOptions(&router)
    return router
  }

  @Test func answersHaveOneEnvelope() async throws {
    let data = try await ask(Self.router(), "/api/v1/data")
    #expect(data.text == #"{"status":"success","data":[1]}"# && data.headers["content-type"] == "application/json")
    #expect(data.headers["access-control-allow-origin"] == "*")
    let bad = try await ask(Self.router(), "/api/v1/bad")
    #expect(bad.status == 400 && bad.text == #"{"status":"error","errorType":"bad_data","error":"no \"x\""}"#)
    #expect(bad.headers["cache-control"] == "no-store")
    #expect(try await ask(Self.router(), "/api/v1/timeout").status == 503)
    let none = try await ask(Self.router(), "POST", "/api/v1/none")
    #expect(none.status == 204 && none.body.isEmpty)
  }

  @Test func browsersMayAskBeforehand() async throws {
    let options = try await ask(Self.router(), "OPTIONS", "/api/v1/data")
    #expect(options.status == 204)
    #expect(options.headers["access-control-allow-methods"] == "GET, POST, OPTIONS")
    let silent = try await ask(Self.router(otherOrigins: false), "OPTIONS", "/api/v1/data")
    #expect(silent.status == 204 && !silent.headers.contains("access-control-allow-origin"))
  }
}
