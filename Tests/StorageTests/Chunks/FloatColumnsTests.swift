import Storage
import TSModel
import TestSupport
import Testing

/// What the columns hold, as arrays.
private func contents(_ columns: borrowing FloatColumns) -> (times: [Int64], values: [UInt64], starts: [Int64]) {
  var (times, values, starts): ([Int64], [UInt64], [Int64]) = ([], [], [])
  for index in 0..<columns.count {
    times.append(columns.timestampsMs[index])
    values.append(columns.values[index].bitPattern)
    starts.append(columns.startTimestampsMs[index])
  }
  return (times, values, starts)
}

private func bytes(_ hex: String) -> [UInt8] {
  let digits = Array(hex.filter { $0 != " " })
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16)! }
}

private let xor = bytes("0004 d00f 3ff0000000000000 e807 c25fff2001760580")
private let xor2 = bytes("0004 82 d00f 3ff0000000000000 e807 e807 c12fffbdc18f1f40")

@Suite struct FloatColumnsTests {
  @Test func decodesBothEncodingsOneBehindTheOther() throws {
    var columns = FloatColumns()
    try columns.append(decoding: xor.span.bytes, encoding: .xor)
    try columns.append(decoding: xor2.span.bytes, encoding: .xor2)
    let (times, values, starts) = contents(columns)
    #expect(times == [1000, 2000, 3000, 4005, 1000, 2000, 3000, 4000])
    #expect(values == [1, 2, 2, 3.5, 1, 2, 2, 2].map(\.bitPattern))
    #expect(starts == [0, 0, 0, 0, 500, 500, 2500, 2500])
    columns.removeAll()
    #expect(columns.count == 0)
    // The memory of the start timestamps is used again: zeros have to be written anew.
    try columns.append(decoding: xor2.span.bytes, encoding: .xor2)
    columns.removeAll()
    try columns.append(decoding: xor.span.bytes, encoding: .xor)
    #expect(contents(columns).starts == [0, 0, 0, 0])
  }

  @Test func errorsAddNothingAndSayWhatWasTried() {
    var columns = FloatColumns()
    #expect(throws: Never.self) { try columns.append(decoding: xor.span.bytes, encoding: .xor) }
    func code(_ bytes: [UInt8], _ encoding: ChunkEncoding, _ columns: inout FloatColumns) -> (
      StorageError.Code, String
    )? {
      do {
        try columns.append(decoding: bytes.span.bytes, encoding: encoding)
        return nil
      } catch {
        return (error.code, error.message)
      }
    }
    let truncated = code(Array(xor.dropLast()), .xor, &columns)
    #expect(truncated?.0 == .truncated && truncated?.1 == "decode xor chunk of 4 samples in 21 bytes: truncated")
    #expect(code([0, 0], .xor, &columns)?.0 == .malformed)
    #expect(code([0, 0, 0], .xor2, &columns)?.0 == .malformed)
    #expect(code([0], .xor, &columns)?.0 == .truncated)
    #expect(code([], .xor2, &columns)?.0 == .truncated)
    #expect(code(xor, .histogram, &columns)?.0 == .encoding)
    #expect(code(xor, ChunkEncoding(rawValue: 77), &columns)?.1 == "decode floats from a chunk of encoding 77")
    #expect(columns.count == 4)
  }

  @Test func countsOfSamples() {
    // The span lives in a function of its own: inside `#expect` it would outlive its array.
    func count(_ bytes: [UInt8], _ encoding: ChunkEncoding) -> Int? {
      try? chunkSampleCount(bytes.span.bytes, encoding)
    }
    #expect(count([0x12, 0x34], .xor) == 0x1234)
    #expect(count([0xC0, 0x05], .histogramST) == 5)
    #expect(count([0xC0, 0x05], .floatHistogram) == 0xC005)
    #expect(count([0, 1], .aggregates) == nil)
    #expect(count([0], .xor) == nil)
  }

  @Test func defectsAreTold() {
    func defect(_ bytes: [UInt8], _ encoding: ChunkEncoding) -> String? {
      floatChunkDefect(bytes.span.bytes, encoding: encoding)
    }
    #expect(defect(xor, .xor) == nil)
    #expect(defect(xor + [1], .xor) == "has bytes behind its last sample")
    #expect(defect([0, 0, 0], .xor2) == "counts no samples")
    #expect(defect(xor, .histogram) == "is of histogram and not of floats")
  }

  /// The worked examples of docs/formats/chunks.md.
  @Test func examplesOfTheFormatPage() throws {
    let page = try textLines(Fixtures.repository + "/docs/formats/chunks.md")
    var examples: [[UInt8]] = []
    var isInside = false
    for line in page {
      if line.hasPrefix("```") {
        isInside = line == "```example"
        if isInside { examples.append([]) }
      } else if isInside {
        examples[examples.count - 1] += bytes(String(line.prefix { $0 != "#" }))
      }
    }
    try #require(examples.count == 3)
    #expect(examples[0] == [0x46, 0xB4, 0xC2, 0xF8, 0x40, 0x40])
    var columns = FloatColumns()
    let (first, second) = (examples[1], examples[2])
    try columns.append(decoding: first.span.bytes, encoding: .xor)
    try columns.append(decoding: second.span.bytes, encoding: .xor2)
    let (times, values, starts) = contents(columns)
    #expect(times == [1000, 2000, 3000, 4005, 1000, 2000, 3000, 4000])
    #expect(values == [1, 2, 2, 3.5, 1, 2, 2, 2].map(\.bitPattern))
    #expect(starts == [0, 0, 0, 0, 500, 500, 2500, 2500])
  }
}
