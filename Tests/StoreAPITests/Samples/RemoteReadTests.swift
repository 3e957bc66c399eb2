// Remote read as Prometheus answers it: samples and frames say what the recording says, and are written to the same bytes.
import Foundation
import StoreAPI
import TSModel
import TestSupport
import Testing

/// A recorded request with its answer.
private struct RecordedRead {
  let name: String
  let request: [UInt8]
  let asked: [String: Any]
  let answer: [UInt8]
  let isStreamed: Bool
  let decoded: [String: Any]?
  let frames: [[String: Any]]

  static func all() throws -> [RecordedRead] {
    guard let folder = Fixtures.path("thanos/captures/remote-read") ?? Fixtures.path("thanos/remote-read") else {
      throw TestSupportError("no recorded remote read answers")
    }
    var found: [RecordedRead] = []
    for name in ["prometheus-a", "prometheus-d-xor2"] {
      let path = folder + "/\(name).jsonl"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      for line in try textLines(path) {
        guard let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
          record["status"] as? Int == 200, let case_ = record["case"] as? String,
          let packed = (record["request_body_b64"] as? String).flatMap({ Data(base64Encoded: $0) }),
          let request = unpackedSnappy([UInt8](packed)),
          let body = (record["response_body_b64"] as? String).flatMap({ Data(base64Encoded: $0) }),
          let headers = record["response_headers"] as? [String: [String]]
        else { continue }
        let isStreamed = headers["Content-Type"]?.first?.hasPrefix("application/x-streamed-protobuf") == true
        guard let answer = isStreamed ? [UInt8](body) : unpackedSnappy([UInt8](body)) else { continue }
        found.append(
          RecordedRead(
            name: "\(name) \(case_)", request: request, asked: record["request"] as? [String: Any] ?? [:],
            answer: answer, isStreamed: isStreamed, decoded: record["decoded"] as? [String: Any],
            frames: record["frames"] as? [[String: Any]] ?? []))
      }
    }
    return found
  }
}

private func frames(_ bytes: [UInt8]) throws -> [ChunkedReadFrame] {
  var position = 0
  var found: [ChunkedReadFrame] = []
  while let frame = try ChunkedReadFrame(bytes.span.bytes, position: &position) { found.append(frame) }
  if position != bytes.count { throw TestSupportError("a frame that is not whole") }
  return found
}

@Suite struct RemoteReadTests {
  @Test func requestsAreReadAndWritten() throws {
    for recorded in try RecordedRead.all() {
      let request = try ReadRequest(protobuf: recorded.request)
      let queries = recorded.asked["queries"] as? [[String: Any]] ?? []
      #expect(request.queries.count == queries.count, "\(recorded.name)")
      for (query, want) in zip(request.queries, queries) {
        #expect(query.startTimeMs == (want["start_timestamp_ms"] as? NSNumber)?.int64Value)
        #expect(query.endTimeMs == (want["end_timestamp_ms"] as? NSNumber)?.int64Value)
        #expect(query.matchers.count == (want["matchers"] as? [Any])?.count ?? 0)
        let hints = want["hints"] as? [String: Any]
        #expect((query.hints == nil) == (hints == nil), "\(recorded.name)")
        if let hints { #expect(query.hints?.function == hints["func"] as? String ?? "") }
      }
      let kinds = (recorded.asked["accepted_response_types"] as? [NSNumber] ?? []).map(\.int32Value)
      #expect(request.acceptedKinds.map(\.rawValue) == kinds, "\(recorded.name)")
      #expect((request.chosenKind == .streamedChunks) == recorded.isStreamed, "\(recorded.name)")
      #expect(request.encoded() == recorded.request, "\(recorded.name)")
    }
  }

  @Test func sampledAnswersSayWhatTheRecordingSays() throws {
    var checked = 0
    for recorded in try RecordedRead.all() where !recorded.isStreamed {
      let batch = try SampleBatch()
      let results = try batch.append(readResponse: recorded.answer)
      let want = recorded.decoded?["Results"] as? [[String: Any]] ?? []
      #expect(results.count == want.count, "\(recorded.name)")
      for (range, result) in zip(results, want) {
        let series = result["Timeseries"] as? [[String: Any]] ?? []
        #expect(range.count == series.count, "\(recorded.name)")
        for (index, series) in zip(range, series) {
          #expect(SeriesText.of(batch, index) == SeriesText.of(series, []), "\(recorded.name)")
          checked += 1
        }
      }
      #expect(try batch.readResponse(resultEnds: results.map(\.upperBound)) == recorded.answer, "\(recorded.name)")
    }
    #expect(checked >= 5)
  }

  @Test func framesSayWhatTheRecordingSaysAndAreWrittenAsTheyCame() throws {
    var checked = 0
    for recorded in try RecordedRead.all() where recorded.isStreamed {
      let found = try frames(recorded.answer)
      #expect(found.count == recorded.frames.count, "\(recorded.name)")
      var written: [UInt8] = []
      for (frame, want) in zip(found, recorded.frames) {
        let samples = want["chunk_samples"] as? [Any] ?? []
        #expect(frame.series.flatMap(\.chunks).count == samples.count, "\(recorded.name)")
        for (chunk, samples) in zip(frame.series.flatMap(\.chunks), samples) {
          guard let samples = samples as? [String: Any] else { continue }
          #expect(chunk.minTimeMs == (samples["min"] as? NSNumber)?.int64Value)
          #expect(chunk.maxTimeMs == (samples["max"] as? NSNumber)?.int64Value)
        }
        for series in frame.series { written += try ChunkedReadFrame.frames(of: series, queryIndex: frame.queryIndex) }
        checked += 1
      }
      #expect(written == recorded.answer, "\(recorded.name)")
    }
    #expect(checked >= 5)
  }

  @Test func aSeriesIsCutIntoFrames() throws {
    let chunks = (0..<10).map { number in
      ChunkedReadFrame.Chunk(
        minTimeMs: Int64(number), maxTimeMs: Int64(number), encoding: 1, data: [UInt8](repeating: 7, count: 100))
    }
    let series = ChunkedReadFrame.Series(labels: ["__name__": "up", "job": "a"], chunks: chunks)
    for (limit, count) in [(1, 10), (250, 4), (1 << 20, 1)] {
      let found = try frames(try ChunkedReadFrame.frames(of: series, queryIndex: 3, sizeLimit: limit))
      #expect(found.count == count, "limit \(limit)")
      #expect(found.allSatisfy { $0.queryIndex == 3 && $0.series.map(\.labels) == [series.labels] })
      #expect(found.flatMap { $0.series.flatMap(\.chunks) } == chunks)
    }
    let none = ChunkedReadFrame.Series(labels: series.labels, chunks: [])
    #expect(try ChunkedReadFrame.frames(of: none, queryIndex: 0).isEmpty)
  }

  @Test func damagedFramesAreNoticed() throws {
    let recorded = try #require(try RecordedRead.all().first { $0.isStreamed && $0.frames.count == 1 })
    let bytes = recorded.answer
    let whole = try frames(bytes)
    for size in 0..<bytes.count {
      var position = 0
      let frame = try ChunkedReadFrame(Array(bytes[..<size]).span.bytes, position: &position)
      #expect(frame == nil && position == 0)
    }
    for at in bytes.indices {
      for bit in 0..<8 {
        var changed = bytes
        changed[at] ^= 1 << bit
        var position = 0
        let frame = try? ChunkedReadFrame(changed.span.bytes, position: &position)
        #expect(frame == nil, "byte \(at)")
      }
    }
    #expect(whole.count == 1)
    var position = 0
    #expect(throws: ModelError.self) { try ChunkedReadFrame(bytes.span.bytes, position: &position, sizeMax: 10) }
  }
}
