// What flags with YAML behind them accept and refuse, in the words that Thanos was seen to print.
import Foundation
import TSModel
import TestSupport
import Testing
import Transport

@testable import ComponentSupport

private func messages(_ body: () throws -> Void) -> [String] {
  do { try body() } catch { return (error as? ConfigurationError)?.messages ?? ["\(error)"] }
  return []
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct ObjectStoreConfigTests {
  @Test func aFolderIsRead() throws {
    let config = try ObjectStoreConfig(bytes("type: filesystem\nprefix: p/q\nconfig: {directory: ./bkt, other: 1}\n"))
    #expect(config.kind == .filesystem && config.directory == "./bkt" && config.prefix == "p/q")
  }

  @Test(arguments: [
    ("a: [1,\n b", ["yaml: line 2: did not find expected ',' or ']'", "parsing config YAML file"]),
    (
      "type: FILESYSTEM\nconfig: {directory: x}\nfoo: 1\n",
      [
        "yaml: unmarshal errors:\n  line 3: field foo not found in type client.BucketConfig",
        "parsing config YAML file",
      ]
    ),
    ("type: FILESYSTEM\nconfig: {dirs: x}\n", ["missing directory for filesystem bucket", "create FILESYSTEM client"]),
    ("type: FILESYSTEM\nconfig: {}\n", ["missing directory for filesystem bucket", "create FILESYSTEM client"]),
    ("config: {directory: x}\n", ["bucket with type  is not supported"]),
    ("type: NOPE\nconfig: {}\n", ["bucket with type NOPE is not supported"]),
  ])
  func refusesAsThanosDoes(_ text: String, _ expected: [String]) {
    #expect(messages { _ = try ObjectStoreConfig(bytes(text)) } == expected)
  }

  @Test(arguments: ObjectStoreConfig.Kind.allCases.filter { $0 != .filesystem })
  func kindsToComeAreRefusedByName(_ kind: ObjectStoreConfig.Kind) {
    do {
      _ = try ObjectStoreConfig(bytes("type: \(kind.rawValue.lowercased())\nconfig: {bucket: b}\n"))
      Issue.record("\(kind) was accepted")
    } catch {
      #expect(error.code == .unsupported)
      #expect(error.message == "bucket with type \(kind.rawValue) is not supported by Apus yet; supported: FILESYSTEM")
    }
  }
}

@Suite struct PathOrContentTests {
  private let pair = PathOrContent("objstore.config", required: true, substitutesEnvironment: true)

  @Test func textAndFileGiveTheSame() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a.yml")
    try "type: $(KIND)\n".write(toFile: path, atomically: true, encoding: .utf8)
    let environment: (String) -> String? = { $0 == "KIND" ? "FILESYSTEM" : nil }
    #expect(try pair.content(path: path, text: "", environment: environment) == bytes("type: FILESYSTEM\n"))
    #expect(
      try pair.content(path: "", text: "type: $(KIND)\n", environment: environment) == bytes("type: FILESYSTEM\n"))
  }

  @Test func refusesAsThanosDoes() {
    #expect(
      messages { _ = try pair.content(path: "fs.yml", text: "x") } == [
        "both objstore.config-file and objstore.config flags set."
      ])
    #expect(
      messages { _ = try pair.content(path: "", text: "") } == [
        "flag objstore.config-file or objstore.config is required for running this command and content cannot be empty."
      ])
    #expect(
      messages { _ = try pair.content(path: "nofile", text: "") } == [
        "open nofile: no such file or directory", "loading file nofile for objstore.config-file",
      ])
  }

  @Test func nothingGivenIsNothing() throws {
    #expect(try PathOrContent("x").content(path: "", text: "") == nil)
  }

  @Test func onlyWholeReferencesAreReplaced() throws {
    let environment: (String) -> String? = { $0.hasPrefix("A") ? "<\($0)>" : nil }
    let text = "$(A) $A ${A} $() $(A $(A-B) $$(A_1) $("
    #expect(
      try substituteEnvironment(bytes(text), environment) == bytes("<A> $A ${A} $() $(A $(A-B) $<A_1> $("))
    #expect(
      messages { _ = try substituteEnvironment(bytes("$(B)"), environment) } == [
        "found reference to unset environment variable \"B\""
      ])
  }
}

@Suite struct DurationTests {
  @Test func instantsStandStillOrMove() throws {
    #expect(try parseTimeOrDuration("1970-01-01T00:00:01Z") == .time(1000))
    #expect(try parseTimeOrDuration("-1d") == .relative(-86_400_000))
    #expect(try parseTimeOrDuration("2h").resolved(nowMs: 1000) == 7_201_000)
    #expect(TimeOrDuration.relative(-5).resolved(nowMs: .min) == .min)
    #expect(TimeOrDuration.relative(5).resolved(nowMs: .max) == .max)
    #expect(try parseTimeOrDuration("0000-01-01T00:00:00Z").resolved(nowMs: 0) == -62_167_219_200_000)
    #expect(messages { _ = try parseTimeOrDuration("bad") } == ["not a valid duration string: \"bad\""])
    #expect(messages { _ = try parseTimeOrDuration("") } == ["empty duration string"])
  }

  @Test func textsReadAsOnTheCommandLine() throws {
    #expect(try parsePrometheusDuration("1d12h") == 129_600_000)
    #expect(try parseGoDuration("1.5h") == 5_400_000_000_000)
    #expect(try parseBytes("1GiB") == 1 << 30)
    #expect(messages { _ = try parseBytes("bad") } == ["units: invalid bad"])
    #expect(messages { _ = try parseGoDuration("x") } == ["time: invalid duration \"x\""])
  }
}

@Suite struct RelabelConfigTests {
  @Test func rulesAreReadWithTheirDefaults() throws {
    let text = """
      - {source_labels: [__name__], regex: "go_.*", action: DROP}
      - source_labels: [a, b]
        separator: "-"
        target_label: c
        modulus: 3
        action: hashmod
      - {target_label: env, replacement: prod}
      """
    let rules = try RelabelConfig.rules(bytes(text))
    #expect(rules.map(\.action) == [.drop, .hashMod, .replace])
    #expect(rules[1].separator == "-" && rules[1].modulus == 3 && rules[1].regex == nil)
    #expect(rules.apply(to: ["__name__": "go_x"]) == nil)
    #expect(rules.apply(to: ["__name__": "x"])?["env"] == "prod")
    #expect(try RelabelConfig.rules([]).isEmpty)
  }

  @Test(arguments: [
    ("bad: [1", ["yaml: line 1: did not find expected ',' or ']'", "parsing relabel configuration"]),
    ("[{action: nope}]", ["unknown relabel action \"nope\"", "parsing relabel configuration"]),
    (
      "[{action: hashmod}]", ["relabel configuration for hashmod requires non-zero modulus", "validate relabel config"]
    ),
    (
      "[{source_labels: [a], regex: \"(\"}]",
      ["error parsing regexp: missing closing ): `^(?s:()$`", "parsing relabel configuration"]
    ),
    ("[{source_labels: [\"\"]}]", ["\"\" is not a valid label name", "parsing relabel configuration"]),
    ("[{target_label: x}]", ["unsupported relabel action: replace"]),
    (
      "[{modulus: -1}]",
      ["yaml: unmarshal errors:\n  line 1: cannot unmarshal !!int `-1` into uint64", "parsing relabel configuration"]
    ),
  ])
  func refusesAsThanosDoes(_ text: String, _ expected: [String]) {
    #expect(messages { _ = try RelabelConfig.rules(bytes(text), allowed: RelabelConfig.selectorActions) } == expected)
  }

  @Test func strictReadingKnowsItsFields() {
    #expect(messages { _ = try RelabelConfig.rules(bytes("[{foo: 1, target_label: x}]")) } == [])
    #expect(
      messages { _ = try RelabelConfig.rules(bytes("[{foo: 1}]"), strict: true) }.first
        == "yaml: unmarshal errors:\n  line 1: field foo not found in type relabel.plain")
  }
}

@Suite struct RequestLoggingConfigTests {
  @Test func optionsOfAProtocolReplaceTheGlobalOnes() throws {
    let text = """
      options: {level: INFO, decision: {log_start: true, log_end: true}}
      http:
        options: {level: DEBUG, decision: {log_end: true}}
        config: [{path: /a, port: 10902}]
      grpc:
        config: [{service: thanos.Store, method: Info}]
      """
    let config = try RequestLoggingConfig(bytes(text))
    #expect(config.http == .init(level: .debug, logsEnd: true))
    #expect(config.httpTargets == [.init(path: "/a", port: 10902)])
    #expect(config.grpc == .init(level: .info, logsStart: true, logsEnd: true))
    #expect(config.grpcMethods == ["/thanos.Store/Info"])
    #expect(try RequestLoggingConfig([]) == RequestLoggingConfig())
  }

  @Test(arguments: [
    ("bad: [1", "yaml: line 1: did not find expected ',' or ']'"),
    (
      "{http: {options: {level: NOPE}}}",
      "the format of level is invalid. Expected INFO/DEBUG/ERROR/WARNING, got this NOPE"
    ),
    ("{foo: 1}", "yaml: unmarshal errors:\n  line 1: field foo not found in type logging.RequestConfig"),
  ])
  func refusesAsThanosDoes(_ text: String, _ expected: String) {
    #expect(
      messages { _ = try RequestLoggingConfig(bytes(text)) } == [
        expected, "error while parsing config for request logging",
      ])
  }

  @Test func aStartWithoutAnEndIsRefused() {
    #expect(
      messages { _ = try RequestLoggingConfig(bytes("{options: {level: INFO, decision: {log_start: true}}}")) }.count
        == 2)
  }
}

@Suite struct TracingConfigTests {
  @Test func otlpIsRead() throws {
    let text = """
      type: otlp
      config:
        client_type: http
        endpoint: localhost:4318
        url_path: /x
        insecure: true
        compression: gzip
        timeout: 5s
        resource_attributes: {team: a}
        headers: {X-A: b}
        retry_config: {retry_enabled: true, retry_initial_interval: 1s, retry_max_interval: 2s, retry_max_elapsed_time: 1m}
        sampler_type: traceidratiobased
        sampler_param: "0.25"
        unknown: fine
      """
    let config = try TracingConfig(bytes(text))
    #expect(config.form == .otlpHTTP && config.endpoint == "localhost:4318" && config.urlPath == "/x")
    #expect(config.isInsecure && config.usesGzip && config.timeoutMs == 5000 && config.sampling == .ratio(0.25))
    #expect(config.retry == .init(isEnabled: true, initialIntervalMs: 1000, maxIntervalMs: 2000, maxElapsedMs: 60_000))
    #expect(config.headers.first?.value == "b" && config.resourceAttributes.first?.name == "team")
    #expect(try TracingConfig(bytes("{type: OTLP, config: {client_type: grpc}}")).sampling == .parentBased(.ratio(1)))
  }

  @Test func jaegerIsRead() throws {
    let text =
      "{type: JAEGER, config: {service_name: s, sampler_type: const, sampler_param: 1, tags: 'a=b, c=d', endpoint: 'http://x/api/traces'}}"
    let config = try TracingConfig(bytes(text))
    #expect(config.form == .jaeger && config.serviceName == "s" && config.sampling == .parentBased(.always))
    #expect(config.resourceAttributes.map { "\($0.name)=\($0.value)" } == ["a=b", "c=d"])
    // Thanos was seen to start with this.
    #expect(try TracingConfig(bytes("{type: JAEGER, config: {foo: 1}}")).agentPort == 6831)
  }

  @Test(arguments: TracingConfig.unsupportedTypes) func othersAreRefusedByName(_ type: String) {
    #expect(
      messages { _ = try TracingConfig(bytes("type: \(type)\nconfig: {}\n")) } == [
        "tracing with type \(type) is not supported by Apus; supported: OTLP, JAEGER"
      ])
  }

  @Test(arguments: [
    ("{type: NOPE, config: {}}", "tracing with type NOPE is not supported"),
    ("bad: [1", "yaml: line 1: did not find expected ',' or ']'"),
    ("{type: OTLP, config: {}}", "otlp: invalid client type \"\": only 'http' and 'grpc' are accepted"),
    (
      "{type: OTLP, config: {client_type: http, compression: lzma}}",
      "otlp: compression \"lzma\" is not supported: only gzip is"
    ),
    ("{type: OTLP, config: {client_type: http, sampler_type: x}}", "otlp: sampler type \"x\" is not supported"),
  ])
  func refuses(_ text: String, _ expected: String) {
    #expect(messages { _ = try TracingConfig(bytes(text)) }.first == expected)
  }
}

@Suite struct WebConfigTests {
  @Test func everythingIsRead() throws {
    let text = """
      tls_server_config:
        cert_file: a.crt
        key: KEY
        client_ca_file: /abs/ca.pem
        client_auth_type: RequireAndVerifyClientCert
        client_allowed_sans: [x]
        cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
        curve_preferences: [X25519]
        min_version: TLS13
      http_server_config: {http2: false, headers: {X-Frame-Options: deny}}
      rate_limit: {burst: 5, interval: 1s}
      basic_auth_users: {alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}
      """
    let config = try WebConfig(bytes(text), folder: "/etc/apus")
    let tls = try #require(config.tls)
    #expect(tls.certificate == .file("/etc/apus/a.crt") && tls.key == .text("KEY"))
    #expect(tls.clientAuthorities == .file("/abs/ca.pem") && tls.clientAuthentication == .requireAndVerify)
    #expect(tls.minVersion == .tls13 && tls.maxVersion == .tls13 && tls.curves == ["X25519"])
    #expect(!config.allowsHTTP2 && config.headers.first?.value == "deny" && config.rateLimit?.burst == 5)
    #expect(config.users.first?.name == "alice")
  }

  @Test func nothingIsConfiguredByNothing() throws {
    #expect(try WebConfig([]).tls == nil)
    #expect(try WebConfig(bytes("tls_server_config: {min_version: TLS12}\n")).tls == nil)
    #expect(try WebConfig.file("").allowsHTTP2)
  }

  @Test(arguments: [
    ("tls_server_config: {cert_file: a}", "missing one of key or key_file"),
    ("tls_server_config: {key_file: a}", "missing one of cert or cert_file"),
    ("tls_server_config: {cert_file: a, cert: b, key: c}", "cannot specify both cert and cert_file"),
    ("tls_server_config: {cert: a, key: c, client_auth_type: x}", "Invalid ClientAuth: x"),
    (
      "tls_server_config: {cert: a, key: c, client_ca: x}",
      "Client CA's have been configured without a Client Auth Policy"
    ),
    ("tls_server_config: {cert: a, key: c, min_version: TLS9}", "unknown TLS version: TLS9"),
    ("tls_server_config: {cert: a, key: c, cipher_suites: [x]}", "unknown cipher: x"),
    ("tls_server_config: {cert: a, key: c, curve_preferences: [x]}", "unknown curve: x"),
    ("http_server_config: {headers: {X-Other: a}}", "HTTP header \"X-Other\" can not be configured"),
    (
      "http_server_config: {headers: {X-Frame-Options: a}}",
      "invalid value for X-Frame-Options. Expected one of: [\"deny\" \"sameorigin\"], but got: \"a\""
    ),
    ("basic_auth_users: {a: b}", "crypto/bcrypt: hashedSecret too short to be a bcrypted password"),
    ("foo: 1", "yaml: unmarshal errors:\n  line 1: field foo not found in type web.Config"),
  ])
  func refuses(_ text: String, _ expected: String) {
    #expect(messages { _ = try WebConfig(bytes(text)) } == [expected])
  }

  @Test func aMissingFileIsNamedAsGoNamesIt() {
    #expect(messages { _ = try WebConfig.file("nofile") } == ["open nofile: no such file or directory"])
  }
}

@Suite struct HTTPClientConfigTests {
  @Test func theFormOfThanosIsRead() throws {
    let text = """
      basic_auth: {username: u, password_file: /p}
      proxy_url: http://proxy:3128
      tls_config: {ca_file: /ca, server_name: n, insecure_skip_verify: true}
      transport_config: {idle_conn_timeout: 1000000000, max_conns_per_host: 3, dialer_timeout: 2000000000, disable_compression: true}
      """
    let options = try HTTPClientConfig(bytes(text)).options
    #expect(
      options.credentials == .basic(username: "u", password: .file("/p")) && options.proxy == .url("http://proxy:3128"))
    #expect(options.tls == .init(caFile: "/ca", serverName: "n", insecureSkipVerify: true))
    #expect(options.idleTimeoutMs == 1000 && options.hostConnectionCountMax == 3 && options.connectTimeoutMs == 12_000)
    #expect(!options.acceptsCompression && options.expectContinueTimeoutMs == 10_000)
    #expect(try HTTPClientConfig(bytes("bearer_token: t")).options.credentials == .bearer(.text("t")))
  }

  @Test func theFormOfObjectStoresIsRead() throws {
    let problems = YAMLProblems()
    let node = try YAMLDocument(
      "{idle_conn_timeout: 1m, insecure_skip_verify: true, tls_config: {insecure_skip_verify: false}}"
    ).root
    let options = try HTTPClientConfig(objectStore: node, problems).options
    #expect(
      options.idleTimeoutMs == 60_000 && options.responseHeaderTimeoutMs == 120_000 && options.tls.insecureSkipVerify)
    #expect(problemsOf { try problems.check() } == nil)
  }

  private func problemsOf(_ body: () throws -> Void) -> String? { messages(body).first }

  @Test func refusesAsThanosDoes() {
    #expect(
      messages { _ = try HTTPClientConfig(bytes("bad: [1")) } == [
        "yaml: line 1: did not find expected ',' or ']'", "parsing http config YAML",
      ])
    #expect(
      messages { _ = try HTTPClientConfig(bytes("{basic_auth: {username: u}, bearer_token: t}")) }.first
        == "at most one of basic_auth, bearer_token & bearer_token_file must be configured")
  }
}
