// The flags of `apus store`: what they say, and what is refused.
import ComponentSupport
import TestSupport
import Testing

@testable import StoreGateway

@Suite struct StoreFlagsTests {
  private static func parse(_ arguments: String...) throws -> ParsedCommand {
    let table = CommandLineTable(
      program: CommandSpec("apus", "", flags: CommonFlags.global, commands: [StoreCommand.spec]), versionText: "")
    let outcome = table.parse(["apus", "store"] + arguments, environment: { _ in nil }, readFile: { _ in nil })
    guard case .run(let command) = outcome else { throw TestSupportError("\(arguments): \(outcome)") }
    return command
  }

  /// The settings of a command line.
  static func settings(_ arguments: String...) throws -> StoreSettings {
    let table = CommandLineTable(
      program: CommandSpec("apus", "", flags: CommonFlags.global, commands: [StoreCommand.spec]), versionText: "")
    guard case .run(let command) = table.parse(["apus", "store"] + arguments) else {
      throw TestSupportError("\(arguments)")
    }
    return try StoreSettings(command)
  }

  private static let bucket = "--objstore.config={type: FILESYSTEM, config: {directory: /b}, prefix: p}"

  @Test func flagsBecomeSettings() throws {
    let settings = try StoreSettings(
      Self.parse(
        Self.bucket, "--min-time=-2h", "--max-time=2030-01-01T00:00:00Z", "--sync-block-duration=3m",
        "--store.limits.request-series=5", "--store.grpc.series-sample-limit=600", "--consistency-delay=30m",
        "--selector.relabel-config=[{action: keep, source_labels: [cluster], regex: a}]", "--store.max-memory=64MiB"))
    #expect(settings.folder == "/b" && settings.prefix == "p")
    #expect(settings.syncIntervalMs == 180_000 && settings.consistencyDelayMs == 1_800_000)
    #expect(settings.deletionDelayMs == 86_400_000)
    #expect(settings.limits.seriesMax == 5 && settings.limits.samplesMax == 600)
    #expect(settings.memoryBytesMax == 64 << 20 && settings.rules.count == 1)
    let range = settings.timeRange(nowMs: 10_000_000)
    #expect(range.minTimeMs == 2_800_000 && range.maxTimeMs == 1_893_456_000_000)
  }

  @Test(arguments: [
    ["--objstore.config={type: S3, config: {bucket: b}}"], ["--objstore.config={type: NOPE}"],
    ["--objstore.config={type: FILESYSTEM}"], [bucket, "--objstore.config-file=/also"], [],
    [bucket, "--min-time=2030-01-01T00:00:00Z", "--max-time=2020-01-01T00:00:00Z"],
    [bucket, "--block-discovery-strategy=guess"], [bucket, "--block-sync-concurrency=0"],
    [bucket, "--store.limits.request-series=-1"],
    [bucket, "--selector.relabel-config=[{action: replace, target_label: a}]"],
  ])
  func whatCannotBeIsRefused(arguments: [String]) throws {
    let table = CommandLineTable(
      program: CommandSpec("apus", "", flags: CommonFlags.global, commands: [StoreCommand.spec]), versionText: "")
    let outcome = table.parse(["apus", "store"] + arguments, environment: { _ in nil }, readFile: { _ in nil })
    guard case .run(let command) = outcome else { return }
    #expect(throws: ConfigurationError.self) { try StoreSettings(command) }
  }
}
