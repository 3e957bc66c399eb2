// Names to addresses: what flags may say, what name servers answer, and answers that are damaged.
import Synchronization
import TestSupport
import Testing

@testable import Transport

private func resolver(_ server: TestNameServer, timeoutMs: Int = 2_000, tries: Int = 3) throws -> DNSResolver {
  var options = DNSResolverOptions()
  options.servers = ["127.0.0.1:\(server.port)"]
  options.timeoutMs = timeoutMs
  options.tries = tries
  return try DNSResolver(options: options)
}

@Suite struct ResolveTests {
  @Test func namesOfEndpointsAreParsed() throws {
    let cases: [(String, EndpointName.Lookup, String, Int?)] = [
      ("10.0.0.1:10901", .none, "10.0.0.1", 10_901), ("[::1]:1", .none, "::1", 1),
      ("store:65535", .none, "store", 65_535),
      ("dns+store:1", .dns, "store", 1), ("dnssrv+_grpc._tcp.store", .dnssrv, "_grpc._tcp.store", nil),
      ("dnssrv+_grpc._tcp.store:7", .dnssrv, "_grpc._tcp.store", 7), ("dnssrvnoa+a.b", .dnssrvnoa, "a.b", nil),
      ("dnsdualstack+store:1", .dnsdualstack, "store", 1), ("odd+store:1", .none, "odd+store", 1),
    ]
    for (text, lookup, host, port) in cases {
      let name = try EndpointName(text)
      #expect(name.lookup == lookup && name.host == host && name.port == port, "\(text)")
      #expect(name.description == text)
    }
    for wrong in [
      "", ":", ":1", "a", "a:", "a:0", "a:65536", "a:1x", "a:+1", "a:-1", "::1", "[::1]", "[]:1", "[::1:1", "a:b:1",
      "dns+", "dns+a", "dnssrv+", "dnssrv+a:b", "dnsdualstack+x:",
    ] {
      #expect(throws: TransportError.self, "\(wrong)") { try EndpointName(wrong) }
    }
  }

  @Test func addressesAndServicesAreLookedUp() async throws {
    let server = try TestNameServer(
      services: [
        "_grpc._tcp.store.test": [
          ServiceRecord(target: "b.test", port: 2, priority: 10, weight: 5),
          ServiceRecord(target: "a.test", port: 1, priority: 10, weight: 50),
          ServiceRecord(target: "c.test", port: 3, priority: 1, weight: 1),
          ServiceRecord(target: "gone.test", port: 4, priority: 99),
        ]
      ],
      addresses: ["a.test": [[10, 0, 0, 1], [10, 0, 0, 2]], "b.test": [[10, 0, 0, 2]], "c.test": [[10, 0, 0, 9]]])
    let resolver = try resolver(server)
    #expect(try await resolver.addresses(of: "a.test", family: .ipv4).sorted() == ["10.0.0.1", "10.0.0.2"])
    #expect(try await resolver.addresses(of: "b.test") == ["10.0.0.2"])
    #expect(
      try await resolver.services(of: "_grpc._tcp.store.test").map(\.target) == [
        "c.test", "a.test", "b.test", "gone.test",
      ])
    func names(_ text: String) async throws -> [String] {
      try await EndpointName(text).addresses(by: resolver).map(\.description)
    }
    #expect(try await names("dns+a.test:7").sorted() == ["10.0.0.1:7", "10.0.0.2:7"])
    #expect(try await names("dnssrvnoa+_grpc._tcp.store.test") == ["c.test:3", "a.test:1", "b.test:2", "gone.test:4"])
    #expect(
      try await names("dnssrv+_grpc._tcp.store.test").sorted() == [
        "10.0.0.1:1", "10.0.0.2:1", "10.0.0.2:2", "10.0.0.9:3",
      ])
    #expect(
      try await names("dnssrv+_grpc._tcp.store.test:80").sorted() == ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.9:80"])
    #expect(try await names("anything:9") == ["anything:9"])
    // Many at the same time.
    try await withThrowingTaskGroup(of: [String].self) { group in
      for _ in 0..<50 { group.addTask { try await resolver.addresses(of: "b.test", family: .ipv4) } }
      for try await addresses in group { #expect(addresses == ["10.0.0.2"]) }
    }
  }

  @Test func numericAddressesAndTheLocalHostNeedNoServer() async throws {
    let server = try TestNameServer()
    let resolver = try resolver(server)
    #expect(try await resolver.addresses(of: "127.0.0.1") == ["127.0.0.1"])
    #expect(try await resolver.addresses(of: "::1") == ["::1"])
    #expect(try await resolver.addresses(of: "localhost", family: .ipv4) == ["127.0.0.1"])
    #expect(server.questions.load(ordering: .relaxed) == 0)
  }

  @Test func whatIsNotThereIsToldApart() async throws {
    let server = try TestNameServer(addresses: ["a.test": [[10, 0, 0, 1]]])
    let resolver = try resolver(server)
    let missing = await #expect(throws: TransportError.self) { try await resolver.addresses(of: "no.test") }
    #expect(missing?.code == .unreachable)
    #expect(missing?.message == "lookup no.test: no such host")
    await #expect(throws: TransportError.self) { try await resolver.services(of: "a.test") }
    for name in ["", String(repeating: "a", count: 300), "a\0b"] {
      let error = await #expect(throws: TransportError.self) { try await resolver.addresses(of: name) }
      #expect(error?.code == .argument)
    }
    await #expect(throws: TransportError.self) {
      try await resolver.addresses(of: String(repeating: "a", count: 100) + ".test")
    }
  }

  @Test func damagedAnswersAreErrorsOrValues() async throws {
    let server = try TestNameServer(
      services: ["s.test": [ServiceRecord(target: "b.test", port: 2)]], addresses: ["a.test": [[10, 0, 0, 1]]])
    let resolver = try resolver(server, timeoutMs: 5, tries: 1)
    for length in stride(from: 0, through: 60, by: 3) {
      server.cutBytes.store(length, ordering: .relaxed)
      do { _ = try await resolver.services(of: "s.test") } catch {}
      do { _ = try await resolver.addresses(of: "a.test", family: .ipv4) } catch {}
    }
    server.cutBytes.store(Int.max, ordering: .relaxed)
    for bit in stride(from: 16, to: 60 * 8, by: isLongTier ? 1 : 5) {
      server.flippedBit.store(bit, ordering: .relaxed)
      do { _ = try await resolver.services(of: "s.test") } catch {}
    }
    server.flippedBit.store(-1, ordering: .relaxed)
    // The resolver is whole.
    let again = try self.fresh(server)
    #expect(try await again.services(of: "s.test").count == 1)
  }

  private func fresh(_ server: TestNameServer) throws -> DNSResolver { try resolver(server) }

  @Test func lookupsEndWithTheirResolver() async throws {
    // A server that says nothing: a socket that nobody reads would do, a table without a thread is simpler.
    let server = try TestNameServer()
    server.cutBytes.store(0, ordering: .relaxed)
    var resolver: DNSResolver? = try resolver(server, timeoutMs: 60_000)
    let task = Task { [weak resolver] in try await resolver?.addresses(of: "a.test") }
    while server.questions.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(1)) }
    resolver = nil
    // The lookup itself keeps it until it is answered or not: only its outcome matters.
    task.cancel()
    server.cutBytes.store(Int.max, ordering: .relaxed)
  }
}
