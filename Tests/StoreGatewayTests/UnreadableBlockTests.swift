// A block that cannot be read while it is served: set aside, told of, and served again once its files are others.
import Foundation
import ObjectStore
import Observability
import Storage
import StoreAPI
import StoreServing
import TSModel
import TestSupport
import Testing
import Transport

@testable import StoreGateway

@Suite struct UnreadableBlockTests {
  /// Two blocks in a folder, each of a series by its name.
  private static func folder() throws -> (folder: TemporaryFolder, blocks: [ULID]) {
    let folder = try TemporaryFolder("unreadable")
    var blocks: [ULID] = []
    for (index, name) in ["good", "bad"].enumerated() {
      let ulid = ULID(
        timeMs: 1_700_000_000_000 + Int64(index), randomBytes: [UInt8](repeating: UInt8(index), count: 10))
      let writer = try BlockWriter(parentFolder: folder.path, ulid: ulid, symbols: ["__name__", name].sorted())
      var builder = FloatChunkBuilder(encoding: .xor)
      for time in 0..<100 { try builder.append(timestampMs: Int64(time) * 60_000, value: Double(time)) }
      try writer.addSeries(labels: ["__name__": name], chunks: builder.finish())
      try writer.finish { meta in
        (meta.minTimeMs, meta.maxTimeExclusiveMs) = (0, 6_000_000)
        var thanos = ThanosMeta()
        thanos.labels = Array(["block": name] as Labels)
        meta.thanos = thanos
      }
      blocks.append(ulid)
    }
    return (folder, blocks)
  }

  /// The names of the series that a store answers with, and its warnings.
  private static func ask(_ store: LocalStore) async throws -> (names: [String], warnings: [String]) {
    var request = SeriesRequest()
    request.maxTimeMs = .max
    request.minTimeMs = .min
    var matcher = LabelMatcherMessage()
    matcher.kind = .notEqual
    (matcher.name, matcher.value) = ("__name__", "")
    request.matchers = [matcher]
    var (names, warnings): ([String], [String]) = ([], [])
    try await store.series(request) { messages in
      var at = 0
      while at + 5 <= messages.frames.count {
        let length = messages.frames[(at + 1)..<(at + 5)].reduce(0) { $0 << 8 | Int($1) }
        switch try SeriesResponse(protobuf: Array(messages.frames[(at + 5)..<(at + 5 + length)])).result {
        case .series(let series): names.append(series.labels.first { $0.name == "__name__" }?.value ?? "")
        case .warning(let text): warnings.append(text)
        default: break
        }
        at += 5 + length
      }
    }
    return (names, warnings)
  }

  @Test func itIsSetAsideAndTheRestIsServed() async throws {
    let (folder, blocks) = try Self.folder()
    let segment = folder.file("\(blocks[1])/chunks/000001")
    let whole = try readFile(segment)
    var damaged = whole
    for index in damaged.indices where index > 12 { damaged[index] ^= 0xFF }
    try writeFile(segment, damaged)

    let table = try StoreFlagsTests.settings(
      "--objstore.config={type: FILESYSTEM, config: {directory: \(folder.path)}}")
    let metrics = MetricsRegistry()
    let sink = MemorySink()
    let sync = BlockSync(
      table, bucket: FolderBucket(path: folder.path), metrics: metrics, logger: Logger(level: .info, sink: sink))
    var options = LocalStoreOptions()
    options.onBlockFailure = { block, error in sync.readingFailed(block, error) }
    let store = LocalStore(catalog: sync.catalog, options: options, budget: MemoryBudget(name: "test"))
    try await sync.sync()
    // Opening does not read chunks.
    #expect(sync.catalog.count == 2 && sync.status.bad.isEmpty)

    let first = try await Self.ask(store)
    #expect(first.names == ["good"] && first.warnings.count == 1, "\(first)")
    #expect(sync.catalog.count == 1)
    #expect(sync.status.bad[blocks[1]]?.state == "read-failed")
    #expect(sync.status.bad[blocks[1]]?.reason.isEmpty == false)
    #expect(sink.lines.filter { $0.contains("it is set aside") && $0.contains("\(blocks[1])") }.count == 1)
    let second = try await Self.ask(store)
    #expect(second.names == ["good"] && second.warnings.isEmpty, "\(second)")

    // It stays so while its files are the same.
    for _ in 0..<3 {
      try await sync.sync()
      #expect(sync.catalog.count == 1 && sync.status.bad[blocks[1]]?.state == "read-failed")
    }
    try writeFile(segment, whole + [0])
    try await sync.sync()
    #expect(sync.catalog.count == 2 && sync.status.bad.isEmpty)
    #expect(try await Self.ask(store).names.sorted() == ["bad", "good"])
  }

  @Test func whatIsNotTheBlocksFaultLeavesItServed() async throws {
    let (folder, blocks) = try Self.folder()
    let sync = BlockSync(
      try StoreFlagsTests.settings("--objstore.config={type: FILESYSTEM, config: {directory: \(folder.path)}}"),
      bucket: FolderBucket(path: folder.path), metrics: MetricsRegistry(),
      logger: Logger(level: .info, sink: MemorySink()))
    try await sync.sync()
    let entry = try #require(sync.catalog.blocks.first { $0.ulid == blocks[0] })
    for error in [
      StorageError(.io, "too many open files", disposition: .retry), StorageError(.notFound, "gone"),
      StorageError(.permission, "no"), StorageError(.budget, "full", disposition: .rejectRequest),
    ] { sync.readingFailed(entry, error) }
    sync.readingFailed(entry, CancellationError())
    #expect(sync.catalog.count == 2 && sync.status.bad.isEmpty)
    // One that vanished meanwhile is forgotten.
    sync.readingFailed(entry, StorageError(.faulted, "cut short"))
    #expect(sync.catalog.count == 1)
    try FileManager.default.removeItem(atPath: folder.file("\(blocks[0])"))
    try await sync.sync()
    #expect(sync.catalog.count == 1 && sync.status.bad.isEmpty)
  }
}
