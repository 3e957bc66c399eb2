// The limits of the transport as flags: each is one, each is described, and what they say holds.
import ComponentSupport
import TestSupport
import Testing

@testable import Transport

@Suite struct TransportFlagsTests {
  @Test func withoutFlagsTheDefaultsHold() throws {
    #expect(try TransportLimits(componentCommand()) == TransportLimits())
    #expect(try ServiceOptions(componentCommand(), grpc: true).grpcMessageBytes == 64 << 20)
  }

  @Test func flagsSetLimits() throws {
    let command = try componentCommand(
      "--transport.header-bytes=16KiB", "--transport.head-timeout=3s", "--transport.reset-rate=7",
      "--transport.connections=0", "--transport.continuation-frames=2", "--transport.message-bytes=1MiB",
      "--transport.idle-timeout=1m30s")
    var limits = TransportLimits()
    limits.headerBytes = 16 << 10
    limits.headTimeoutMs = 3000
    limits.resetRate = 7
    limits.connections = 0
    limits.continuations = 2
    limits.idleTimeoutMs = 90_000
    let options = try ServiceOptions(command, grpc: true)
    #expect(options.limits == limits && options.grpcMessageBytes == 1 << 20)
  }

  @Test(arguments: [
    "--transport.header-fields=513", "--transport.streams=-1", "--transport.stream-window=1KiB",
    "--transport.received-bytes=3GiB", "--transport.message-bytes=0",
  ])
  func whatCannotBeIsRefused(argument: String) throws {
    let command = try componentCommand(argument)
    #expect(throws: ConfigurationError.self) { try ServiceOptions(command, grpc: true) }
  }

  /// Each limit that C has is set by exactly one flag.
  @Test func everyLimitHasAFlag() throws {
    var count = 0
    for child in Mirror(reflecting: TransportLimits()).children where child.value is Int { count += 1 }
    // The age of connections and its grace are flags of Thanos: --grpc-server-max-connection-age, --grpc-grace-period.
    #expect(CommonFlags.transport.count == count - 2)
    #expect(Set(CommonFlags.transport.map(\.name)).count == count - 2)
  }

  @Test func everyFlagAndEveryMetricIsDescribed() throws {
    let page = String(decoding: try readFile(Fixtures.repository + "/docs/security.md"), as: UTF8.self)
    for flag in CommonFlags.transport + CommonFlags.grpcMessage {
      let name = flag.name.dropFirst("transport.".count)
      #expect(page.contains("`\(name)`"), "docs/security.md says nothing of --transport.\(name)")
    }
    for name in try TransportCounters().counts.limits.keys {
      #expect(page.contains("`\(name)`"), "docs/security.md says nothing of the metric's limit \(name)")
    }
  }
}
