// Which blocks answer for which times, and what becomes of requests when blocks come and go.
import Foundation
import Storage
import StoreAPI
import StoreServing
import TSModel
import TestSupport
import Testing
import Transport

/// Blocks of a test, in a folder of their own.
final class BlocksOfTest {
  let folder: TemporaryFolder
  private(set) var entries: [ServedBlock] = []
  private var random = SplitMix64(seed: 77)

  init() throws { folder = try TemporaryFolder("blocks") }

  /// Adds a block of these series, each with samples every minute of the range.
  @discardableResult
  func add(
    _ series: [Labels], external: Labels = Labels(), minTimeMs: Int64 = 0, maxTimeExclusiveMs: Int64 = 600_000,
    encoding: ChunkEncoding = .xor
  ) throws -> ServedBlock {
    let ulid = ULID(
      timeMs: 1_700_000_000_000 + Int64(entries.count),
      randomBytes: (0..<10).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    let symbols = Set(series.flatMap { $0.flatMap { [Array($0.name.utf8), Array($0.value.utf8)] } })
      .sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    let writer = try BlockWriter(parentFolder: folder.path, ulid: ulid, symbols: symbols)
    for labels in Set(series).sorted() {
      var builder = FloatChunkBuilder(encoding: encoding)
      for time in stride(from: minTimeMs, to: maxTimeExclusiveMs, by: 60_000) {
        try builder.append(timestampMs: time, value: Double(time))
      }
      try writer.addSeries(labels: labels, chunks: builder.finish())
    }
    try writer.finish { meta in
      (meta.minTimeMs, meta.maxTimeExclusiveMs) = (minTimeMs, maxTimeExclusiveMs)
    }
    let entry = ServedBlock(
      ulid: ulid, minTimeMs: minTimeMs, maxTimeExclusiveMs: maxTimeExclusiveMs, externalLabels: external)
    entries.append(entry)
    return entry
  }

  func path(_ entry: ServedBlock) -> String { folder.file(entry.ulid.description) }

  /// A catalog of all blocks so far.
  func catalog(openBlocksMax: Int = 256) -> ServedBlocks {
    let root = folder.path
    let catalog = ServedBlocks(openBlocksMax: openBlocksMax) { try Block.open(path: "\(root)/\($0.ulid)") }
    catalog.replace(with: entries)
    return catalog
  }

  func store(_ catalog: ServedBlocks? = nil, _ change: (inout LocalStoreOptions) -> Void = { _ in }) -> LocalStore {
    var options = LocalStoreOptions()
    change(&options)
    return LocalStore(catalog: catalog ?? self.catalog(), options: options, budget: MemoryBudget(name: "process"))
  }
}

/// A request for the series with a metric name, over all of time.
func request(_ change: (inout SeriesRequest) -> Void = { _ in }) throws -> SeriesRequest {
  var request = SeriesRequest()
  (request.minTimeMs, request.maxTimeMs) = (.min, .max)
  request.matchers = [LabelMatcherMessage(try LabelMatcher(.notEqual, name: "__name__", value: ""))]
  change(&request)
  return request
}

/// The series of an answer, each with its labels as a set.
func series(_ store: LocalStore, _ request: SeriesRequest) async throws -> (labels: [Labels], answer: JoinedSeries) {
  let collected = Collected()
  try await store.series(request) { try collected.add($0) }
  let joined = try JoinedSeries(collected.messages)
  return (joined.labels.map { Labels($0.map { (name: $0.name, value: $0.value) }) }, joined)
}

@Suite struct CatalogTests {
  @Test func blocksThatAreLetGoAreOpenedAgain() async throws {
    let blocks = try BlocksOfTest()
    for number in 0..<6 { try blocks.add([["__name__": "m", "n": "\(number)"]]) }
    let catalog = blocks.catalog(openBlocksMax: 2)
    let store = blocks.store(catalog)
    for _ in 0..<3 {
      #expect(try await series(store, request()).labels.count == 6)
      #expect(catalog.openCount == 2)
    }
  }

  /// A request sees the blocks that were there when it began, whatever becomes of them.
  @Test func blocksThatComeAndGoChangeNoRunningAnswer() async throws {
    let blocks = try BlocksOfTest()
    let some = (0..<2000).map { Labels(dictionaryLiteral: ("__name__", "m"), ("n", "\(10_000 + $0)")) }
    let first = try blocks.add(some)
    let second = try blocks.add([["__name__": "z"]])
    let catalog = blocks.catalog()
    let store = blocks.store(catalog)
    let collected = Collected()
    var isFirst = true
    try await store.series(request()) { messages in
      try collected.add(messages)
      guard isFirst else { return }
      isFirst = false
      // All blocks vanish, their files too, and another one comes.
      catalog.replace(with: [])
      for entry in [first, second] { try FileManager.default.removeItem(atPath: blocks.path(entry)) }
      let third = try blocks.add([["__name__": "new"]])
      catalog.replace(with: [third])
    }
    #expect(try JoinedSeries(collected.messages).labels.count == 2001)
    #expect(try await series(store, request()).labels == [["__name__": "new"]])
  }

  @Test func infoOfNoBlocksIsARangeWithoutTime() {
    let store = LocalStore(
      catalog: ServedBlocks { _ in throw CancellationError() }, budget: MemoryBudget(name: "process"))
    let info = store.info()
    #expect(info.store?.minTimeMs == .max && info.store?.maxTimeMs == .min)
    #expect(info.labelSets.isEmpty && info.store?.tsdbInfos.isEmpty == true)
  }

  /// A block that cannot be read: a warning and the rest, or an error, as the request wants it.
  @Test func aBadBlockIsAWarningOrTheEnd() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add([["__name__": "good"]])
    let bad = try blocks.add([["__name__": "bad"]])
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: blocks.path(bad) + "/index"))
    let failures = Failures()
    let store = blocks.store { $0.onBlockFailure = { entry, _ in failures.add(entry.ulid) } }
    let (labels, answer) = try await series(store, request())
    #expect(labels == [["__name__": "good"]])
    #expect(answer.warnings.count == 1 && answer.warnings[0].contains(bad.ulid.description))
    #expect(failures.names.contains(bad.ulid))
    for abort in [true, false] {
      let error = await #expect(throws: GRPCStatus.self) {
        _ = try await series(
          store,
          request {
            if abort { $0.partialResponseStrategy = .abort } else { $0.partialResponseDisabled = true }
          })
      }
      #expect(error?.code == .aborted)
    }
    var names = LabelNamesRequest()
    names.endMs = .max
    #expect(try await store.labelNames(names).warnings.count == 1)
    names.partialResponseStrategy = .abort
    await #expect(throws: GRPCStatus.self) { try await store.labelNames(names) }
  }

  @Test func aCancelledRequestEnds() async throws {
    let blocks = try BlocksOfTest()
    try blocks.add((0..<3000).map { Labels(dictionaryLiteral: ("__name__", "m"), ("n", "\($0)")) })
    let store = blocks.store()
    let asked = try request()
    let task = Task {
      try await store.series(asked) { _ in withUnsafeCurrentTask { $0?.cancel() } }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}

/// Blocks that failed, from any thread.
final class Failures: @unchecked Sendable {
  private let lock = NSLock()
  private var found: Set<ULID> = []
  var names: Set<ULID> { lock.withLock { found } }
  func add(_ name: ULID) { lock.withLock { _ = found.insert(name) } }
}
