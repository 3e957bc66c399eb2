// Remote write as Prometheus and Thanos' ruler send it: batches say what the recording says, and are written to the same bytes.
import Foundation
import StoreAPI
import TSModel
import TestSupport
import Testing

/// A recorded request, unpacked.
struct RecordedWrite {
  let place: String
  let isVersion2: Bool
  let body: [UInt8]
  let decoded: [String: Any]

  static func all() throws -> [RecordedWrite] {
    guard let folder = Fixtures.path("thanos/captures/remote-write") ?? Fixtures.path("thanos/remote-write") else {
      throw TestSupportError("no recorded remote write requests")
    }
    return try textLines(folder + "/requests.jsonl.gz").enumerated().map { number, line in
      guard let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let packed = (record["body_b64"] as? String).flatMap({ Data(base64Encoded: $0) }),
        let body = unpackedSnappy([UInt8](packed)), let decoded = record["decoded"] as? [String: Any],
        let headers = record["headers"] as? [String: [String]]
      else { throw TestSupportError("line \(number + 1) of the recording is malformed") }
      let isVersion2 = headers["X-Prometheus-Remote-Write-Version"]?.first?.hasPrefix("2") == true
      return RecordedWrite(place: "request \(number + 1)", isVersion2: isVersion2, body: body, decoded: decoded)
    }
  }
}

/// A series in one text, from the recording's JSON and from a batch: what does not differ is the same.
enum SeriesText {
  /// Foundation reads numbers of JSON with an error in the last digit, and JSON has one NaN: bits are compared by what is written again.
  static func number(_ value: Double) -> String {
    if value.isNaN { return value.bitPattern == Histogram.staleSumBits ? "stale" : "NaN" }
    return String(format: "%.12g", value)
  }

  private static func integer(_ value: Any?) -> Int64 { (value as? NSNumber)?.int64Value ?? 0 }

  private static func double(_ value: Any?) -> Double {
    switch value {
    case let text as String:
      text.hasPrefix("0x")
        ? Double(bitPattern: UInt64(text.dropFirst(2), radix: 16) ?? 0)
        : Double(text.replacingOccurrences(of: "Inf", with: "inf")) ?? .nan
    case let number as NSNumber: number.doubleValue
    default: 0
    }
  }

  private static func absolute(_ deltas: Any?) -> [Int64] {
    var last: Int64 = 0
    return (deltas as? [NSNumber] ?? []).map {
      last += $0.int64Value
      return last
    }
  }

  /// Labels as they stand in version 1, or as references into `symbols`.
  private static func labels(_ json: [String: Any], _ symbols: [String]) -> [(String, String)] {
    if let references = json["LabelsRefs"] as? [Int] {
      return stride(from: 0, to: references.count, by: 2).map { (symbols[references[$0]], symbols[references[$0 + 1]]) }
    }
    return (json["Labels"] as? [[String: String]] ?? []).map { ($0["Name"] ?? "", $0["Value"] ?? "") }
  }

  static func of(_ json: [String: Any], _ symbols: [String]) -> String {
    var parts = labels(json, symbols).map { "\($0)=\($1)" }
    for sample in json["Samples"] as? [[String: Any]] ?? [] {
      parts.append(
        "s \(integer(sample["Timestamp"])) \(number(double(sample["Value"]))) \(integer(sample["StartTimestamp"]))")
    }
    for histogram in json["Histograms"] as? [[String: Any]] ?? [] {
      func spans(_ key: String) -> [String] {
        (histogram[key] as? [[String: Any]] ?? []).map { "\(integer($0["Offset"])):\(integer($0["Length"]))" }
      }
      let count = integer((histogram["Count"] as? [String: Any])?["CountInt"])
      let zeroCount = integer((histogram["ZeroCount"] as? [String: Any])?["ZeroCountInt"])
      parts.append(
        "h \(integer(histogram["Timestamp"])) \(integer(histogram["StartTimestamp"])) \(integer(histogram["Schema"]))"
          + " \(count) \(zeroCount) \(number(double(histogram["Sum"]))) \(number(double(histogram["ZeroThreshold"])))"
          + " \(spans("PositiveSpans")) \(spans("NegativeSpans"))"
          + " \(absolute(histogram["PositiveDeltas"])) \(absolute(histogram["NegativeDeltas"]))")
    }
    for exemplar in json["Exemplars"] as? [[String: Any]] ?? [] {
      let set = Labels(labels(exemplar, symbols).map { (name: $0, value: $1) })
      parts.append("e \(set) \(integer(exemplar["Timestamp"])) \(number(double(exemplar["Value"])))")
    }
    return parts.joined(separator: "\n")
  }

  static func of(_ batch: SampleBatch, _ index: Int) -> String {
    var parts = batch.sentLabels(at: index).map { "\($0.name)=\($0.value)" }
    for sample in batch.sampleRange(at: index) {
      parts.append("s \(batch.timestampsMs[sample]) \(number(batch.values[sample])) \(batch.startTimestampsMs[sample])")
    }
    for place in batch.histogramRange(at: index) {
      let (time, start, histogram) = batch.histogram(place)
      func spans(_ spans: [Histogram.Span]) -> [String] { spans.map { "\($0.offset):\($0.length)" } }
      guard case .int(let count, let zeroCount, let positive, let negative) = histogram.counts else {
        parts.append("a float histogram")
        continue
      }
      parts.append(
        "h \(time) \(start) \(histogram.schema) \(count) \(zeroCount) \(number(histogram.sum))"
          + " \(number(histogram.zeroThreshold)) \(spans(histogram.positiveSpans)) \(spans(histogram.negativeSpans))"
          + " \(positive) \(negative)")
    }
    for place in batch.exemplarRange(at: index) {
      let exemplar = batch.exemplar(place)
      parts.append("e \(exemplar.labels) \(exemplar.timestampMs) \(number(exemplar.value))")
    }
    return parts.joined(separator: "\n")
  }
}

@Suite struct RemoteWriteTests {
  private func read(_ body: [UInt8], version2: Bool) throws -> SampleBatch {
    let batch = try SampleBatch()
    if version2 { try batch.append(remoteWriteV2: body) } else { try batch.append(remoteWrite: body) }
    return batch
  }

  @Test func recordedRequestsSayWhatTheRecordingSays() throws {
    let recorded = try RecordedWrite.all()
    #expect(recorded.count >= 5)
    var (series, metadata) = (0, 0)
    for request in recorded {
      let batch = try read(request.body, version2: request.isVersion2)
      let want = request.decoded["Timeseries"] as? [[String: Any]] ?? []
      let symbols = request.decoded["Symbols"] as? [String] ?? []
      #expect(batch.seriesCount == want.count, "\(request.place)")
      for index in 0..<min(want.count, batch.seriesCount) {
        #expect(SeriesText.of(batch, index) == SeriesText.of(want[index], symbols), "\(request.place), series \(index)")
      }
      for (found, want) in zip(batch.metadata, request.decoded["Metadata"] as? [[String: Any]] ?? []) {
        #expect(found.family == want["MetricFamilyName"] as? String, "\(request.place)")
        #expect(found.help == want["Help"] as? String ?? "", "\(request.place)")
        #expect(found.kind.rawValue == (want["Type"] as? NSNumber)?.uint32Value ?? 0, "\(request.place)")
        metadata += 1
      }
      for entry in batch.metadata {
        guard let index = entry.seriesIndex else { continue }
        let told = want[index]["Metadata"] as? [String: Any]
        #expect(entry.kind.rawValue == (told?["Type"] as? NSNumber)?.uint32Value ?? 0, "\(request.place)")
        #expect(entry.help == symbols[(told?["HelpRef"] as? NSNumber)?.intValue ?? 0], "\(request.place)")
        metadata += 1
      }
      series += batch.seriesCount
    }
    #expect(series >= 200 && metadata >= 20)
  }

  @Test func batchesAreWrittenAsTheyCame() throws {
    for request in try RecordedWrite.all() {
      let batch = try read(request.body, version2: request.isVersion2)
      let all = 0..<batch.seriesCount
      let written = try request.isVersion2 ? batch.remoteWriteV2(all) : batch.remoteWrite(all, withMetadata: true)
      #expect(written == request.body, "\(request.place)")
    }
  }

  /// What one version carries, the other carries too, but for start timestamps and metadata.
  @Test func versionsCarryTheSame() throws {
    for request in try RecordedWrite.all() where !request.isVersion2 {
      let batch = try read(request.body, version2: false)
      let other = try read(try batch.remoteWriteV2(0..<batch.seriesCount), version2: true)
      #expect(other.seriesCount == batch.seriesCount)
      for index in 0..<batch.seriesCount { #expect(SeriesText.of(other, index) == SeriesText.of(batch, index)) }
    }
  }

  /// Two batches say the same.
  private func isSame(_ a: SampleBatch, _ b: SampleBatch) -> Bool {
    a.seriesCount == b.seriesCount && a.metadata == b.metadata
      && (0..<a.seriesCount).allSatisfy { SeriesText.of(a, $0) == SeriesText.of(b, $0) }
  }

  /// A request cut short is refused, or is one of fewer fields, which is written and read again.
  @Test(arguments: [false, true]) func truncatedRequests(version2: Bool) throws {
    let body = try small(version2)
    for size in 0..<body.count { try checkAny(Array(body[..<size]), version2) }
  }

  @Test(arguments: [false, true]) func flippedBytes(version2: Bool) throws {
    let body = try small(version2)
    for at in body.indices {
      for bit in 0..<8 {
        var changed = body
        changed[at] ^= 1 << bit
        try checkAny(changed, version2)
      }
    }
  }

  /// The end of a request with everything in it.
  private func small(_ version2: Bool) throws -> [UInt8] {
    let batch = try SampleBatch()
    let request = try #require(
      try RecordedWrite.all().first { request in
        request.isVersion2 == version2 && request.body.count > 5000
      })
    try version2 ? batch.append(remoteWriteV2: request.body) : batch.append(remoteWrite: request.body)
    let withHistogram = (0..<batch.seriesCount).first { !batch.histogramRange(at: $0).isEmpty } ?? 0
    let range = max(0, withHistogram - 1)..<min(batch.seriesCount, withHistogram + 2)
    return try version2 ? batch.remoteWriteV2(range) : batch.remoteWrite(range)
  }

  private func checkAny(_ bytes: [UInt8], _ version2: Bool) throws {
    guard let batch = try? read(bytes, version2: version2) else { return }
    // More labels out of order than are put into order.
    do { try batch.normalizeLabels() } catch is ModelError { return }
    let all = 0..<batch.seriesCount
    let again = try read(
      try version2 ? batch.remoteWriteV2(all) : batch.remoteWrite(all, withMetadata: true), version2: version2)
    #expect(isSame(batch, again))
  }

  @Test func labelsInAnyOrder() throws {
    // {b="2", a="1", c="", a="3"} 1 at 5
    let body: [UInt8] = [
      0x0A, 0x2E, 0x0A, 0x06, 0x0A, 1, 0x62, 0x12, 1, 0x32, 0x0A, 0x06, 0x0A, 1, 0x61, 0x12, 1, 0x31, 0x0A, 0x05, 0x0A,
      1, 0x63,
      0x12, 0, 0x0A, 0x06, 0x0A, 1, 0x61, 0x12, 1, 0x33, 0x12, 0x0B, 0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0x10, 5,
      0x1A, 0,
    ]
    let batch = try read(body, version2: false)
    #expect(batch.sentLabels(at: 0).map(\.name) == ["b", "a", "c", "a"])
    let before = batch.labelBytes(at: 0)?.byteCount
    #expect(before == nil)
    #expect(throws: ModelError.self) { try batch.remoteWrite(0..<1) }
    try batch.normalizeLabels()
    #expect(batch.labels(at: 0) == ["a": "3", "b": "2"])
    let after = batch.labelBytes(at: 0)?.byteCount
    #expect(after == 16)
    let again = try read(try batch.remoteWrite(0..<1), version2: false)
    #expect(again.labels(at: 0) == ["a": "3", "b": "2"] && again.values[0] == 1 && again.timestampsMs[0] == 5)
  }

  /// Numbers that are none of a symbol, and a name without a value, are errors, not the end of the connection.
  @Test func referencesToNothing() throws {
    func request(_ references: [UInt8]) -> [UInt8] {
      let series = [0x0A, UInt8(references.count)] + references
      return [0x22, 0, 0x22, 1, 0x61, 0x2A, UInt8(series.count)] + series
    }
    #expect(try read(request([1, 1]), version2: true).labels(at: 0) == ["a": "a"])
    for references: [UInt8] in [[1, 2], [2, 1], [1], [1, 1, 1]] {
      #expect(throws: ModelError.self) { try read(request(references), version2: true) }
    }
  }

  /// Small symbols may be referred to often: labels are charged to the budget as they are written.
  @Test func amplifiedLabelsStayWithinTheBudget() throws {
    let long = [UInt8](repeating: 0x61, count: 10_000)
    let references = [UInt8](repeating: 1, count: 20_000)
    func lengthed(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
      var (size, head) = (bytes.count, [tag])
      while size >= 0x80 {
        head.append(UInt8(size & 0x7F) | 0x80)
        size >>= 7
      }
      return head + [UInt8(size)] + bytes
    }
    let body = [0x22, 0] + lengthed(0x22, long) + lengthed(0x2A, lengthed(0x0A, references))
    let batch = try SampleBatch(budget: MemoryBudget(name: "test", limitBytes: 4 << 20))
    #expect(throws: BudgetExceeded.self) { try batch.append(remoteWriteV2: body) }
  }

  @Test func floatHistogramsAndCustomBounds() throws {
    let custom = [
      Histogram(
        schema: Histogram.customBoundsSchema, sum: 12.5, resetHint: .reset,
        positiveSpans: [.init(offset: 0, length: 3)], customValues: [0.5, 1, 2.5],
        counts: .int(count: 9, zeroCount: 0, positive: [2, 7, 0], negative: [])),
      Histogram(
        schema: 1, zeroThreshold: 0.001, sum: -0.0, resetHint: .gauge,
        positiveSpans: [.init(offset: -2, length: 1), .init(offset: 3, length: 1)],
        negativeSpans: [.init(offset: 4, length: 2)],
        counts: .float(count: 7.5, zeroCount: 1.25, positive: [1, 2], negative: [0.5, 2.75])),
      Histogram.stale(.float), Histogram.stale(.int),
    ]
    let batch = try SampleBatch()
    for (index, histogram) in custom.enumerated() {
      try batch.append(
        labels: ["__name__": "h\(index)"], histograms: [(timestampMs: Int64(index) - 1, startTimestampMs: 7, histogram)]
      )
    }
    for version2 in [false, true] {
      let all = 0..<batch.seriesCount
      let read = try read(try version2 ? batch.remoteWriteV2(all) : batch.remoteWrite(all), version2: version2)
      #expect(read.histogramCount == custom.count)
      for (index, histogram) in custom.enumerated() {
        let found = read.histogram(index)
        #expect(found.histogram == histogram)
        #expect(found.timestampMs == Int64(index) - 1)
        #expect(found.startTimestampMs == (version2 ? 7 : 0))
      }
    }
  }
}
