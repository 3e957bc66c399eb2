// What can be appended to a histogram chunk, what is written again, and what begins a new one.
import CTSDB
import TestSupport
import Testing

private let encodings: [UInt8] = [2, 3, 5, 6]

@Suite struct HistogramAppenderTests {
  /// Buckets 1, 2 and 4 with 6, 3 and 1 observations.
  private let base = Sample(
    schema: 1, sum: 5, count: 12, zeroCount: 2, positiveSpans: [span(1, 2), span(1, 1)], buckets: [6, 3, 1])

  private func after(_ change: (inout Sample) -> Void) -> Sample {
    var sample = base
    sample.timestampMs += 15_000
    change(&sample)
    return sample
  }

  /// What appending `second` after `first` does.
  private func outcome(_ encoding: UInt8, _ first: Sample, _ second: Sample) throws -> (
    tsdb_histogram_append_kind, UInt8
  ) {
    let appender = try Appender(encoding)
    #expect(appender.append(first).status == TSDB_OK)
    let before = appender.bytes
    let (status, result) = appender.append(second)
    #expect(status == TSDB_OK)
    if result.kind == TSDB_HISTOGRAM_REFUSED { #expect(appender.bytes == before) }
    return (result.kind, result.next_reset_header)
  }

  private func expectRefused(_ encoding: UInt8, _ first: Sample, _ second: Sample, int: Int, float: Int) throws {
    let (kind, header) = try outcome(encoding, first, second)
    #expect(kind == TSDB_HISTOGRAM_REFUSED)
    #expect(Int(header) == (encoding == 2 || encoding == 5 ? int : float))
  }

  @Test(arguments: encodings)
  func samplesThatCannotFollowNameTheHeaderOfTheNextChunk(_ encoding: UInt8) throws {
    let (unknown, not, reset, gauge) = (0, 1, 2, 3)
    let gaugeBase = after {
      $0.timestampMs -= 15_000
      $0.hint = 3
    }
    let staleBase = after {
      $0.timestampMs -= 15_000
      $0.sum = stale
    }
    try expectRefused(encoding, base, after { $0.hint = 3 }, int: gauge, float: gauge)
    try expectRefused(encoding, gaugeBase, after { _ in }, int: not, float: unknown)
    try expectRefused(encoding, base, after { $0.hint = 2 }, int: reset, float: reset)
    try expectRefused(encoding, staleBase, after { _ in }, int: unknown, float: unknown)
    try expectRefused(encoding, base, after { $0.count = 11 }, int: reset, float: reset)
    try expectRefused(encoding, base, after { $0.schema = 2 }, int: unknown, float: unknown)
    try expectRefused(encoding, base, after { $0.zeroThreshold = 0.01 }, int: unknown, float: unknown)
    try expectRefused(
      encoding, base,
      after {
        $0.zeroCount = 1
        $0.buckets[0] = 7
      }, int: reset, float: reset)
    // A bucket went down while the count went up; counts that only moved; a bucket with counts is gone.
    try expectRefused(
      encoding, base,
      after {
        $0.count = 20
        $0.buckets = [5, 3, 1]
      }, int: reset, float: reset)
    try expectRefused(encoding, base, after { $0.buckets = [5, 4, 1] }, int: reset, float: reset)
    try expectRefused(
      encoding, base,
      after {
        $0.positiveSpans = [span(1, 2)]
        $0.buckets = [6, 4]
        $0.count = 12
      }, int: reset, float: reset)
    let custom = after {
      $0.timestampMs -= 15_000
      $0.schema = -53
      $0.zeroThreshold = 0
      $0.bounds = [1, 2, 3, 4]
    }
    try expectRefused(
      encoding, custom,
      after {
        $0.schema = -53
        $0.zeroThreshold = 0
        $0.bounds = [1, 2, 3, 5]
      }, int: reset, float: reset)
  }

  @Test(arguments: encodings)
  func samplesThatFollowAreAppended(_ encoding: UInt8) throws {
    for second in [
      after { _ in },
      after {
        $0.count = 13
        $0.buckets[1] = 4
      }, after { $0.sum = stale }, after { $0.hint = 1 },
    ] {
      #expect(try outcome(encoding, base, second).0 == TSDB_HISTOGRAM_APPENDED)
    }
    let staleBase = after {
      $0.timestampMs -= 15_000
      $0.sum = stale
    }
    #expect(try outcome(encoding, staleBase, after { $0.sum = stale }).0 == TSDB_HISTOGRAM_APPENDED)
    // Spans of length 0 and spans that touch name the same buckets.
    for spans in [
      [span(1, 1), span(0, 1), span(1, 1)], [span(1, 2), span(0, 0), span(1, 1)], [span(0, 0), span(1, 2), span(1, 1)],
    ] {
      #expect(try outcome(encoding, base, after { $0.positiveSpans = spans }).0 == TSDB_HISTOGRAM_APPENDED)
    }
  }

  @Test(arguments: encodings)
  func newBucketsRecodeTheChunkAsIfTheyHadAlwaysBeenThere(_ encoding: UInt8) throws {
    let wide = after {
      $0.positiveSpans = [span(-1, 1), span(1, 4)]
      $0.negativeSpans = [span(0, 1)]
      $0.buckets = [1, 6, 3, 2, 1, 4]
      $0.count = 19
      $0.startTimestampMs = $0.timestampMs - 100
    }
    let appender = try Appender(encoding)
    tsdb_histogram_appender_begin(appender.pointer, 1)
    _ = appender.append(base)
    #expect(appender.append(wide).result.kind == TSDB_HISTOGRAM_RECODED)
    let other = try Appender(encoding)
    tsdb_histogram_appender_begin(other.pointer, 1)
    var widened = base
    (widened.positiveSpans, widened.negativeSpans) = (wide.positiveSpans, wide.negativeSpans)
    widened.buckets = [0, 6, 3, 0, 1, 0]
    _ = other.append(widened)
    #expect(other.append(wide).result.kind == TSDB_HISTOGRAM_APPENDED)
    #expect(appender.bytes == other.bytes)
    #expect(try decode(appender.bytes, encoding: encoding).layout.reset_header == 1)
  }

  @Test(arguments: encodings)
  func emptyBucketsThatVanishStayAndGaugesMergeBothWays(_ encoding: UInt8) throws {
    let withEmpty = after {
      $0.timestampMs -= 15_000
      $0.buckets = [6, 0, 1]
      $0.count = 9
    }
    let without = after {
      $0.positiveSpans = [span(1, 1), span(2, 1)]
      $0.buckets = [6, 1]
      $0.count = 9
    }
    let appender = try Appender(encoding)
    _ = appender.append(withEmpty)
    #expect(appender.append(without).result.kind == TSDB_HISTOGRAM_APPENDED)
    var decoded = try decode(appender.bytes, encoding: encoding)
    #expect(decoded.samples[0].buckets == decoded.samples[1].buckets)
    let gauge = try Appender(encoding)
    _ = gauge.append(
      after {
        $0.timestampMs -= 15_000
        $0.hint = 3
      })
    let shifted = after {
      $0.hint = 3
      $0.positiveSpans = [span(2, 2)]
      $0.buckets = [1, 1]
      $0.count = 4
    }
    #expect(gauge.append(shifted).result.kind == TSDB_HISTOGRAM_RECODED)
    decoded = try decode(gauge.bytes, encoding: encoding)
    #expect(decoded.positiveSpans.map { [Int($0.offset), Int($0.length)] } == [[1, 4]])
    let expected: [[UInt64]] = [[6, 3, 0, 1], [0, 1, 1, 0]]
    #expect(
      decoded.samples.map(\.buckets) == (gauge.isFloat ? expected.map { $0.map { Double($0).bitPattern } } : expected))
    #expect(decoded.layout.reset_header == 3)
  }

  @Test(arguments: encodings)
  func theFirstSampleOfAChunkMaySetItsHeader(_ encoding: UInt8) throws {
    for (hint, header) in [(0, 0), (1, 0), (2, 2), (3, 3)] as [(UInt8, UInt8)] {
      let appender = try Appender(encoding)
      _ = appender.append(after { $0.hint = hint })
      #expect(try decode(appender.bytes, encoding: encoding).layout.reset_header == header)
      var bytes = appender.bytes
      let size = bytes.count
      tsdb_histogram_chunk_forget_reset(encoding, &bytes, size)
      #expect(try decode(bytes, encoding: encoding).layout.reset_header == (header == 3 ? 3 : 0))
    }
    let appender = try Appender(encoding)
    _ = appender.append(base)
    for (sample, int, float) in [
      (after { _ in }, 1, 1), (after { $0.count = 3 }, 2, 2), (after { $0.schema = 3 }, 0, 1),
      (after { $0.sum = stale }, 1, 1),
    ] as [(Sample, UInt8, UInt8)] {
      var header: UInt8 = 9
      #expect(
        appender.with(sample) { tsdb_histogram_appender_header_of_next(appender.pointer, $0, &header) } == TSDB_OK)
      #expect(header == (appender.isFloat ? float : int))
    }
  }

  @Test(arguments: [(UInt8(2), 65_535), (3, 65_535), (5, 16_383), (6, 16_383)])
  func aFullChunkTakesNoMore(_ encoding: UInt8, _ limit: Int) throws {
    let appender = try Appender(encoding)
    var sample = Sample()
    for _ in 0..<limit {
      sample.timestampMs += 1000
      if appender.append(sample).status != TSDB_OK { Issue.record("full too early") }
    }
    let before = appender.bytes
    sample.timestampMs += 1000
    #expect(appender.append(sample).status == TSDB_ERR_FULL)
    #expect(appender.bytes == before && Int(tsdb_histogram_appender_sample_count(appender.pointer)) == limit)
    #expect(try decode(before, encoding: encoding).samples.count == limit)
  }

  @Test(arguments: encodings)
  func partsThatDoNotFitAreRefused(_ encoding: UInt8) throws {
    let appender = try Appender(encoding)
    for bad in [
      after { $0.buckets.append(1) }, after { $0.positiveSpans[1].offset = -1 }, after { $0.bounds = [1] },
      after { $0.hint = 4 },
    ] {
      #expect(appender.append(bad).status == TSDB_ERR_ARGUMENT)
    }
    #expect(appender.bytes == [0, 0, 0])
  }

  /// Every allocation fails in turn; the chunk stays as it was, the same append succeeds afterwards, and nothing leaks.
  @Test(arguments: encodings)
  func anyFailedAllocationLeavesTheChunkAsItWas(_ encoding: UInt8) throws {
    var steps = [base]
    for index in 1..<20 as Range<Int32> {
      steps.append(
        after {
          $0.timestampMs += Int64(index) * 15_000
          $0.positiveSpans = [span(1, 2), span(1, UInt32(index))]
          $0.buckets = [6, 3] + .init(repeating: 1, count: Int(index))
          $0.count = 11 + UInt64(index)
        })
    }
    let good = try Appender(encoding)
    for step in steps { #expect(good.append(step).status == TSDB_OK) }
    for failing in 2..<good.memory.allocations {
      let appender = try Appender(encoding)
      appender.memory.failing = failing
      var failures = 0
      for step in steps {
        let before = appender.bytes
        if appender.append(step).status == TSDB_ERR_MEMORY {
          failures += 1
          #expect(appender.bytes == before)
          #expect(appender.append(step).status == TSDB_OK)
        }
      }
      #expect(failures == 1 && appender.bytes == good.bytes)
    }
    let memory = good.memory
    #expect(memory.live > 0)
  }

  @Test func destroyingReleasesEverything() throws {
    var appender: Appender? = try Appender(5)
    let memory = try #require(appender?.memory)
    var walk = SampleWalk(seed: 7)
    for _ in 0..<50 { _ = appender?.append(walk.next()) }
    appender = nil
    #expect(memory.live == 0)
  }
}
