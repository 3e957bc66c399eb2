// Histogram chunks against golden lengths, the slow reference, damage of every kind, and themselves.
import CTSDB
import TestSupport
import Testing

private let encodings: [UInt8] = [2, 3, 5, 6]

extension ReferenceSample {
  /// The sample that appending `sample` must give back.
  init(_ sample: Sample, isFloat: Bool, hasStarts: Bool) {
    func number(_ value: UInt64) -> UInt64 { isFloat ? (Double(value) / sample.scale).bitPattern : value }
    let isStale = sample.sum.bitPattern == stale.bitPattern
    self.init(
      timestampMs: sample.timestampMs, startTimestampMs: hasStarts ? sample.startTimestampMs : 0,
      count: isStale ? 0 : number(sample.count), zeroCount: isStale ? 0 : number(sample.zeroCount),
      sumBits: sample.sum.bitPattern, buckets: [])
  }
}

@Suite struct HistogramChunkTests {
  /// A few chunks of every encoding, with recoding, stale markers and start timestamps.
  private func chunks(_ encoding: UInt8, seeds: Range<UInt64>, samples: Int) throws -> [[UInt8]] {
    try seeds.map { seed in
      let appender = try Appender(encoding)
      var walk = SampleWalk(seed: seed)
      for _ in 0..<samples { _ = appender.append(walk.next()) }
      return appender.bytes
    }
  }

  /// formats.md 33.2: lengths that Prometheus' own tests assert.
  @Test(arguments: [
    (spans: 1, first: UInt64(30), counts: [120, 120], lengths: [1087, 1039]),
    (spans: 10, first: 2550, counts: [40, 40, 40, 30, 30, 30, 30], lengths: [896, 899, 896, 690, 691, 694, 693]),
    (spans: 10_000, first: 2_500_050_000, counts: [10, 1], lengths: [200_103, 87_540]),
  ])
  func knownSamplesGiveChunksOfKnownLength(_ known: (spans: Int, first: UInt64, counts: [Int], lengths: [Int])) throws {
    let appender = try Appender(2)
    var index = 0
    for (count, length) in zip(known.counts, known.lengths) {
      tsdb_histogram_appender_begin(appender.pointer, 0)
      for _ in 0..<count {
        var sample = Sample(timestampMs: 10_000 + 60_000 * Int64(index), schema: 2, zeroThreshold: 1e-128)
        sample.positiveSpans = .init(repeating: span(1, 5), count: known.spans)
        sample.negativeSpans = sample.positiveSpans
        // All stored values are 1: absolute counts that rise by 1 on each side.
        let side = (1...Int64(5 * known.spans)).map { $0 }
        sample.buckets = side + side
        sample.count = known.first + UInt64(index)
        sample.zeroCount = UInt64(index)
        sample.sum = 18.4 * Double(index + 1)
        #expect(appender.append(sample).status == TSDB_OK)
        index += 1
      }
      #expect(appender.bytes.count == length)
    }
  }

  @Test(arguments: encodings)
  func randomChunksRoundTripAndAgreeWithTheReference(_ encoding: UInt8) throws {
    let isFloat = encoding == 3 || encoding == 6
    let chunkCount: UInt64 = isLongTier ? 250_000 : 1_250
    for seed in 0..<chunkCount {
      let appender = try Appender(encoding)
      var walk = SampleWalk(seed: seed &* 4 &+ UInt64(encoding))
      var expected: [ReferenceSample] = []
      var last: [[Int32: Int64]] = []
      let length = 1 + walk.random.below(seed % 50 == 0 ? 150 : 12)
      for index in 0..<length {
        var sample = walk.next()
        if index == length - 1, seed % 7 == 0 { sample.sum = stale }
        let (status, result) = appender.append(sample)
        #expect(status == TSDB_OK)
        if result.kind == TSDB_HISTOGRAM_REFUSED { break }
        expected.append(ReferenceSample(sample, isFloat: isFloat, hasStarts: encoding >= 5))
        if sample.sum.bitPattern != stale.bitPattern { last = walk.counts }
      }
      let bytes = appender.bytes
      let decoded = try decode(bytes, encoding: encoding)
      let reference = try referenceDecode(bytes, encoding: encoding)
      #expect(decoded.samples == reference.samples)
      #expect(
        decoded.samples.map {
          var s = $0
          s.buckets = []
          return s
        } == expected)
      #expect(Int64(decoded.layout.schema) == reference.schema && decoded.bounds == reference.bounds)
      #expect(decoded.layout.zero_threshold == reference.zeroThreshold)
      for (side, spans) in [decoded.positiveSpans, decoded.negativeSpans].enumerated() {
        #expect(spans.map { Int64($0.offset) } == reference.spans[side].map(\.offset))
        #expect(spans.map { UInt64($0.length) } == reference.spans[side].map(\.length))
      }
      // The last row with counts holds just what was appended last.
      if let row = decoded.samples.last(where: { $0.sumBits != stale.bitPattern })?.buckets {
        var place = 0
        for (side, spans) in [decoded.positiveSpans, decoded.negativeSpans].enumerated() {
          var index: Int32 = 0
          for span in spans {
            index += span.offset
            for _ in 0..<span.length {
              let value = last[side].removeValue(forKey: index) ?? 0
              if row[place] != (isFloat ? (Double(value) / walk.sample.scale).bitPattern : UInt64(value)) {
                Issue.record("seed \(seed), bucket \(index)")
              }
              place += 1
              index += 1
            }
          }
        }
        #expect(last.allSatisfy { $0.isEmpty })
      }
      #expect(defect(bytes, encoding: encoding).kind == TSDB_HISTOGRAM_SOUND)
      if seed % 16 == 0 {
        #expect(try decode(bytes, encoding: encoding, batch: 1 + Int(seed % 5)).samples == decoded.samples)
      }
    }
  }

  @Test(arguments: encodings)
  func everyTruncationIsTheReferencesErrorOrValue(_ encoding: UInt8) throws {
    for bytes in try chunks(encoding, seeds: 1..<4, samples: 8) {
      for length in 0..<bytes.count {
        let cut = Array(bytes[..<length])
        let isRead = (try? decode(cut, encoding: encoding)) != nil
        if isRead || defect(cut, encoding: encoding).kind == TSDB_HISTOGRAM_SOUND { Issue.record("cut to \(length)") }
      }
      // Bytes behind the last sample are not looked at by reading, but validation names them.
      #expect(try decode(bytes + [0], encoding: encoding).samples == decode(bytes, encoding: encoding).samples)
      #expect(defect(bytes + [0], encoding: encoding).kind == TSDB_HISTOGRAM_DEFECT_TRAILING_BYTES)
    }
  }

  @Test(arguments: encodings)
  func everyFlippedBitGivesWhatTheReferenceGives(_ encoding: UInt8) throws {
    for bytes in try chunks(encoding, seeds: 10..<12, samples: 4) {
      for bit in 0..<bytes.count * 8 {
        var damaged = bytes
        damaged[bit / 8] ^= 0x80 >> UInt8(bit % 8)
        let ours = try? decode(damaged, encoding: encoding)
        // Reserved schemas are read reduced, which the reference does not do.
        if let ours, ours.layout.schema != ours.layout.schema_stored { continue }
        let theirs = try? referenceDecode(damaged, encoding: encoding)
        if ours?.samples != theirs?.samples { Issue.record("encoding \(encoding), bit \(bit)") }
        _ = defect(damaged, encoding: encoding)
      }
    }
  }

  @Test func theCodeTableFollowsFromTheRules() throws {
    // A chunk of one bucket whose second step is every boundary of the code, ±1, shows table and rules together.
    var values: [Int64] = [0]
    for bits in [3, 6, 9, 12, 18, 25, 56, 62] {
      for by in -2...2 { values += [1 << (bits - 1) + Int64(by), -(1 << (bits - 1)) + Int64(by)] }
    }
    for value in values {
      let appender = try Appender(2)
      var sample = Sample(hint: 3, positiveSpans: [span(0, 1)], buckets: [0])
      for step in [0, value, 0, value] as [Int64] {
        sample.timestampMs += 1000
        sample.buckets = [step]
        #expect(appender.append(sample).status == TSDB_OK)
      }
      let decoded = try decode(appender.bytes, encoding: 2)
      #expect(decoded.samples.map { Int64(bitPattern: $0.buckets[0]) } == [0, value, 0, value])
    }
  }

  @Test(arguments: encodings)
  func everySchemaIsKeptAndUnknownOnesAreErrors(_ encoding: UInt8) throws {
    for schema in [-53] + Array(-9...8) as [Int32] {
      let appender = try Appender(encoding)
      var sample = Sample(schema: schema, zeroThreshold: 0, count: 3, positiveSpans: [span(0, 2)], buckets: [1, 2])
      if schema == -53 { sample.bounds = [1, 2] }
      #expect(appender.append(sample).status == TSDB_OK)
      #expect(try decode(appender.bytes, encoding: encoding).layout.schema == schema)
      #expect(
        (defect(appender.bytes, encoding: encoding).kind == TSDB_HISTOGRAM_SOUND) == (schema >= -4 || schema == -53))
    }
    for schema in [-54, -10, 9, 53] as [Int32] {
      #expect(try Appender(encoding).append(Sample(schema: schema)).status == TSDB_ERR_ARGUMENT)
    }
  }

  /// The byte behind the zero threshold begins with the schema's code: 110 and six bits for 8 and for all up to 32.
  private func withSchema(_ schema: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    bytes[4] = 0b1100_0000 | schema >> 1
    bytes[5] = bytes[5] & 0x7F | (schema & 1) << 7
    return bytes
  }

  @Test(arguments: encodings)
  func schemasAboveEightAreReadAsEight(_ encoding: UInt8) throws {
    let appender = try Appender(encoding)
    var sample = Sample(schema: 8, zeroThreshold: 0, count: 21, scale: 2)
    sample.positiveSpans = [span(-3, 4), span(3, 2)]  // -3 -2 -1 0 . . . 4 5
    sample.negativeSpans = [span(1, 1)]
    sample.buckets = [1, 2, 3, 4, 5, 6, 7]
    _ = appender.append(sample)
    sample.timestampMs += 1000
    sample.buckets = [2, 2, 3, 4, 5, 7, 9]
    sample.count = 32
    _ = appender.append(sample)
    // Schema 10: four neighbours are one: -3 … 0 are 0, 4 is 1, 5 is 2.
    let bytes = withSchema(10, appender.bytes)
    for asDoubles in [false, true] {
      let decoded = try decode(bytes, encoding: encoding, asDoubles: asDoubles)
      #expect(decoded.layout.schema == 8 && decoded.layout.schema_stored == 10)
      #expect(decoded.positiveSpans.map { [Int($0.offset), Int($0.length)] } == [[0, 3]])
      #expect(decoded.negativeSpans.map { [Int($0.offset), Int($0.length)] } == [[1, 1]])
      let rows: [[UInt64]] = [[10, 5, 6, 7], [11, 5, 7, 9]]
      let expected =
        appender.isFloat
        ? rows.map { $0.map { (Double($0) / 2).bitPattern } }
        : asDoubles ? rows.map { $0.map { Double($0).bitPattern } } : rows
      #expect(decoded.samples.map(\.buckets) == expected)
    }
    #expect(defect(bytes, encoding: encoding).kind == TSDB_HISTOGRAM_DEFECT_SCHEMA)
  }

  @Test func boundsAndThresholdsTakeTheirShortForms() throws {
    func size(_ threshold: Double, _ bounds: [Double]) throws -> Int {
      let appender = try Appender(2)
      _ = appender.append(Sample(schema: bounds.isEmpty ? 0 : -53, zeroThreshold: threshold, bounds: bounds))
      #expect(try decode(appender.bytes, encoding: 2).layout.zero_threshold == threshold)
      #expect(try decode(appender.bytes, encoding: 2).bounds == bounds)
      return appender.bytes.count
    }
    let short = try size(0, [])
    for threshold in [0x1p-243, 0x1p10, 1] { #expect(try size(threshold, []) == short) }
    for threshold in [1e-128, 2048, 0x1p-244, 0.3] { #expect(try size(threshold, []) == short + 8) }
    let plain = try size(0, [33554.43])
    for bound in [33554.431, 1.0 / 3, -1] { #expect(try size(0, [bound]) > plain + 3) }
  }

  @Test func tooSmallScratchIsAnErrorAndNoRowsStopBeforeTheRow() throws {
    let bytes = try chunks(2, seeds: 3..<4, samples: 8)[0]
    var layout = tsdb_histogram_layout()
    #expect(tsdb_histogram_layout_read(2, bytes, bytes.count, &layout) == TSDB_OK)
    let words = tsdb_histogram_scratch_bound(&layout)
    try #require(words > 0)
    var scratch = [UInt64](repeating: 0, count: words)
    var cursor = tsdb_histogram_cursor()
    var columns = tsdb_histogram_columns()
    var (count, rows) = (7, 7)
    #expect(
      tsdb_histogram_decode(&layout, &cursor, bytes, bytes.count, &scratch, words - 1, &columns, &count, &rows)
        == TSDB_ERR_CAPACITY)
    #expect(count == 7 && rows == 7)
    columns.capacity = 5
    #expect(
      tsdb_histogram_decode(&layout, &cursor, bytes, bytes.count, &scratch, words, &columns, &count, &rows) == TSDB_OK)
    #expect(count == 0 && rows == 0)
    #expect(tsdb_histogram_layout_read(1, bytes, bytes.count, &layout) == TSDB_ERR_ENCODING)
    var columnsOfIntegers = tsdb_histogram_int_columns()
    var floats = tsdb_histogram_layout()
    floats.is_float = true
    #expect(
      tsdb_histogram_decode_int(
        &floats, &cursor, bytes, bytes.count, &scratch, words, &columnsOfIntegers, &count, &rows)
        == TSDB_ERR_ENCODING)
  }

  @Test func moreBucketsThanBitsAreRefused() {
    // One span of 2^30 buckets in a chunk of 20 bytes: 110… is not enough, so 11111110 and 56 bits.
    var bytes: [UInt8] = [0, 1, 0, 0]
    var bits: [UInt8] = [0, 1, 0, 0, 0, 1]  // schema 0; one span
    bits += [1, 1, 1, 1, 1, 1, 1, 0] + (0..<56).map { $0 == 25 ? 1 : 0 }
    while bits.count % 8 != 0 { bits.append(0) }
    for start in stride(from: 0, to: bits.count, by: 8) {
      bytes.append(bits[start..<start + 8].reduce(0) { $0 << 1 | $1 })
    }
    bytes += .init(repeating: 0, count: 10)
    #expect(throws: HistogramStatusError(status: TSDB_ERR_COUNT)) { try decode(bytes, encoding: 2) }
  }

  @Test func theExampleOfTheFormatPageIsTrue() throws {
    let text = String(
      decoding: try readFile(Fixtures.repository + "/docs/formats/histogram-chunks.md"), as: UTF8.self)
    let start = try #require(text.range(of: "```example\n"))
    let end = try #require(text[start.upperBound...].range(of: "```"))
    let bytes = text[start.upperBound..<end.lowerBound].split(separator: "\n").flatMap { line in
      line.prefix { $0 != "#" }.split(separator: " ").flatMap { group in
        stride(from: 0, to: group.count, by: 2).compactMap { UInt8(group.dropFirst($0).prefix(2), radix: 16) }
      }
    }
    let decoded = try decode(bytes, encoding: 2)
    #expect(decoded.samples.map(\.timestampMs) == [1000, 2000])
    #expect(decoded.samples.map(\.count) == [6, 8])
    #expect(decoded.samples.map(\.buckets) == [[1, 3, 2], [2, 4, 2]] && decoded.layout.schema == 1)
    #expect(decoded.samples.map(\.sumBits) == [Double(2).bitPattern, Double(3).bitPattern])
    #expect(decoded.positiveSpans.map { [Int($0.offset), Int($0.length)] } == [[0, 2], [1, 1]])
    #expect(defect(bytes, encoding: 2).kind == TSDB_HISTOGRAM_SOUND)
  }
}
