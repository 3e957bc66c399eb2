import CTSDB
import TestSupport
import Testing

@Suite struct XOR2ChunkTests {
  @Test func bytesOfTheFactSheet() {
    let vectors: [([FloatSample], String)] = [
      (
        [.init(1000, 1), .init(2000, 2), .init(3000, 2), .init(4005, 3.5)],
        "000400d00f3ff0000000000000e807c12fffb0017302c0"
      ),
      (
        [.init(1000, 1), .init(2000, 2), .init(3000, staleMarker), .init(4000, 2)],
        "000400d00f3ff0000000000000e807c12ffffc"
      ),
      (
        [
          .init(1000, 1, start: 500), .init(2000, 2, start: 500), .init(3000, 2, start: 2500),
          .init(4000, 2, start: 2500),
        ],
        "000482d00f3ff0000000000000e807e807c12fffbdc18f1f40"
      ),
    ]
    for (samples, bytes) in vectors {
      #expect(hex(encodeXOR2(samples).bytes) == bytes)
      #expect(decodeXOR2(encodeXOR2(samples).bytes).samples == samples)
    }
  }

  @Test func sample127IsTheFirstChangeIfNoneCameEarlier() {
    let samples = (0..<300).map { FloatSample(1000 * Int64($0), Double($0)) }
    for (count, header) in [(127, "007f00"), (128, "00807f"), (300, "012c7f")] {
      let bytes = encodeXOR2(Array(samples[..<count])).bytes
      #expect(hex(bytes[..<3]) == header && bytes == referenceXOR2(Array(samples[..<count])))
      #expect(decodeXOR2(bytes).samples == Array(samples[..<count]))
    }
    // A start that first appears behind that sample is kept.
    for first in [1, 2, 126, 127, 128, 129, 200] {
      var late = samples
      for index in first..<300 { late[index].startMs = late[index].timestampMs - 10 }
      let bytes = encodeXOR2(late, batch: 50).bytes
      #expect(Int(bytes[2]) == min(first, 127) && bytes == referenceXOR2(late))
      #expect(decodeXOR2(bytes).samples == late)
    }
  }

  @Test(arguments: [0, 1, -1, 4095, 4096, -4096, -4097, 524_287, 524_288, -524_288, -524_289, Int64.max, Int64.min])
  func everyEdgeOfTheTimestampCode(dod: Int64) {
    for value in [1.0, 2.0, staleMarker, .nan] {
      for start in [Int64(0), 7] {
        let samples = [
          FloatSample(0, 1), FloatSample(1_000_000, 1), FloatSample(2_000_000 &+ dod, value, start: start),
          FloatSample(3_000_000 &+ dod &* 2, 1),
        ]
        let bytes = encodeXOR2(samples).bytes
        #expect(bytes == referenceXOR2(samples))
        #expect(decodeXOR2(bytes).samples == samples)
      }
    }
  }

  /// The stale marker changes neither the baseline nor the window, wherever it stands.
  @Test func staleMarkersDoNotChangeTheBaseline() {
    for values in [
      [staleMarker, 0, 1], [staleMarker, staleMarker, 0], [1, staleMarker, 1], [1, staleMarker, 2],
      [1, 2, staleMarker, 2, 3], [-0.0, staleMarker, 0],
    ] {
      for step in [Int64(0), 5] {
        let samples = values.enumerated().map { index, value in
          FloatSample(1000 * Int64(index) + step * Int64(index * index), value)
        }
        let bytes = encodeXOR2(samples).bytes
        #expect(bytes == referenceXOR2(samples) && decodeXOR2(bytes).samples == samples)
      }
    }
  }

  @Test func agreesWithTheReference() {
    var random = SplitMix64(seed: 21)
    for round in 0..<(isLongTier ? 20_000 : 1000) {
      let samples = randomSamples(&random, count: 1 + random.below(round % 20 == 0 ? 200 : 40))
      let bytes = encodeXOR2(samples, batch: 1 + random.below(50)).bytes
      #expect(bytes == referenceXOR2(samples))
      #expect(decodeXOR2(bytes, batch: 1 + random.below(50)).samples == samples)
    }
  }

  @Test func roundTripsOfRandomChunks() {
    var random = SplitMix64(seed: 22)
    for _ in 0..<(isLongTier ? 1_000_000 : 20_000) {
      let samples = randomSamples(&random, count: 1 + random.below(random.below(16) == 0 ? 300 : 20))
      let decoded = decodeXOR2(encodeXOR2(samples).bytes)
      guard decoded.status == TSDB_OK, decoded.samples == samples else {
        Issue.record("\(samples) became \(decoded)")
        return
      }
    }
  }

  @Test func everyTruncationIsNoticed() {
    var random = SplitMix64(seed: 23)
    for _ in 0..<40 {
      let bytes = encodeXOR2(randomSamples(&random, count: 60)).bytes
      for size in 0..<bytes.count { #expect(decodeXOR2(Array(bytes[..<size])).status == TSDB_ERR_TRUNCATED) }
    }
  }

  @Test func everyFlippedBit() {
    var random = SplitMix64(seed: 24)
    for _ in 0..<6 {
      let bytes = encodeXOR2(randomSamples(&random, count: 30)).bytes
      for bit in 0..<(bytes.count * 8) {
        var flipped = bytes
        flipped[bit / 8] ^= 0x80 >> UInt8(bit % 8)
        let whole = decodeXOR2(flipped)
        let piecewise = decodeXOR2(flipped, batch: 7)
        #expect(whole.status == piecewise.status)
        if whole.status == TSDB_OK { #expect(whole.samples == piecewise.samples) }
      }
    }
  }

  @Test func everyTooSmallDestinationIsRefused() {
    var random = SplitMix64(seed: 25)
    for _ in 0..<20 {
      let samples = randomSamples(&random, count: 50)
      let bytes = encodeXOR2(samples).bytes
      for capacity in 0..<bytes.count { #expect(encodeXOR2(samples, capacity: capacity).status == TSDB_ERR_CAPACITY) }
      #expect(encodeXOR2(samples, capacity: bytes.count).bytes == bytes)
    }
  }

  @Test func sample65536IsRefused() {
    let samples = (0..<65536).map { FloatSample(Int64($0), 1) }
    let (status, bytes) = encodeXOR2(samples, batch: 1000)
    #expect(status == TSDB_ERR_FULL && bytes[0] == 0xFF && bytes[1] == 0xFF)
    #expect(decodeXOR2(bytes).samples == Array(samples[..<65535]))
  }

  /// The bit at which the last sample ends is recovered, and so is all about start timestamps.
  @Test func reopeningGoesOnAsIfNothingHappened() {
    var random = SplitMix64(seed: 26)
    for _ in 0..<300 {
      // The first two samples set a window: without one, a re-opened appender takes (0, 0) for it.
      let samples = [FloatSample(0, 1), FloatSample(10, 2)] + randomSamples(&random, count: 150)
      let cut = 2 + random.below(149)
      let (_, bytes) = encodeXOR2(Array(samples[..<cut]))
      var appender = tsdb_xor2_appender()
      #expect(tsdb_xor2_appender_open(&appender, bytes, bytes.count) == TSDB_OK)
      var dst = bytes + [UInt8](repeating: 0xEE, count: tsdb_xor2_bound(samples.count))
      var limits = tsdb_append_limits_none()
      var (size, appended) = (0, 0)
      let rest = samples[cut...]
      #expect(
        tsdb_xor2_append(
          &appender, &dst, dst.count, rest.map(\.timestampMs), rest.map { Double(bitPattern: $0.valueBits) },
          rest.map(\.startMs), rest.count, &limits, &appended, &size) == TSDB_OK)
      #expect(Array(dst[..<size]) == encodeXOR2(samples).bytes)
    }
  }

  @Test func validationTellsWhatIsWrong() {
    func verdict(_ bytes: [UInt8]) -> String? {
      withExactBytes(bytes) { src, size in
        var reason: UnsafePointer<CChar>?
        _ = tsdb_xor2_validate(src, size, &reason)
        return reason.map { String(cString: $0) }
      }
    }
    let good = encodeXOR2((0..<150).map { FloatSample(Int64($0), Double($0)) }).bytes
    #expect(verdict(good) == nil)
    #expect(verdict([0, 1]) == "shorter than its header")
    #expect(verdict([0, 0, 0]) == "counts no samples")
    #expect(verdict(Array(good.dropLast())) == "holds fewer samples than its counter says")
    #expect(verdict(good + [0, 0]) == "has bytes behind its last sample")
    #expect(verdict(encodeXOR2([.init(5, 1), .init(4, 1)]).bytes) == "has timestamps that do not ascend")
  }
}
