import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite(.serialized) struct BlockWriterTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder("writer") }

  static let ulid = ULID(timeMs: 1_748_736_000_000, randomBytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])

  /// Everything in a folder and below it, with contents.
  static func tree(_ path: String) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
      files[name] = isFolder.boolValue ? [] : try readFile(path + "/" + name)
    }
    return files
  }

  /// Writes the series of a block again, chunk bytes as they are.
  @discardableResult
  static func rewrite(
    _ block: Block, into parent: String, ulid: ULID, segmentBytesMax: UInt64 = BlockWriter.chunkSegmentBytesMax,
    before: @escaping (BlockWriter.Step) throws(StorageError) -> Void = { _ throws(StorageError) in },
    adjust: (inout BlockMeta) -> Void = { _ in }
  ) throws -> String {
    let symbols = (0..<block.index.symbols.count).compactMap { block.index.symbols.string(UInt32($0)) }
    let writer = try BlockWriter(
      parentFolder: parent, ulid: ulid, symbols: symbols, chunkSegmentBytesMax: segmentBytesMax,
      indexMemoryLimitBytes: 64 << 20, before: before)
    try block.read(series: try block.index.allPostings().refs()) { batch in
      for index in 0..<batch.seriesCount {
        var chunks: [EncodedChunk] = []
        for chunk in batch.chunkRange(at: index) {
          guard let (number, bytes) = batch.chunkBytes(chunk) else { continue }
          let (meta, encoding) = (batch.chunk(chunk), ChunkEncoding(rawValue: number))
          chunks.append(
            EncodedChunk(
              encoding: encoding, minTimeMs: meta.minTimeMs, maxTimeMs: meta.maxTimeMs, bytes: Array(bytes),
              sampleCount: try chunkSampleCount(RawSpan(_unsafeBytes: bytes), encoding)))
        }
        try writer.addSeries(labels: batch.labels(at: index), chunks: chunks)
      }
    }
    return try writer.finish(adjust)
  }

  /// What Prometheus wrote, read and written again, is the same byte for byte: index, segments, meta.json, tombstones.
  @Test(
    arguments: ["block-floats", "block-histograms", "block-multisegment"]
      + (Fixtures.path("prometheus/block-manyseries") == nil ? [] : ["block-manyseries"]))
  func aBlockOfPrometheusComesOutTheSame(name: String) throws {
    let path = try Fixtures.block("prometheus/" + name)
    let block = try Block.open(path: path)
    let segmentBytesMax: UInt64 = name == "block-multisegment" ? 100_000 : BlockWriter.chunkSegmentBytesMax
    let copy = try Self.rewrite(
      block, into: folder.path, ulid: block.meta.ulid, segmentBytesMax: segmentBytesMax,
      adjust: {
        $0.minTimeMs = block.meta.minTimeMs
        $0.maxTimeExclusiveMs = block.meta.maxTimeExclusiveMs
      })
    let (original, written) = (try Self.tree(path), try Self.tree(copy))
    #expect(original.keys.sorted() == written.keys.sorted())
    for (file, bytes) in original { #expect(written[file] == bytes, "\(file)") }
    #expect(try folderEntries(folder.path) == [block.meta.ulid.description])
    var defects: [BlockDefect] = []
    try Block.open(path: copy).verify { defects.append($0) }
    #expect(defects.isEmpty, "\(defects)")
  }

  @Test func metaIsWrittenAsThanosDoesOnRequest() throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/block-floats"))
    let copy = try Self.rewrite(
      block, into: folder.path, ulid: Self.ulid,
      adjust: {
        var thanos = ThanosMeta()
        thanos.labels = [.init(name: "cluster", value: "x")]
        $0.thanos = thanos
      })
    let meta = try BlockMeta(json: try readFile(copy + "/meta.json"))
    #expect(meta.thanos?.externalLabels.description == "{cluster=\"x\"}")
    #expect(meta.thanosJSON() == (try readFile(copy + "/meta.json")))
    #expect(meta.stats == block.meta.stats && meta.compaction.sources == [Self.ulid])
  }

  /// Stopped before any step, by an error: nothing is left. Stopped dead, which is what the folder looks like at that
  /// moment: nothing in it is taken for a block, before the name is given; after it, the block is whole.
  @Test func stoppedAtAnyStepThereIsNoHalfABlock() throws {
    let block = try Block.open(path: try Fixtures.folder("prometheus/corrupt/good/block"))
    for step in BlockWriter.Step.allCases {
      let parent = folder.file("\(step)")
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
      var seen = 0
      do {
        try Self.rewrite(
          block, into: parent, ulid: Self.ulid,
          before: { current throws(StorageError) in
            let blocks = ((try? folderEntries(parent)) ?? []).filter { ULID($0) != nil }
            if current == .parentFolder {
              let opened = try? Block.open(path: parent + "/" + (blocks.first ?? ""))
              #expect(opened?.meta.stats.sampleCount == 650 || opened?.meta.stats.sampleCount == 670)
            } else {
              #expect(blocks.isEmpty)
              for name in (try? folderEntries(parent)) ?? [] {
                #expect(throws: StorageError.self) { try Block.open(path: parent + "/" + name) }
              }
            }
            seen += 1
            guard current != step else { throw StorageError(.noSpace, "write: no space left on device") }
          })
        Issue.record("finished although \(step) failed")
      } catch let error as StorageError { #expect(error.code == .noSpace, "\(error)") }
      #expect(seen > 0)
      #expect(try folderEntries(parent).isEmpty, "after \(step)")
    }
  }

  @Test func droppedWithoutFinishNothingIsLeft() throws {
    do {
      let writer = try BlockWriter(parentFolder: folder.path, ulid: Self.ulid, symbols: ["a", "b"])
      try writer.addSeries(labels: Labels([("a", "b")]), chunks: [])
      #expect(try folderEntries(folder.path) == [Self.ulid.description + ".tmp-for-creation"])
    }
    #expect(try folderEntries(folder.path).isEmpty)
    let writer = try BlockWriter(parentFolder: folder.path, ulid: Self.ulid, symbols: ["a", "b"])
    try writer.abort()
    #expect(try folderEntries(folder.path).isEmpty)
  }

  @Test func mistakesAreToldAndLeaveNothing() throws {
    func failure(_ work: () throws -> Void) -> StorageError? {
      do { try work() } catch { return error as? StorageError }
      return nil
    }
    let chunk = EncodedChunk(encoding: .xor, minTimeMs: 5, maxTimeMs: 6, bytes: [0, 1, 2], sampleCount: 1)
    func writer(_ symbols: [String] = ["a", "b", "c"]) throws -> BlockWriter {
      try BlockWriter(parentFolder: folder.path, ulid: Self.ulid, symbols: symbols)
    }
    #expect(failure { _ = try writer(["b", "a"]) }?.code == .order)
    #expect(
      failure { try writer().addSeries(labels: Labels([("a", "x")]), chunks: []) }?.message.hasSuffix(
        "\"x\" is not among the symbols") == true)
    #expect(
      failure {
        let writer = try writer()
        try writer.addSeries(labels: Labels([("a", "c")]), chunks: [chunk])
        try writer.addSeries(labels: Labels([("a", "b")]), chunks: [chunk])
      }?.code == .order)
    #expect(failure { try writer().addSeries(labels: Labels([("a", "b")]), chunks: [chunk, chunk]) } != nil)
    #expect(
      failure { _ = try BlockWriter(parentFolder: folder.file("no"), ulid: Self.ulid, symbols: []) }?.code == .notFound)
    #expect(try folderEntries(folder.path).isEmpty)
    // One that exists, whole or under construction.
    let first = try writer()
    #expect(failure { _ = try writer() }?.message.contains("another process is writing it") == true)
    try first.addSeries(labels: Labels([("a", "b")]), chunks: [chunk])
    let path = try first.finish()
    #expect(failure { _ = try writer() }?.message.hasSuffix("it exists already") == true)
    #expect(try folderEntries(folder.path) == [Self.ulid.description])
    let meta = try Block.open(path: path).meta
    #expect(meta.minTimeMs == 5 && meta.maxTimeExclusiveMs == 7 && meta.stats.seriesCount == 1)
    if getuid() != 0 {
      let locked = folder.file("locked")
      try FileManager.default.createDirectory(atPath: locked, withIntermediateDirectories: true)
      chmod(locked, 0o555)
      #expect(
        failure { _ = try BlockWriter(parentFolder: locked, ulid: Self.ulid, symbols: []) }?.code == .permission)
    }
  }

  /// A file system of 64 KiB, mounted for this test: that takes root.
  @Test func aFullDiskIsToldAndLeavesNothing() throws {
    let small = folder.file("small")
    try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
    guard try runProcess("/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).exitCode == 0 else {
      return say("aFullDiskIsToldAndLeavesNothing: no file system can be mounted here, so no disk can be filled")
    }
    defer { _ = try? runProcess("/bin/umount", [small]) }
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"))
    do {
      try Self.rewrite(block, into: small, ulid: Self.ulid)
      Issue.record("70 kB and more fit into 64 KiB")
    } catch let error as StorageError {
      #expect(error.code == .noSpace && error.disposition == .halt, "\(error)")
      #expect(error.message.hasSuffix("no space left on device") && error.message.contains(small), "\(error)")
    }
    #expect(try folderEntries(small).isEmpty)
  }

  @Test func segmentsAreCutAsAskedAndReadBack() throws {
    let block = try Block.open(path: try Fixtures.block("prometheus/block-multisegment"))
    let expected = try block.dumped()
    for segmentBytesMax: UInt64 in [0, 9, 1500, 20_000] {
      let copy = try Block.open(
        path: try Self.rewrite(block, into: folder.path, ulid: .generate(), segmentBytesMax: segmentBytesMax))
      #expect(try copy.dumped() == expected)
      #expect(copy.segments.readers.count > 10)
      #expect(copy.segments.readers.allSatisfy { $0.byteCount > 8 })
    }
  }
}
