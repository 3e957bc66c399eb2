import CTSDB
import Testing

@Suite struct ChunkCutTests {
  @Test func aRangeEndsAtTheNextMultiple() {
    var end: Int64 = 0
    for (time, expected) in [
      (0, 7_200_000), (7_199_999, 7_200_000), (7_200_000, 14_400_000), (-1, 7_200_000), (-7_200_001, 0),
    ]
      as [(Int64, Int64)]
    {
      #expect(tsdb_chunk_range_end(time, 7_200_000, &end) && end == expected)
    }
    #expect(!tsdb_chunk_range_end(.max, 7_200_000, &end))
  }

  @Test func predictionsFillTheRange() {
    // 30 samples in 435 s, 7200 s in the range: 4.1 chunks of that kind, so four of equal length.
    #expect(tsdb_chunk_predict_end(0, 435_000, 7_200_000, 4) == 1_800_000)
    // A third of the range for a quarter of a chunk: one chunk.
    #expect(tsdb_chunk_predict_end(0, 2_400_000, 7_200_000, 4) == 7_200_000)
    #expect(tsdb_chunk_predict_end(0, 1_799_999, 7_200_000, 4) == 7_200_000)
    #expect(tsdb_chunk_predict_end(100, 100, 200, 4) == 104)
    #expect(tsdb_chunk_predict_end(.min, .max, .max, 4) == .max)
  }

  /// The cuts of a whole series, as (samples, bytes).
  private func cuts(_ samples: [FloatSample], range: Int64 = 7_200_000) -> [[Int]] {
    var result: [[Int]] = []
    var dst = [UInt8](repeating: 0, count: 2000)
    var appender = tsdb_xor_appender()
    var cut = tsdb_chunk_cut()
    var (size, appended, done) = (0, 0, 0)
    while done < samples.count {
      tsdb_chunk_cut_start(&cut, samples[done].timestampMs, range, 120)
      _ = tsdb_xor_appender_init(&appender, &dst, dst.count, &size)
      repeat {
        var limits = tsdb_chunk_cut_float_limits(&cut, appender.count, appender.timestamp_ms)
        let rest = samples[done...]
        _ = tsdb_xor_append(
          &appender, &dst, dst.count, rest.map(\.timestampMs), rest.map { Double(bitPattern: $0.valueBits) },
          rest.count,
          &limits, &appended, &size)
        done += appended
      } while appended > 0
      result.append([Int(appender.count), size])
    }
    return result
  }

  @Test func upstreamsCases() {
    let steady = (0..<180).map { FloatSample(10_000 + 60_000 * Int64($0), 1) }
    #expect(cuts(steady) == [[120, 46], [60, 32]])
    var time: Int64 = 10_000
    let worst = (0..<120).map { index in
      defer { time += index % 2 == 0 ? 60_000 : 60_001 }
      return FloatSample(time, index % 2 == 0 ? .greatestFiniteMagnitude : 0)
    }
    #expect(cuts(worst, range: 1_000_000_000).map { $0 } == [[99, 1008], [21, 219]])
  }

  @Test func aRateThatGrowsEndsAtTwiceTheSamples() {
    // 30 samples a minute apart promise an end in an hour or more; then one arrives every 10 ms.
    let samples =
      (0..<30).map { FloatSample(60_000 * Int64($0), 1) }
      + (0..<1000).map { FloatSample(1_740_010 + 10 * Int64($0), 1) }
    #expect(cuts(samples).first?[0] == 240)
  }
}
