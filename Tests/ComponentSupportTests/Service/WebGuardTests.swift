// What a web configuration puts before all paths.
import TestSupport
import Testing

@testable import ComponentSupport
@testable import Transport

@Suite struct WebGuardTests {

  private static func guarded(_ yaml: String) throws -> WebGuard {
    var router = HTTPRouter()
    router.get("/") { _ in .text("inside") }
    router.get("/stream") { _ in
      HTTPReply(headers: ["content-type": "text/plain"]) { writer in
        try await writer.write("in")
        try await writer.write("side")
      }
    }
    return try WebGuard(try WebConfig(Array(yaml.utf8)), router)
  }

  @Test func fieldsAreAddedToAllAnswers() async throws {
    let guarded = try Self.guarded(
      "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=1}}")
    for path in ["/", "/stream", "/nope"] {
      let answer = try await ask(guarded, path)
      #expect(answer.headers["x-frame-options"] == "deny" && answer.headers["strict-transport-security"] == "max-age=1")
    }
    #expect(try await ask(guarded, "/stream").text == "inside")
  }

  @Test func aRateIsKept() async throws {
    let guarded = try Self.guarded("rate_limit: {burst: 3, interval: 1h}")
    var statuses: [Int] = []
    for _ in 0..<5 { statuses.append(try await ask(guarded, "/").status) }
    #expect(statuses == [200, 200, 200, 429, 429])
  }

  @Test func usersNeedTheirPasswords() async throws {
    let guarded = try Self.guarded("basic_auth_users: {alice: '\(try Self.bcrypt("secret"))'}")
    func status(_ user: String, _ password: String) async throws -> Int {
      let credentials = Base64.encoded(Array("\(user):\(password)".utf8))
      return try await ask(guarded, "/", headers: ["authorization": "Basic \(credentials)"]).status
    }
    #expect(try await status("alice", "secret") == 200)
    #expect(try await status("alice", "secret") == 200)
    #expect(try await status("alice", "Secret") == 401)
    #expect(try await status("alice", "") == 401)
    #expect(try await status("bob", "secret") == 401)
    let refused = try await ask(guarded, "/")
    #expect(refused.status == 401 && refused.headers["www-authenticate"] == "Basic")
    #expect(refused.text == "Unauthorized\n")
    for field in ["Basic", "Basic !", "Bearer x", "Basic " + Base64.encoded([0x61]), ""] {
      #expect(try await ask(guarded, "/", headers: ["authorization": field]).status == 401)
    }
  }

  private static func bcrypt(_ password: String) throws -> String {
    let result = try runProcess(
      "/usr/bin/perl", ["-e", "print crypt(\"\(password)\", '$2b$04$abcdefghijklmnopqrstuu')"], timeLimitSeconds: 30)
    return result.outputText
  }
}
