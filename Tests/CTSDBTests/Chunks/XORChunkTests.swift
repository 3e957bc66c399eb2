import CTSDB
import TestSupport
import Testing

/// 15 s apart, values as they come in series.
private func counter(_ count: Int) -> [FloatSample] {
  (0..<count).map { FloatSample(1_700_000_000_000 + 15_000 * Int64($0), Double($0 * $0)) }
}

@Suite struct XORChunkTests {
  @Test func bytesOfTheFactSheet() {
    let vectors: [([FloatSample], String)] = [
      ([.init(3, 4)], "0001064010000000000000"),
      (
        [.init(1000, 1), .init(2000, 2), .init(3000, 2), .init(4005, 3.5)],
        "0004d00f3ff0000000000000e807c25fff2001760580"
      ),
      ([.init(1000, 1), .init(2000, staleMarker)], "0002d00f3ff0000000000000e807c3f40000000000000020"),
      ([.init(0, 0), .init(0, 0), .init(8192, 0)], "000300000000000000000000500000"),
    ]
    for (samples, bytes) in vectors {
      #expect(hex(encodeXOR(samples).bytes) == bytes)
      #expect(decodeXOR(encodeXOR(samples).bytes).samples == samples)
    }
  }

  @Test func lengthsThatUpstreamsTestsAssert() {
    let steady = (0..<180).map { FloatSample(10_000 + 60_000 * Int64($0), 1) }
    #expect(encodeXOR(Array(steady[..<120])).bytes.count == 46)
    #expect(encodeXOR(Array(steady[120...])).bytes.count == 32)
    var time: Int64 = 10_000
    let worst = (0..<120).map { index in
      defer { time += index % 2 == 0 ? 60_000 : 60_001 }
      return FloatSample(time, index % 2 == 0 ? .greatestFiniteMagnitude : 0)
    }
    #expect(encodeXOR(Array(worst[..<99])).bytes.count == 1008)
    #expect(encodeXOR(Array(worst[99...])).bytes.count == 219)
  }

  @Test(arguments: [
    0, 1, -1, 8191, 8192, 8193, -8191, -8192, 65535, 65536, 65537, -65535, -65536,
    524_287, 524_288, 524_289, -524_287, -524_288, -524_289, Int64.max, Int64.min,
  ])
  func everyEdgeOfTheTimestampCode(dod: Int64) {
    for value in [1.0, 2.0] {
      let samples = [
        FloatSample(0, 1), FloatSample(1_000_000, 1), FloatSample(2_000_000 &+ dod, value),
        FloatSample(3_000_000 &+ dod &* 2, value),
      ]
      let bytes = encodeXOR(samples).bytes
      #expect(bytes == referenceXOR(samples))
      #expect(decodeXOR(bytes).samples == samples)
    }
  }

  @Test func agreesWithTheReference() throws {
    var random = SplitMix64(seed: 11)
    for _ in 0..<(isLongTier ? 20_000 : 1000) {
      let samples = randomSamples(&random, count: 1 + random.below(40)).map { sample in
        var sample = sample
        sample.startMs = 0
        return sample
      }
      let bytes = encodeXOR(samples, batch: 1 + random.below(50)).bytes
      #expect(bytes == referenceXOR(samples))
      #expect(encodeXOR(samples, reopened: true).bytes == referenceXOR(samples, reopened: true))
      #expect(try referenceDecodeXOR(bytes) == samples)
      #expect(decodeXOR(bytes, batch: 1 + random.below(50)).samples == samples)
    }
  }

  @Test func roundTripsOfRandomChunks() {
    var random = SplitMix64(seed: 12)
    for _ in 0..<(isLongTier ? 1_000_000 : 20_000) {
      let samples = randomSamples(&random, count: 1 + random.below(random.below(16) == 0 ? 300 : 20)).map { sample in
        var sample = sample
        sample.startMs = 0
        return sample
      }
      let decoded = decodeXOR(encodeXOR(samples).bytes)
      guard decoded.status == TSDB_OK, decoded.samples == samples else {
        Issue.record("\(samples) became \(decoded)")
        return
      }
    }
  }

  /// Runs of unchanged samples of every length, at every alignment, written and read in batches of several sizes.
  @Test func runsOfUnchangedSamples() {
    for length in 0..<130 {
      for prefix in [1, 2, 3, 7] {
        var samples = counter(prefix)
        let last = samples[prefix - 1]
        for index in 0..<length {
          samples.append(
            FloatSample(last.timestampMs + 15_000 * Int64(index + 1), Double(bitPattern: last.valueBits)))
        }
        if length % 3 == 0 { samples.append(FloatSample(samples.last!.timestampMs + 15_003, 5)) }
        let bytes = encodeXOR(samples).bytes
        #expect(bytes == referenceXOR(samples))
        #expect(encodeXOR(samples, batch: 5).bytes == bytes)
        for batch in [1, 3, 28, 29, 64, 1000] {
          #expect(decodeXOR(bytes, batch: batch).samples == samples)
          tsdb_cpu_features_forbid(.max)
          #expect(decodeXOR(bytes, batch: batch).samples == samples, "without special instructions")
          tsdb_cpu_features_forbid(0)
        }
      }
    }
  }

  @Test func everyTruncationIsNoticed() {
    var random = SplitMix64(seed: 13)
    for round in 0..<40 {
      let bytes = encodeXOR(round == 0 ? counter(120) : randomSamples(&random, count: 60)).bytes
      for size in 0..<bytes.count {
        let (status, _) = decodeXOR(Array(bytes[..<size]))
        #expect(status == TSDB_ERR_TRUNCATED, "\(size) of \(bytes.count) bytes")
      }
    }
  }

  /// An error or values, never a crash, and the same as the reference where that decodes too.
  @Test func everyFlippedBit() {
    var random = SplitMix64(seed: 14)
    for round in 0..<6 {
      let bytes = encodeXOR(round == 0 ? counter(60) : randomSamples(&random, count: 30)).bytes
      for bit in 0..<(bytes.count * 8) {
        var flipped = bytes
        flipped[bit / 8] ^= 0x80 >> UInt8(bit % 8)
        let whole = decodeXOR(flipped)
        let piecewise = decodeXOR(flipped, batch: 7)
        #expect(whole.status == piecewise.status)
        guard whole.status == TSDB_OK else { continue }
        #expect(whole.samples == piecewise.samples)
        #expect((try? referenceDecodeXOR(flipped)) == whole.samples)
      }
    }
  }

  @Test func anErrorLeavesTheCursorWhereItWas() {
    let bytes = encodeXOR(counter(100)).bytes
    withExactBytes(Array(bytes.dropLast())) { src, size in
      var cursor = tsdb_xor_cursor()
      var times = [Int64](repeating: 0, count: 100)
      var values = [Double](repeating: 0, count: 100)
      #expect(tsdb_xor_cursor_init(&cursor, src, size) == TSDB_OK)
      var count = 0
      #expect(tsdb_xor_decode(&cursor, src, size, &times, &values, 0, &count) == TSDB_OK && count == 0)
      #expect(tsdb_xor_decode(&cursor, src, size, &times, &values, 50, &count) == TSDB_OK && count == 50)
      let position = cursor.position_bits
      for _ in 0..<2 {
        #expect(tsdb_xor_decode(&cursor, src, size, &times, &values, 50, &count) == TSDB_ERR_TRUNCATED && count == 50)
        #expect(cursor.position_bits == position && cursor.decoded == 50)
      }
      #expect(tsdb_xor_decode(&cursor, src, size, &times, &values, 20, &count) == TSDB_OK && count == 20)
      #expect(times[0] == 1_700_000_000_000 + 15_000 * 50)
    }
  }

  @Test func everyTooSmallDestinationIsRefused() {
    var random = SplitMix64(seed: 15)
    for round in 0..<20 {
      let samples = round == 0 ? counter(120) : randomSamples(&random, count: 50)
      let bytes = encodeXOR(samples).bytes
      for capacity in 0..<bytes.count {
        #expect(encodeXOR(samples, capacity: capacity).status == TSDB_ERR_CAPACITY)
      }
      #expect(encodeXOR(samples, capacity: bytes.count).bytes == bytes)
    }
  }

  /// After an append that did not fit, the chunk is what it was, and appending what fits goes on from there.
  @Test func anAppendThatDoesNotFitChangesNothing() {
    let samples = counter(40)
    let bytes = encodeXOR(samples).bytes
    let times = samples.map(\.timestampMs)
    let values = samples.map { Double(bitPattern: $0.valueBits) }
    var dst = [UInt8](repeating: 0xEE, count: bytes.count)
    var appender = tsdb_xor_appender()
    var limits = tsdb_append_limits_none()
    var (size, appended) = (0, 0)
    #expect(tsdb_xor_appender_init(&appender, &dst, dst.count, &size) == TSDB_OK)
    #expect(tsdb_xor_append(&appender, &dst, dst.count, times, values, 20, &limits, &appended, &size) == TSDB_OK)
    let before = Array(dst[..<size])
    #expect(
      tsdb_xor_append(
        &appender, &dst, size + 3, Array(times[20...]), Array(values[20...]), 20, &limits, &appended, &size)
        == TSDB_ERR_CAPACITY)
    #expect(appended == 0 && Array(dst[..<size]) == before && decodeXOR(before).samples == Array(samples[..<20]))
    #expect(
      tsdb_xor_append(
        &appender, &dst, dst.count, Array(times[20...]), Array(values[20...]), 20, &limits, &appended, &size) == TSDB_OK
    )
    #expect(dst == bytes)
  }

  @Test func theBoundHolds() {
    for count in [0, 1, 2, 3, 120, 1000] {
      let samples = (0..<count).map { index in
        FloatSample(index % 2 == 0 ? .min : .max, Double(bitPattern: index % 2 == 0 ? 0x8000_0000_0000_0001 : 0))
      }
      let (status, bytes) = encodeXOR(samples)
      #expect(
        status == TSDB_OK && bytes.count <= tsdb_xor_bound(count) && decodeXOR(bytes).samples == samples || count == 0)
    }
  }

  @Test func sample65536IsRefused() {
    let samples = (0..<65536).map { FloatSample(Int64($0), 1) }
    let (status, bytes) = encodeXOR(samples, batch: 1000)
    #expect(status == TSDB_ERR_FULL && bytes[0] == 0xFF && bytes[1] == 0xFF)
    #expect(decodeXOR(bytes).samples == Array(samples[..<65535]))
    #expect(encodeXOR(samples, batch: 65536).bytes == bytes)
  }

  @Test func limitsStopACall() {
    let samples = counter(100)
    let times = samples.map(\.timestampMs)
    let values = [Double](repeating: 1, count: 100)
    func append(_ limits: tsdb_append_limits) -> (appended: Int, size: Int) {
      var limits = limits
      var dst = [UInt8](repeating: 0, count: 4096)
      var appender = tsdb_xor_appender()
      var (size, appended) = (0, 0)
      #expect(tsdb_xor_appender_init(&appender, &dst, dst.count, &size) == TSDB_OK)
      #expect(tsdb_xor_append(&appender, &dst, dst.count, times, values, 100, &limits, &appended, &size) == TSDB_OK)
      return (appended, size)
    }
    var limits = tsdb_append_limits_none()
    #expect(append(limits).appended == 100)
    for count in 0...100 {
      limits = tsdb_append_limits_none()
      limits.samples_max = UInt32(count)
      #expect(append(limits).appended == count)
      limits = tsdb_append_limits_none()
      limits.has_time_end = true
      limits.time_end_ms = times[0] + 15_000 * Int64(count)
      #expect(append(limits).appended == count)
      limits.time_end_ms -= 1
      #expect(append(limits).appended == count)
    }
    // A sample is started as long as the chunk is not longer than the limit.
    for limit in 2..<44 {
      limits = tsdb_append_limits_none()
      limits.size_bytes_max = limit
      let (appended, size) = append(limits)
      #expect(size > limit || appended == 100)
      var fewer = limits
      fewer.samples_max = UInt32(appended - 1)
      #expect(append(fewer).size <= limit)
    }
  }

  /// An appender opened on a constant series takes (0, 0) for its window; one that had been there all the time has none.
  @Test func reopeningAfterAConstantSeriesWritesTheReuseForm() {
    let constant = (0..<10).map { FloatSample(1000 * Int64($0), 1) }
    let changed = constant + [FloatSample(10_000, 2), FloatSample(11_000, 3)]
    let (_, bytes) = encodeXOR(constant)
    var appender = tsdb_xor_appender()
    #expect(tsdb_xor_appender_open(&appender, bytes, bytes.count, false) == TSDB_OK)
    var dst = bytes + [UInt8](repeating: 0, count: 100)
    var limits = tsdb_append_limits_none()
    var (size, appended) = (0, 0)
    #expect(
      tsdb_xor_append(&appender, &dst, dst.count, [10_000, 11_000], [2, 3], 2, &limits, &appended, &size) == TSDB_OK)
    #expect(Array(dst[..<size]) == referenceXOR(changed, reopened: true))
    #expect(Array(dst[..<size]) != referenceXOR(changed))
    #expect(decodeXOR(Array(dst[..<size])).samples == changed)
  }

  @Test func reopeningAnywhereElseGoesOnAsIfNothingHappened() {
    var random = SplitMix64(seed: 16)
    for _ in 0..<200 {
      let samples = counter(2) + randomSamples(&random, count: 30)
      let cut = 3 + random.below(20)
      let (_, bytes) = encodeXOR(Array(samples[..<cut]))
      var appender = tsdb_xor_appender()
      #expect(tsdb_xor_appender_open(&appender, bytes, bytes.count, false) == TSDB_OK)
      var dst = bytes + [UInt8](repeating: 0xEE, count: tsdb_xor_bound(samples.count))
      var limits = tsdb_append_limits_none()
      var (size, appended) = (0, 0)
      let rest = samples[cut...]
      #expect(
        tsdb_xor_append(
          &appender, &dst, dst.count, rest.map(\.timestampMs), rest.map { Double(bitPattern: $0.valueBits) },
          rest.count,
          &limits, &appended, &size) == TSDB_OK)
      #expect(Array(dst[..<size]) == referenceXOR(samples))
    }
  }

  /// Prometheus forgets how many bits of the last byte are free when it is given a chunk as bytes.
  @Test func reopeningAtAByteContinuesBehindTheLastOne() {
    let (_, bytes) = encodeXOR(counter(10))
    var appender = tsdb_xor_appender()
    #expect(tsdb_xor_appender_open(&appender, bytes, bytes.count, true) == TSDB_OK)
    #expect(appender.position_bits == UInt64(bytes.count * 8) && appender.count == 10)
    var empty: [UInt8] = [0, 0]
    #expect(tsdb_xor_appender_open(&appender, &empty, 2, true) == TSDB_OK)
    #expect(appender.leading_bits == UInt8(TSDB_XOR_NO_WINDOW) && appender.position_bits == 16)
    #expect(tsdb_xor_appender_open(&appender, &empty, 1, true) == TSDB_ERR_TRUNCATED)
  }

  private func verdict(_ bytes: [UInt8]) -> (status: tsdb_status, reason: String?) {
    withExactBytes(bytes) { src, size in
      var reason: UnsafePointer<CChar>?
      let status = tsdb_xor_validate(src, size, &reason)
      return (status, reason.map { String(cString: $0) })
    }
  }

  @Test func validationTellsWhatIsWrong() {
    let good = encodeXOR(counter(120)).bytes
    #expect(verdict(good) == (TSDB_OK, nil))
    #expect(verdict([]) == (TSDB_ERR_TRUNCATED, "shorter than its sample counter"))
    #expect(verdict([0, 0]) == (TSDB_ERR_MALFORMED, "counts no samples"))
    #expect(verdict(Array(good.dropLast())) == (TSDB_ERR_TRUNCATED, "holds fewer samples than its counter says"))
    #expect(verdict(good + [0, 0]) == (TSDB_ERR_MALFORMED, "has bytes behind its last sample"))
    // One sample ends on a byte boundary: the zero byte that Prometheus before 3.0 left is no defect, another is.
    let one = encodeXOR(counter(1)).bytes
    #expect(verdict(one + [0]) == (TSDB_OK, nil))
    #expect(verdict(one + [1]) == (TSDB_ERR_MALFORMED, "has bytes behind its last sample"))
    #expect(decodeXOR(one + [0]).samples == counter(1))
    let disorder = encodeXOR([.init(5, 1), .init(5, 1)]).bytes
    #expect(verdict(disorder) == (TSDB_ERR_ORDER, "has timestamps that do not ascend"))
    var padded = encodeXOR([.init(5, 1), .init(6, 1)]).bytes
    padded[padded.count - 1] |= 1
    #expect(verdict(padded) == (TSDB_ERR_MALFORMED, "has bits set behind its last sample"))
    // A window of 31 leading zeros and 34 bits.
    var sink = BitSink()
    sink.put(2, 16)
    sink.putVarint(5)
    sink.put(0, 64)
    sink.putUvarint(1)
    sink.put("11 11111 100010")
    sink.put(0, 64)
    #expect(verdict(sink.bytes) == (TSDB_ERR_MALFORMED, "has a field that no encoder writes"))
    #expect(decodeXOR(sink.bytes).status == TSDB_ERR_MALFORMED)
  }

  @Test func aChunkOfNoSamplesIsAnError() {
    #expect(decodeXOR([0, 0]).status == TSDB_ERR_MALFORMED)
    #expect(decodeXOR([0]).status == TSDB_ERR_TRUNCATED)
  }
}
