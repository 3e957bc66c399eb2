// `apus store` from outside: recorded calls of a real gateway by a real gRPC client, flags, metrics, bad blocks, the end.
import Foundation
import TestSupport
import Testing

@Suite struct StoreTests {
  private func captures() throws -> String { try Fixtures.folder("thanos/captures") + "/grpc" }

  @Test(.needsShared, .needsPeers("python")) func answersRecordedCallsAsTheRealGatewayDid() throws {
    let store = try RunningStore(blocks: try RunningStore.recordedBlocks())
    let result = try compare("replay-grpc", ["--target", store.grpc, try captures() + "/store-fs.jsonl.gz", "--hints"])
    #expect(result.failed == 0 && result.passed >= 138, "\(result.text)")
    say("recorded calls of a store gateway: \(result.passed) as recorded, \(result.failed) not")
    #expect(store.process.stop() == 0)
    #expect(store.log.contains("msg=exiting"))
  }

  @Test(.needsShared, .needsPeers("python")) func limitsEndCallsAsRecorded() throws {
    let store = try RunningStore(
      blocks: try RunningStore.recordedBlocks(),
      flags: ["--store.limits.request-series=8", "--store.limits.request-samples=600"])
    let result = try compare("replay-grpc", ["--target", store.grpc, try captures() + "/store-limits.errors.jsonl.gz"])
    #expect(result.failed == 0 && result.passed > 30, "\(result.text)")
    let older = try RunningStore(
      blocks: try RunningStore.recordedBlocks(), flags: ["--store.grpc.touched-series-limit=20"])
    let series = try compare(
      "replay-grpc",
      [
        "--target", older.grpc, try captures() + "/store-grpc-limits.errors.jsonl.gz", "--case",
        "^(only_empty_matcher|without_replica_instance)$",
      ])
    #expect(series.failed == 0 && series.passed == 2, "\(series.text)")
  }

  @Test(.needsShared, .needsPeers("python")) func hasTheSurfaceOfTheRealGateway() throws {
    let flags = try compare("check-surface", ["cli", BuiltProgram.apus, "store"])
    #expect(flags.failed == 0, "\(flags.text)")
    let store = try RunningStore(blocks: try RunningStore.recordedBlocks())
    _ = try store.get("/api/v1/blocks")
    _ = try compare(
      "replay-grpc", ["--target", store.grpc, try captures() + "/store-fs.jsonl.gz", "--case", "^simple$"])
    let metrics = try compare("check-surface", ["metrics", "store", "http://\(store.http)"])
    #expect(metrics.failed == 0, "\(metrics.text)")
    let paths = try compare("check-surface", ["http", "store", "http://\(store.http)"])
    #expect(paths.failed == 0, "\(paths.text)")
  }

  @Test func badBlocksAreSetAsideAndTheRestIsServed() throws {
    let good = try Fixtures.block("thanos/live-sidecar")
    let store = try RunningStore(blocks: [good], flags: ["--sync-block-duration=1s"]) { folder in
      for (name, damage) in [
        ("01KJPB9Q30GS2PJP0KA1NEN3Q3", { (block: String) in try writeFile(block + "/meta.json", Array("{".utf8)) }),
        ("01KJPB9Q30GS2PJP0KA1NEN3Q4", { block in try writeFile(block + "/index", Array("no index".utf8)) }),
        ("01KJPB9Q30GS2PJP0KA1NEN3Q5", { block in try FileManager.default.removeItem(atPath: block + "/meta.json") }),
      ] {
        let block = try folder.copy(good, as: "bucket/" + name)
        // A block is what its meta.json says.
        let meta = String(decoding: try readFile(block + "/meta.json"), as: UTF8.self)
        let own = (good as NSString).lastPathComponent
        try writeFile(block + "/meta.json", Array(meta.replacingOccurrences(of: own, with: name).utf8))
        try damage(block)
      }
    }
    let bad = try store.get("/api/v1/blocks?view=bad")
    for state in ["corrupted-meta-json", "load-failed", "no-meta-json"] {
      #expect(bad.contains("\"\(state)\""), "\(bad)")
    }
    let loaded = try store.get("/api/v1/blocks?view=loaded")
    #expect(loaded.contains((good as NSString).lastPathComponent))
    let metrics = try store.get("/metrics")
    #expect(metrics.contains("\nthanos_bucket_store_blocks_loaded 1\n"))
    #expect(!metrics.contains("\nthanos_bucket_store_block_load_failures_total 0\n"))
    #expect(metrics.contains("thanos_blocks_meta_synced{state=\"corrupted-meta-json\"} 1"))
    #expect(try store.get("/-/ready") == "OK")
    // A block that appears is found, one that vanishes is let go.
    try FileManager.default.removeItem(atPath: store.folder.file("bucket/" + (good as NSString).lastPathComponent))
    let end = Date() + 30
    while Date() < end, try !store.get("/metrics").contains("\nthanos_bucket_store_blocks_loaded 0\n") {
      usleep(100_000)
    }
    #expect(try store.get("/metrics").contains("\nthanos_bucket_store_blocks_loaded 0\n"))
  }

  @Test func whatCannotBeStartedSaysWhy() throws {
    for (flags, text) in [
      (["--objstore.config={type: S3, config: {bucket: b}}"], "bucket with type S3 is not supported by Apus yet"),
      ([], "flag objstore.config-file or objstore.config is required"),
      (["--objstore.config={type: FILESYSTEM, config: {directory: /b}}", "--http-address=nonsense"], "missing port"),
      (
        ["--objstore.config={type: FILESYSTEM, config: {directory: /b}}", "--grpc-server-tls-cert=/c"],
        "both server key and certificate must be provided"
      ),
    ] {
      let result = try BuiltProgram.run(["store"] + flags, timeLimitSeconds: 20)
      #expect(result.exitCode == 1 && result.errorText.contains(text), "\(flags): \(result.errorText)")
    }
  }
}
