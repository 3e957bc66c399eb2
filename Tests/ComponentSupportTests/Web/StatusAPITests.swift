// What the status pages ask for.
import TSModel
import TestSupport
import Testing
import Transport

@testable import ComponentSupport
@testable import Observability

@Suite struct StatusAPITests {
  @Test(arguments: [
    (0, "0s"), (120_000, "2m"), (86_400_000, "1d"), (7_776_000_000, "90d"), (604_800_000, "1w"), (691_200_000, "8d"),
    (31_536_000_000, "1y"), (5_400_001, "1h30m1ms"), (-1000, "-1s"),
  ]) func durationsArePrometheus(_ ms: Int64, _ expected: String) {
    #expect(FlagText.prometheusDuration(ms: ms) == expected)
  }

  @Test(arguments: [
    (0, "0B"), (250 << 20, "250MiB"), (2 << 30, "2GiB"), (1536 << 20, "1GiB512MiB"), (1025, "1KiB1B"), (-1024, "-1KiB"),
  ]) func bytesAreThoseOfGo(_ count: Int64, _ expected: String) {
    #expect(FlagText.bytes(count) == expected)
  }

  @Test(arguments: [
    (-62_167_219_200_000, "0000-01-01 00:00:00 +0000 UTC"), (253_402_300_799_000, "9999-12-31 23:59:59 +0000 UTC"),
    (1_795_361_076_188, "2026-11-22 15:24:36.188 +0000 UTC"), (-1, "1969-12-31 23:59:59.999 +0000 UTC"),
  ]) func instantsAreThoseOfGo(_ ms: Int64, _ expected: String) {
    #expect(FlagText.time(ms: ms) == expected)
  }

  @Test func flagsAreShownWithoutSecrets() async throws {
    let flags =
      CommonFlags.http + CommonFlags.grpcServer + CommonFlags.requestLogging
      + PathOrContent("objstore.config").flags("") + PathOrContent("index-cache.config").flags("") + [
        FlagSpec("cache-index-header", .bool, "", default: "true"),
        FlagSpec("chunk-pool-size", .bytes, "", default: "2GB"),
        FlagSpec("ratio", .double, "", default: "100"),
        FlagSpec("max-time", .time, "", default: "9999-12-31T23:59:59Z"),
        FlagSpec("count", .int, "", default: "20"),
      ]
    let table = CommandLineTable(
      program: CommandSpec("apus", "", commands: [CommandSpec("store", "", flags: flags)]), versionText: "")
    guard
      case .run(let command) = table.parse([
        "apus", "store", "--index-cache.config=password: x", "--grpc-server-tls-ciphers=A",
        "--http-address=127.0.0.1:1",
        "--grpc-server-tls-ciphers=B",
      ])
    else { throw TestSupportError("the command line is refused") }
    let context = testContext(command)
    var router = HTTPRouter()
    APIRoutes().addStatus(context, flags: flags, &router)
    let answer = try await ask(router, "/api/v1/status/flags")
    #expect(
      answer.text
        == """
        {"status":"success","data":{"cache-index-header":"true","chunk-pool-size":"2GiB","count":"20",\
        "grpc-address":"0.0.0.0:10901","grpc-grace-period":"2m0s","grpc-server-max-connection-age":"1h0m0s",\
        "grpc-server-tls-cert":"","grpc-server-tls-ciphers":"A,B","grpc-server-tls-client-ca":"",\
        "grpc-server-tls-curves":"","grpc-server-tls-key":"","grpc-server-tls-min-version":"1.3",\
        "http-address":"127.0.0.1:1","http-grace-period":"2m","http.config":"","index-cache.config":"<REDACTED>",\
        "index-cache.config-file":"","max-time":"9999-12-31 23:59:59 +0000 UTC","objstore.config":"<REDACTED>",\
        "objstore.config-file":"<REDACTED>","ratio":"100","request.logging-config":"","request.logging-config-file":""}}
        """.replacing("<", with: "\\u003c").replacing(">", with: "\\u003e"))
    let build = try await ask(router, "/api/v1/status/buildinfo")
    #expect(build.text.hasPrefix(#"{"status":"success","data":{"version":"1.2.3","revision":""#))
    let runtime = try await ask(router, "/api/v1/status/runtimeinfo")
    #expect(runtime.text.contains("\"CWD\":\"/") && runtime.text.contains("\"GOMAXPROCS\":"))
  }
}
