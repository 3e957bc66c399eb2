import Storage
import TSModel
import TestSupport
import Testing

@Suite struct FloatChunkBuilderTests {
  private func sizes(_ chunks: [EncodedChunk]) -> [[Int]] { chunks.map { [$0.sampleCount, $0.bytes.count] } }

  @Test func upstreamsCuts() throws {
    var builder = FloatChunkBuilder()
    for index in 0..<180 { try builder.append(timestampMs: 10_000 + 60_000 * Int64(index), value: 1) }
    let steady = builder.finish()
    #expect(sizes(steady) == [[120, 46], [60, 32]])
    #expect(steady[0].minTimeMs == 10_000 && steady[0].maxTimeMs == 7_150_000 && steady[1].minTimeMs == 7_210_000)

    var worst = FloatChunkBuilder(chunkRangeMs: 1_000_000_000)
    var time: Int64 = 10_000
    for index in 0..<120 {
      try worst.append(timestampMs: time, value: index % 2 == 0 ? .greatestFiniteMagnitude : 0)
      time += index % 2 == 0 ? 60_000 : 60_001
    }
    #expect(sizes(worst.finish()) == [[99, 1008], [21, 219]])
  }

  @Test func noChunkCrossesItsRange() throws {
    var builder = FloatChunkBuilder()
    for index in 0..<1000 { try builder.append(timestampMs: 7_000_000 + 15_000 * Int64(index), value: Double(index)) }
    let chunks = builder.finish()
    for chunk in chunks { #expect(chunk.minTimeMs / 7_200_000 == chunk.maxTimeMs / 7_200_000) }
    #expect(chunks.map(\.sampleCount).reduce(0, +) == 1000)
  }

  @Test func columnsAndSingleSamplesGiveTheSameChunks() throws {
    var random = SplitMix64(seed: 31)
    for encoding in [ChunkEncoding.xor, .xor2] {
      var (times, values, starts): ([Int64], [Double], [Int64]) = ([], [], [])
      var time: Int64 = 1_700_000_000_000
      for _ in 0..<3000 {
        time += 1 + Int64(random.below(random.below(10) == 0 ? 100_000 : 15_000))
        times.append(time)
        values.append(random.below(3) == 0 ? random.unit() : Double(random.below(50)))
        starts.append(random.below(100) == 0 ? time - 1 : starts.last ?? 0)
      }
      var single = FloatChunkBuilder(encoding: encoding)
      for index in 0..<3000 {
        try single.append(timestampMs: times[index], value: values[index], startTimestampMs: starts[index])
      }
      var whole = FloatChunkBuilder(encoding: encoding)
      var done = 0
      while done < 3000 {
        let end = min(3000, done + 1 + random.below(300))
        let (t, v, s) = (Array(times[done..<end]), Array(values[done..<end]), Array(starts[done..<end]))
        try whole.append(timestampsMs: t.span, values: v.span, startTimestampsMs: s.span)
        done = end
      }
      let chunks = whole.finish()
      #expect(chunks == single.finish())

      var columns = FloatColumns()
      for chunk in chunks {
        let defect = floatChunkDefect(chunk.bytes.span.bytes, encoding: encoding)
        #expect(defect == nil)
        #expect(columns.count == 0 || chunk.minTimeMs > columns.timestampsMs[columns.count - 1])
        try columns.append(decoding: chunk.bytes.span.bytes, encoding: chunk.encoding)
        #expect(columns.timestampsMs[columns.count - 1] == chunk.maxTimeMs)
      }
      #expect((0..<columns.count).map { columns.timestampsMs[$0] } == times)
      #expect((0..<columns.count).map { columns.values[$0] } == values)
      if encoding == .xor2 { #expect((0..<columns.count).map { columns.startTimestampsMs[$0] } == starts) }
    }
  }

  @Test func disorderIsRefusedAndChangesNothing() throws {
    var builder = FloatChunkBuilder()
    try builder.append(timestampMs: 10, value: 1)
    #expect(throws: StorageError.self) { try builder.append(timestampMs: 10, value: 2) }
    let (times, values): ([Int64], [Double]) = ([11, 12, 12], [1, 2, 3])
    func append(_ times: [Int64], _ values: [Double]) throws {
      try builder.append(timestampsMs: times.span, values: values.span)
    }
    #expect(throws: StorageError.self) { try append(times, values) }
    #expect(throws: StorageError.self) { try append(times, [1, 2]) }
    #expect(builder.openSampleCount == 1)
    #expect(sizes(builder.finish()) == [[1, 11]])
    // Finished, it takes a series of any time.
    try builder.append(timestampMs: 5, value: 1)
    #expect(builder.finish().first?.minTimeMs == 5)
  }

  @Test func theEndsOfTimeAreTaken() throws {
    var builder = FloatChunkBuilder()
    for time in [Int64.min, .min + 1, -1, 0, .max - 1, .max] { try builder.append(timestampMs: time, value: 1) }
    let chunks = builder.finish()
    #expect(chunks.map(\.sampleCount).reduce(0, +) == 6 && chunks.last?.maxTimeMs == .max)
  }
}
