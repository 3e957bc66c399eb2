import CTSDB
import TestSupport
import Testing

/// The newest sample out of encoded chunks is the one that a selector finds in their columns.
@Suite struct ChunksNewestTests {
  /// A series: samples, and the bytes of the chunks that they are cut into.
  private struct Series {
    var samples: [FloatSample] = []
    var chunks: [(times: ClosedRange<Int64>, bytes: [UInt8])] = []

    init(_ random: inout SplitMix64) {
      var time = Int64(random.below(10_000))
      for _ in 0..<random.below(4) {
        let count = 1 + random.below(random.below(5) == 0 ? 400 : 130)
        let part = (0..<count).map { _ in
          time += 1 + Int64(random.below(30_000))
          return random.below(6) == 0
            ? FloatSample(time, Double(bitPattern: absentBits)) : FloatSample(time, random.unit() * 100)
        }
        samples += part
        chunks.append((part[0].timestampMs...part[count - 1].timestampMs, encodeXOR(part).bytes))
      }
    }

    /// The bits of the value that a selector yields.
    func newest(at time: Int64, _ lookback: Int64) -> UInt64 {
      guard let last = samples.last(where: { $0.timestampMs <= time }), last.timestampMs > time - lookback else {
        return absentBits
      }
      return last.valueBits
    }
  }

  private func newest(
    _ series: [[(times: ClosedRange<Int64>, bytes: [UInt8])]], at time: Int64, lookback: Int64,
    encoding: UInt8 = UInt8(TSDB_CHUNK_XOR)
  ) -> (values: [UInt64], left: [Int]) {
    var chunks: [tsdb_wire_chunk] = []
    var starts = [0]
    var memory: [UnsafeMutableBufferPointer<UInt8>] = []
    defer { for piece in memory { piece.deallocate() } }
    for own in series {
      for chunk in own {
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: chunk.bytes.count)
        _ = copy.initialize(fromContentsOf: chunk.bytes)
        memory.append(copy)
        chunks.append(
          tsdb_wire_chunk(
            min_time_ms: chunk.times.lowerBound, max_time_ms: chunk.times.upperBound,
            data: UnsafePointer(copy.baseAddress), size: UInt32(copy.count), encoding: encoding))
      }
      starts.append(chunks.count)
    }
    var values = [Double](repeating: 1, count: series.count)
    var left = [Int](repeating: -1, count: series.count)
    var sampleCount: UInt64 = 0
    let count = tsdb_chunks_newest(&chunks, starts, series.count, time, lookback, &values, &left, &sampleCount)
    #expect(sampleCount <= UInt64(series.joined().count * 65_535))
    return (values.map(\.bitPattern), Array(left.prefix(count)))
  }

  @Test func newestSamplesAreThoseOfTheColumns() {
    var random = SplitMix64(seed: 77)
    var (present, absent) = (0, 0)
    for _ in 0..<200 {
      let series = (0..<20).map { _ in Series(&random) }
      for _ in 0..<10 {
        let time = Int64(random.below(8_000_000))
        let lookback = Int64(1 + random.below(400_000))
        let result = newest(series.map(\.chunks), at: time, lookback: lookback)
        #expect(result.left.isEmpty)
        let expected = series.map { $0.newest(at: time, lookback) }
        #expect(result.values == expected)
        present += expected.count { $0 != absentBits }
        absent += expected.count { $0 == absentBits }
      }
    }
    #expect(present > 1000 && absent > 1000)
  }

  @Test func seriesThatAreNotPlainAreLeft() {
    let first = (0..<10).map { FloatSample(Int64($0) * 1000, Double($0)) }
    let second = (0..<10).map { FloatSample(Int64($0) * 1000 + 5500, Double($0)) }
    let plain = (times: Int64(0)...9000, bytes: encodeXOR(first).bytes)
    let overlapping = (times: Int64(5500)...14_500, bytes: encodeXOR(second).bytes)
    let backwards = encodeXOR([FloatSample(1000, 1), FloatSample(900, 2), FloatSample(1100, 3)]).bytes
    let result = newest(
      [
        [plain], [plain, overlapping], [overlapping, plain], [(0...9000, Array(plain.bytes.dropLast(3)))], [],
        [(900...1100, backwards)], [(0...9000, [])], [(-5...9000, encodeXOR(second).bytes)],
      ], at: 5000, lookback: 300_000)
    #expect(result.left == [1, 2, 3, 5, 6, 7])
    #expect(result.values[0] == (5.0).bitPattern && result.values[4] == absentBits)
    #expect(newest([[plain]], at: 5000, lookback: 300_000, encoding: 2).left == [0])
    // Chunks that are too old are not looked at.
    #expect(newest([[(0...9000, [])]], at: 400_000, lookback: 300_000).left.isEmpty)
  }

  @Test func anyBytesAreReadOrLeft() {
    var random = SplitMix64(seed: 3)
    let bytes = Series(&random).chunks.first?.bytes ?? encodeXOR([FloatSample(1, 1), FloatSample(2, 2)]).bytes
    for index in bytes.indices {
      _ = newest([[(0...10_000_000, Array(bytes[..<index]))]], at: 10_000_000, lookback: 10_000_000)
      for bit in 0..<8 {
        var flipped = bytes
        flipped[index] ^= 1 << bit
        _ = newest([[(0...10_000_000, flipped)]], at: 5_000_000, lookback: 10_000_000)
      }
    }
  }

  @Test func timesAtTheEndsOfTheirRange() {
    let samples = [FloatSample(.min, 1), FloatSample(.max, 2)]
    let chunk = (times: Int64.min...Int64.max, bytes: encodeXOR(samples).bytes)
    #expect(newest([[chunk]], at: .max, lookback: 1).values == [(2.0).bitPattern])
    #expect(newest([[chunk]], at: .min, lookback: .max).left.count <= 1)
  }
}
