// The tools for write-ahead logs: what they print, what they mend, and that a Prometheus goes on with what they wrote.
import Foundation
import TestSupport
import Testing

@Suite struct WALToolsTests {
  private func data(_ name: String) throws -> String { try Fixtures.folder("prometheus/\(name)") + "/data" }

  private func copy(_ name: String, to folder: String) throws {
    let result = try runProcess("/bin/cp", ["-r", try data(name), folder])
    guard result.exitCode == 0 else { throw TestSupportError(result.errorText) }
  }

  @Test func aLogDumpsAsRecorded() throws { try expectDump("head") }

  @Test(.needsShared, arguments: ["head-zstd", "head-uncompressed", "head-st", "head-snapshot"])
  func otherLogsDumpAsRecorded(name: String) throws { try expectDump(name) }

  private func expectDump(_ name: String) throws {
    let result = try BuiltProgram.run(["tools", "wal", "dump", try data(name)])
    #expect(result.exitCode == 0, "\(result.errorText)")
    let isSame = result.output == (try gunzip(Fixtures.folder("prometheus/\(name)") + "/records.jsonl.gz"))
    #expect(isSame, "\(name): the dump is another than recorded")
  }

  @Test(
    .needsShared,
    arguments: [
      ("head", nil), ("head-zstd", nil), ("head-uncompressed", nil), ("head-st", nil), ("head-snapshot", nil),
      ("head-torn", "/wal/00000007, offset 19137: the segment ends within a record"),
      ("head-corrupt", "/wal/00000005, offset 39740: checksum mismatch"),
      ("head-corrupt-wbl", "/wbl/00000001, offset 19795: checksum mismatch"),
      ("head-corrupt-chunks", "/chunks_head/000003, offset 8: zeros where a chunk should be"),
      ("head-corrupt-checkpoint", "/wal/checkpoint.00000001/00000000, offset 650: bytes that are not zero"),
    ] as [(String, String?)])
  func verifySaysWhatIsWrong(name: String, defect: String?) throws {
    let result = try BuiltProgram.run(["tools", "wal", "verify", try data(name)])
    #expect(result.exitCode == (defect == nil ? 0 : 1), "\(result.errorText)")
    let lines = result.outputText.split(separator: "\n")
    if let defect {
      #expect(lines.count == 2 && lines[0].contains(defect) && lines[1].hasSuffix(": 1 defect"), "\(lines)")
    } else {
      #expect(lines.count == 1 && lines[0].contains(": sound ("), "\(lines)")
    }
  }

  @Test func verifySaysWhatIsMissing() throws {
    let scratch = try TemporaryFolder("missing")
    try copy("head", to: scratch.file("data"))
    try FileManager.default.removeItem(atPath: scratch.file("data/wal/00000004"))
    try FileManager.default.removeItem(atPath: scratch.file("data/wal/00000002"))
    let result = try BuiltProgram.run(["tools", "wal", "verify", scratch.file("data")])
    #expect(result.exitCode == 1 && result.outputText.contains("segment 4 is missing"))
    #expect(result.outputText.contains("segments 2 to 2 are missing"))
    let none = try BuiltProgram.run(["tools", "wal", "verify", scratch.path])
    #expect(none.exitCode == 1 && none.outputText.contains("neither a data folder"))
  }

  /// The mended copy is sound, has all records but the damaged one, and its input is as it was.
  @Test(
    .needsShared,
    arguments: [
      "head", "head-torn", "head-corrupt", "head-corrupt-wbl", "head-corrupt-chunks", "head-corrupt-checkpoint",
    ])
  func repairLeavesOutWhatIsDamaged(name: String) throws {
    let scratch = try TemporaryFolder("repair")
    try copy(name, to: scratch.file("data"))
    let before = try checksums(scratch.file("data"))
    let result = try BuiltProgram.run(["tools", "wal", "repair", scratch.file("data"), "-o", scratch.file("mended")])
    #expect(result.exitCode == 0, "\(result.errorText)")
    let verified = try BuiltProgram.run(["tools", "wal", "verify", scratch.file("mended")])
    #expect(verified.exitCode == 0, "\(verified.outputText)")
    let damaged = try BuiltProgram.run(["tools", "wal", "dump", scratch.file("data")])
    let mended = try BuiltProgram.run(["tools", "wal", "dump", scratch.file("mended")])
    #expect(mended.exitCode == 0)
    // Markers of a chunk that is damaged, or was never written, go with it.
    let isSame =
      records(mended, butMarkers: name == "head-corrupt-chunks")
      == records(damaged, butMarkers: name == "head-corrupt-chunks")
    #expect(isSame, "records that are not damaged are missing")
    #expect(try checksums(scratch.file("data")) == before)
    // It does not write where something is.
    let again = try BuiltProgram.run(["tools", "wal", "repair", scratch.file("data"), "-o", scratch.file("mended")])
    #expect(again.exitCode == 1 && again.errorText.contains("not empty"))
  }

  private func records(_ dump: ProcessResult, butMarkers: Bool) -> [Substring] {
    let lines = dump.outputText.split(separator: "\n")
    return butMarkers ? lines.filter { !$0.contains(#""type":"mmapmarkers""#) } : lines
  }

  @Test func repairWithoutWriting() throws {
    let scratch = try TemporaryFolder("dry")
    try copy("head", to: scratch.file("data"))
    var bytes = try readFile(scratch.file("data/wal/00000005"))
    bytes[40_000] ^= 0x20
    try writeFile(scratch.file("data/wal/00000005"), bytes)
    let result = try BuiltProgram.run(["tools", "wal", "repair", "--dry-run", scratch.file("data")])
    #expect(result.exitCode == 0 && result.outputText.contains("1 defect; nothing was written"), "\(result.outputText)")
    let nowhere = try BuiltProgram.run(["tools", "wal", "repair", scratch.file("data")])
    #expect(nowhere.exitCode == 1 && nowhere.errorText.contains("--output-dir"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["data"])
  }

  private func checksums(_ folder: String) throws -> [String] {
    let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }.sorted() ?? []
    return try files.map { name in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
      return isFolder.boolValue ? name : "\(name) \(try readFile(folder + "/" + name).hashValue)"
    }
  }

  /// Whoever mends a log is killed: the log is whole, and what is not finished does not bear the name of a result.
  @Test func aKilledRepairLeavesItsInputAndNoHalfResult() throws {
    let scratch = try TemporaryFolder("kill-repair")
    try copy("head", to: scratch.file("data"))
    var bytes = try readFile(scratch.file("data/wal/00000005"))
    bytes[40_000] ^= 0x20
    try writeFile(scratch.file("data/wal/00000005"), bytes)
    let before = try checksums(scratch.file("data"))
    let arguments = ["tools", "wal", "repair", scratch.file("data"), "-o"]
    let whole = try BuiltProgram.run(arguments + [scratch.file("whole")])
    #expect(whole.exitCode == 0, "\(whole.errorText)")
    let expected = try checksums(scratch.file("whole"))

    var random = SplitMix64(seed: 12)
    let rounds = isLongTier ? 200 : 12
    var (killed, finished, usualNs) = (0, 0, UInt64(100_000_000))
    for round in 0..<20 * rounds where killed < rounds {
      let output = scratch.file("round-\(round)")
      let begin = DispatchTime.now().uptimeNanoseconds
      let writer = try RunningProcess(BuiltProgram.apus, arguments + [output])
      if writer.wait(timeLimitSeconds: Double(usualNs) / 1e9 * random.unit()) == nil {
        writer.kill(SIGKILL)
        killed += 1
      } else {
        finished += 1
        usualNs = max(1_000_000, DispatchTime.now().uptimeNanoseconds - begin)
      }
      // A result is there as a whole or not at all.
      if FileManager.default.fileExists(atPath: output) { #expect(try checksums(output) == expected, "round \(round)") }
      if round % 5 == 0 {
        // What is left does not stand in the way of the next try.
        try? FileManager.default.removeItem(atPath: output)
        let again = try BuiltProgram.run(arguments + [output])
        #expect(again.exitCode == 0, "round \(round): \(again.errorText)")
        #expect(try checksums(output) == expected)
        #expect(!FileManager.default.fileExists(atPath: output + ".tmp-for-creation"))
      }
      try? FileManager.default.removeItem(atPath: output)
      try? FileManager.default.removeItem(atPath: output + ".tmp-for-creation")
    }
    say("repair killed \(killed) times, finished before \(finished) times, no half result")
    #expect(killed == rounds)
    #expect(try checksums(scratch.file("data")) == before)
  }

  /// Prometheus goes on with the mended copy, and answers with every float sample but those that the damaged record held; with the
  /// damaged log itself it loses more than a thousand, or does not start.
  @Test(
    .needsShared, .needsPeers("prometheus"),
    arguments: [
      ("head", 0), ("head-torn", 60), ("head-corrupt", 60), ("head-corrupt-wbl", 60), ("head-corrupt-chunks", 0),
      ("head-corrupt-checkpoint", 0),
    ])
  func prometheusGoesOnWithWhatWasMended(name: String, lostMax: Int) async throws {
    let scratch = try TemporaryFolder("mended")
    let mended = scratch.file("data")
    let result = try await runBeside(
      BuiltProgram.apus, ["tools", "wal", "repair", try data(name), "-o", mended])
    #expect(result.exitCode == 0, "\(result.errorText)")
    for block in Fixtures.blocks(in: try data(name)) {
      _ = try runProcess("/bin/cp", ["-r", block, mended])
    }
    let port = try freePort()
    let server = try await PrometheusServer(
      dataFolder: mended, scratch: scratch, port: port,
      scrapeConfiguration: "scrape_configs: []\nstorage: {tsdb: {out_of_order_time_window: 2h}}\n")
    defer { server.stop() }
    let (missing, wrong, total) = try await missingSamples(server)
    say("\(name): Prometheus has \(total - missing) of \(total) float samples out of the mended log")
    // Of several samples of one time that came out of order it hands out one or another.
    #expect(total > 3000 && missing <= lostMax && wrong <= 160)
  }

  /// How many float samples of the recorded dump a server does not have, or has with other values.
  private func missingSamples(_ server: PrometheusServer) async throws -> (missing: Int, wrong: Int, total: Int) {
    var (missing, wrong, total) = (0, 0, 0)
    for line in try textLines(Fixtures.folder("prometheus/head") + "/dump.jsonl.gz") {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let labels = try #require(object["labels"] as? [String: String])
      let samples = try #require(object["samples"] as? [[Any]])
      let floats = samples.compactMap { entry -> (Int64, String)? in
        guard let time = entry[0] as? NSNumber, let value = entry[1] as? String, !value.hasPrefix("0x") else {
          return nil
        }
        return (time.int64Value, value)
      }
      // Series of histograms with custom bounds, which Prometheus 3.5 reads too, are left to their own tests.
      guard let last = samples.last?[0] as? NSNumber, floats.count == samples.count else { continue }
      let matchers = labels.map { name, value in
        // Names are quoted, too: they may be anything.
        "\"\(name)\"=\"\(value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\""))\""
      }.joined(separator: ",")
      var parts = URLComponents(string: server.url + "/api/v1/query")
      parts?.queryItems = [
        URLQueryItem(name: "query", value: "{\(matchers)}[3d]"),
        URLQueryItem(name: "time", value: "\(Double(last.int64Value) / 1000)"),
      ]
      let answer = try await get(parts?.string?.replacingOccurrences(of: "+", with: "%2B") ?? "")
      let body = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
      // The matchers also fit series that have more labels.
      let series = ((body["data"] as? [String: Any])?["result"] as? [[String: Any]])?.first {
        $0["metric"] as? [String: String] == labels
      }
      var got: [Int64: String] = [:]
      for pair in series?["values"] as? [[Any]] ?? [] {
        guard let time = pair[0] as? NSNumber, let value = pair[1] as? String else { continue }
        got[Int64((time.doubleValue * 1000).rounded())] = value
      }
      for (timeMs, value) in floats {
        total += 1
        if let found = got[timeMs] {
          if Double(found) != Double(value) { wrong += 1 }
        } else {
          missing += 1
        }
      }
    }
    return (missing, wrong, total)
  }
}
