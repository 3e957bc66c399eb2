// Aggregate chunks as Thanos wrote them, and slots of every shape.
import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite struct AggregateChunkTests {
  /// Samples of one aggregate, in the dump's terms.
  private func samples(_ bytes: RawSpan, _ part: AggregateChunk.Part) throws -> [RecordedSample] {
    let bytes = bytes.extracting(part.bytes)
    if part.encoding.isFloat {
      var columns = FloatColumns()
      try columns.append(decoding: bytes, encoding: part.encoding)
      return (0..<columns.count).map {
        .float(timestampMs: columns.timestampsMs[$0], bits: columns.values[$0].bitPattern, startTimestampMs: 0)
      }
    }
    var columns = HistogramColumns()
    try columns.decode(bytes, encoding: part.encoding)
    #expect(histogramChunkDefect(bytes, encoding: part.encoding) == nil)
    let again = (0..<columns.count).map { (columns.timestampsMs[$0], columns.histogram(at: $0), Int64(0)) }
    let encoded = try encodeOneChunk(part.encoding, resetHeader: columns.resetHeader.rawValue, again)
    #expect(encoded == bytes.withUnsafeBytes { Array($0) })
    return again.map { .histogram(timestampMs: $0.0, $0.1, startTimestampMs: 0) }
  }

  /// Compares a block with its dump. The records of a segment come in the dump's order: Thanos' dumps have no references.
  private func compare(block: String, dump: String) throws -> (chunks: Int, histograms: Int) {
    let files = try FileManager.default.contentsOfDirectory(atPath: block + "/chunks").sorted()
    let records = try files.flatMap { chunkRecords(try readFile(block + "/chunks/" + $0)) }
    let chunks = try RecordedSeries.all(block: block, dump: dump).flatMap(\.chunks)
    #expect(records.count == chunks.count)
    var (compared, histograms) = (0, 0)
    for ((encoding, bytes), chunk) in zip(records, chunks) where encoding == 0xFF {
      try bytes.withExactCopy { span in
        let parsed = try AggregateChunk.parse(span)
        #expect(aggregateChunkDefect(span) == nil)
        var parts: [AggregateChunk.Slot: (encoding: ChunkEncoding, bytes: [UInt8])] = [:]
        for slot in AggregateChunk.Slot.allCases {
          guard let part = parsed[slot] else {
            #expect(chunk.aggregates[slot.description] == nil)
            continue
          }
          parts[slot] = (part.encoding, Array(bytes[part.bytes]))
          let decoded = try samples(span, part)
          if !chunk.aggregates.isEmpty { #expect(decoded == chunk.aggregates[slot.description]) }
          if part.encoding.isHistogram { histograms += 1 }
        }
        #expect(AggregateChunk.encode(parts) == bytes)
      }
      compared += 1
    }
    return (compared, histograms)
  }

  @Test func copiedDownsampledBlockEqualsItsDump() throws {
    let folder = try Fixtures.folder("thanos/downsampled-1h")
    let block = try #require(Fixtures.blocks(in: folder).first)
    #expect(try compare(block: block, dump: folder + "/dump.jsonl.gz").chunks > 0)
  }

  @Test(.needsShared) func downsampledBlocksEqualTheirDumps() throws {
    let folder = try #require(Fixtures.shared) + "/fixtures/thanos/blocks/bucket-downsampled"
    var histograms = 0
    for name in try FileManager.default.contentsOfDirectory(atPath: folder + "/dumps").sorted()
    where !name.contains("digest") {
      let block = folder + "/bucket/" + name.prefix(26)
      histograms += try compare(block: block, dump: folder + "/dumps/" + name).histograms
    }
    say("downsampled blocks: \(histograms) histogram aggregates compared")
  }

  @Test func anAbsentLastSlotIsAbsentWhetherWrittenOrNot() throws {
    let sum: [UInt8] = [0, 1, 6, 0x40, 0x10, 0, 0, 0, 0, 0, 0]
    let payload = AggregateChunk.encode([.sum: (.xor, sum)])
    #expect(payload == [0, 11, 1] + sum + [0, 0, 0])
    for length in [payload.count, payload.count - 1] {
      let parsed = try Array(payload[..<length]).withExactCopy { try AggregateChunk.parse($0) }
      #expect(parsed[.counter] == nil && parsed[.count] == nil && parsed[.sum]?.bytes == 3..<14)
    }
    #expect(
      Array(payload.dropLast()).withExactCopy { aggregateChunkDefect($0) }?.contains("last aggregate missing") == true)
  }

  @Test func everyTruncationAndEveryFlippedBitIsAnErrorOrAValue() throws {
    let folder = try Fixtures.folder("thanos/downsampled-1h")
    let block = try #require(Fixtures.blocks(in: folder).first)
    let records = chunkRecords(try readFile(block + "/chunks/000001"))
    let bytes = try #require(records.min { $0.1.count < $1.1.count }).1
    // One cut is not an error: just before the last slot, which may be missing.
    let whole = try bytes.withExactCopy { try AggregateChunk.parse($0) }
    let slots = AggregateChunk.Slot.allCases.compactMap { whole[$0] }
    let beforeLast = whole[.counter] == nil ? bytes.count - 1 : slots.dropLast().last?.bytes.upperBound
    for length in 0..<bytes.count {
      let cut = Array(bytes[..<length])
      let parsed = cut.withExactCopy { try? AggregateChunk.parse($0) }
      #expect((parsed != nil) == (length == beforeLast), "cut to \(length)")
    }
    for bit in 0..<min(bytes.count * 8, 4000) {
      var damaged = bytes
      damaged[bit / 8] ^= 0x80 >> UInt8(bit % 8)
      damaged.withExactCopy { span in
        _ = aggregateChunkDefect(span)
        guard let parsed = try? AggregateChunk.parse(span) else { return }
        for slot in AggregateChunk.Slot.allCases {
          guard let part = parsed[slot] else { continue }
          #expect(part.bytes.lowerBound >= 0 && part.bytes.upperBound <= span.byteCount)
        }
      }
    }
  }

  @Test func theExampleOfTheFormatPageIsTrue() throws {
    let example = try exampleBytes("docs/formats/aggregate-chunks.md")
    let parsed = try example.withExactCopy { try AggregateChunk.parse($0) }
    #expect(parsed[.count]?.encoding == .xor && parsed[.counter] == nil && parsed[.min] == nil)
    let decoded = try example.withExactCopy { span in try #require(parsed[.sum].map { try samples(span, $0) }) }
    #expect(decoded == [.float(timestampMs: 299_999, bits: Double(4).bitPattern, startTimestampMs: 0)])
  }
}

/// The bytes of the first fenced block `example` of a page: hexadecimal bytes, then `#` and what they mean.
func exampleBytes(_ page: String) throws -> [UInt8] {
  let text = String(decoding: try readFile(Fixtures.repository + "/" + page), as: UTF8.self)
  guard let start = text.range(of: "```example\n"), let end = text[start.upperBound...].range(of: "```") else {
    throw TestSupportError("\(page) has no example")
  }
  return text[start.upperBound..<end.lowerBound].split(separator: "\n").flatMap { line in
    line.prefix { $0 != "#" }.split(separator: " ").flatMap { group in
      stride(from: 0, to: group.count, by: 2).compactMap { UInt8(group.dropFirst($0).prefix(2), radix: 16) }
    }
  }
}
