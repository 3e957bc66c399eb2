// The worked examples of the pages on remote write and remote read are what these say: they are read, and written again.
import Foundation
import StoreAPI
import TSModel
import TestSupport
import Testing

@Suite struct SampleFormatPagesTests {
  private func example(_ page: String) throws -> [UInt8] {
    let text = String(decoding: try readFile(Fixtures.repository + "/docs/formats/" + page), as: UTF8.self)
    guard let start = text.range(of: "```example\n"), let end = text[start.upperBound...].range(of: "```") else {
      throw TestSupportError("\(page) has no example")
    }
    return text[start.upperBound..<end.lowerBound].split(separator: "\n").flatMap { line in
      line.prefix { $0 != "#" }.split(separator: " ").flatMap { group in
        stride(from: 0, to: group.count, by: 2).compactMap { UInt8(group.dropFirst($0).prefix(2), radix: 16) }
      }
    }
  }

  @Test func remoteWrite() throws {
    let bytes = try example("remote-write.md")
    let batch = try SampleBatch()
    try batch.append(remoteWriteV2: bytes)
    #expect(batch.seriesCount == 1 && batch.labels(at: 0) == ["__name__": "h"])
    let (time, start, histogram) = batch.histogram(0)
    #expect(time == 1_767_225_600_000 && start == 0)
    #expect(
      histogram
        == Histogram(
          schema: 0, zeroThreshold: 0.001, sum: 4.5, positiveSpans: [.init(offset: 0, length: 2)],
          counts: .int(count: 3, zeroCount: 0, positive: [1, 2], negative: [])))
    #expect(batch.metadata.map(\.kind) == [.histogram])
    #expect(try batch.remoteWriteV2(0..<1) == bytes)
  }

  @Test func openTelemetry() throws {
    let batch = try SampleBatch()
    let translation = try OTLPTranslation.append(try example("otlp-metrics.md"), to: batch)
    #expect(translation.problems.isEmpty && batch.seriesCount == 1)
    #expect(batch.labels(at: 0) == ["__name__": "up"] && batch.values[0] == 1)
    #expect(batch.timestampsMs[0] == 1_767_225_600_000)
  }

  @Test func remoteRead() throws {
    let bytes = try example("remote-read.md")
    var position = 0
    let frame = try #require(try ChunkedReadFrame(bytes.span.bytes, position: &position))
    #expect(position == bytes.count && frame.queryIndex == 1 && frame.series.count == 1)
    let series = try #require(frame.series.first)
    #expect(series.labels == ["__name__": "up"])
    #expect(series.chunks.map(\.encoding) == [1] && series.chunks.map(\.minTimeMs) == [1_748_736_000_000])
    #expect(series.chunks.first?.data.suffix(8) == [0x3F, 0xF8, 0, 0, 0, 0, 0, 0])
    #expect(try ChunkedReadFrame.frames(of: series, queryIndex: 1) == bytes)
  }
}
