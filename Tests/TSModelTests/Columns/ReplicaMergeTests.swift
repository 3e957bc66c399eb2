// Replicas of a series read as one: what C takes of them is what a slow and obvious reader takes, sample by sample.
import TestSupport
import Testing

@testable import TSModel

/// One sample; nil as value: a histogram.
private struct Sample: Equatable {
  var timeMs: Int64
  var value: Double?
}

/// Something that can be read sample by sample.
private class Reader {
  func next() -> Bool { fatalError("abstract") }
  func seek(_ timeMs: Int64) -> Bool { fatalError("abstract") }
  var sample: Sample { fatalError("abstract") }
  func adjust(_ last: Double) { fatalError("abstract") }
}

private final class Replica: Reader {
  private let samples: [Sample]
  private let isCounter: Bool
  private var position = -1
  private var offset = 0.0

  init(_ samples: [Sample], isCounter: Bool) {
    self.samples = samples
    self.isCounter = isCounter
  }

  override func next() -> Bool {
    if position < samples.count { position += 1 }
    return position < samples.count
  }

  override func seek(_ timeMs: Int64) -> Bool {
    if position < 0 { position = 0 }
    while position < samples.count, samples[position].timeMs < timeMs { position += 1 }
    return position < samples.count
  }

  override var sample: Sample {
    var sample = samples[min(max(position, 0), samples.count - 1)]
    sample.value = sample.value.map { $0 + offset }
    return sample
  }

  override func adjust(_ last: Double) {
    guard isCounter, let value = sample.value, last > value else { return }
    offset += last - value
  }
}

/// Two readers as one, by the rules at the head of tsdb/replica_samples.h.
private final class Pair: Reader {
  private let a, b: Reader
  private var hasA, hasB: Bool
  private var usesA = true
  private var last: Int64?
  private var (penaltyA, penaltyB) = (Int64(0), Int64(0))

  init(_ a: Reader, _ b: Reader) {
    (self.a, self.b) = (a, b)
    hasA = a.next()
    hasB = b.next()
  }

  override var sample: Sample { usesA ? a.sample : b.sample }

  override func adjust(_ last: Double) {
    if hasA, a.sample.value != nil { a.adjust(last) }
    if hasB, b.sample.value != nil { b.adjust(last) }
  }

  override func seek(_ timeMs: Int64) -> Bool {
    while sample.timeMs < timeMs { if !next() { return false } }
    return true
  }

  override func next() -> Bool {
    let before = (usesA ? hasA : hasB) ? sample.value : nil
    let usedA = usesA
    defer { if usesA != usedA, let before { adjust(before) } }
    if hasA { hasA = a.seek(last.map { $0 + 1 + penaltyA } ?? .min) }
    if hasB { hasB = b.seek(last.map { $0 + 1 + penaltyB } ?? .min) }
    guard hasA, hasB else {
      usesA = hasA
      guard hasA || hasB else { return false }
      last = sample.timeMs
      if hasA { penaltyA = 0 } else { penaltyB = 0 }
      return true
    }
    usesA = a.sample.timeMs <= b.sample.timeMs
    let penalty = last.map { 2 * (sample.timeMs - $0) } ?? 5000
    (penaltyA, penaltyB) = usesA ? (0, penalty) : (penalty, 0)
    last = sample.timeMs
    return true
  }
}

@Suite struct ReplicaMergeTests {
  private func merged(_ replicas: [[Sample]], isCounter: Bool) -> [Sample] {
    var all = SampleColumns()
    var ranges: [ReplicaRange] = []
    for replica in replicas {
      let (floats, histograms) = (all.floats.count, all.histogramCount)
      for sample in replica {
        if let value = sample.value {
          all.floats.append(timestampMs: sample.timeMs, value: value)
        } else {
          all.append(
            Histogram(schema: 0, sum: 1, counts: .float(count: 0, zeroCount: 0, positive: [], negative: [])),
            timestampMs: sample.timeMs)
        }
      }
      ranges.append(ReplicaRange(floats: floats..<all.floats.count, histograms: histograms..<all.histogramCount))
    }
    var columns = SampleColumns()
    columns.append(replicas: ranges, of: all, isCounter: isCounter)
    let (times, values) = (columns.floats.timestampsMs, columns.floats.values)
    var found = (0..<columns.floats.count).map { Sample(timeMs: times[$0], value: values[$0]) }
    found += columns.histogramTimesMs.map { Sample(timeMs: $0, value: nil) }
    return found.sorted { $0.timeMs < $1.timeMs }
  }

  private func expected(_ replicas: [[Sample]], isCounter: Bool) -> [Sample] {
    var reader: Reader = Replica(replicas[0], isCounter: isCounter)
    for replica in replicas.dropFirst() { reader = Pair(reader, Replica(replica, isCounter: isCounter)) }
    var found: [Sample] = []
    while reader.next() { found.append(reader.sample) }
    return found
  }

  /// A replica of a series: scrapes every 15 s or so, with gaps; a counter has resets at times of the series.
  private func replica(_ random: inout SplitMix64, mixesHistograms: Bool) -> [Sample] {
    var samples: [Sample] = []
    var time = Int64(random.below(15_000))
    var offset = 0.0
    for _ in 0..<random.below(120) + 1 {
      time += 15_000 + Int64(random.below(200)) - 100
      if random.below(12) == 0 { time += Int64(random.below(6)) * 15_000 }
      if random.below(40) == 0 { offset = -Double(time) / 100 }
      let isHistogram = mixesHistograms && random.below(3) == 0
      samples.append(Sample(timeMs: time, value: isHistogram ? nil : Double(time) / 100 + offset))
    }
    return samples
  }

  @Test func takesWhatASlowReaderTakes() {
    var random = SplitMix64(seed: 20_261_129)
    var switches = 0
    for round in 0..<3000 {
      let isCounter = round % 2 == 0
      let replicas = (0..<random.below(4) + 1).map { _ in replica(&random, mixesHistograms: round % 3 == 0) }
      let (found, wanted) = (merged(replicas, isCounter: isCounter), expected(replicas, isCounter: isCounter))
      #expect(found == wanted, "round \(round)")
      if found != wanted { return }
      if replicas.count > 1, found != replicas[0] { switches += 1 }
      #expect(zip(found, found.dropFirst()).allSatisfy { $0.timeMs < $1.timeMs })
    }
    #expect(switches > 1000)
  }

  @Test func aReplicaWithoutGapsIsFollowed() {
    let a = (0..<50).map { Sample(timeMs: Int64($0) * 15_000, value: Double($0)) }
    let b = (0..<50).map { Sample(timeMs: Int64($0) * 15_000 + 3_000, value: Double($0) + 0.5) }
    #expect(merged([a, b], isCounter: false) == a)
    let gap = a.filter { !(200_000...400_000).contains($0.timeMs) }
    let filled = merged([gap, b], isCounter: false)
    #expect(filled.count > gap.count + 8)
    #expect(filled.filter { (210_000...400_000).contains($0.timeMs) }.allSatisfy { b.contains($0) })
  }

  @Test func countersDoNotFallWhereReplicasChange() {
    // The second replica lags behind the first, which ends.
    let a = (0..<10).map { Sample(timeMs: Int64($0) * 10_000, value: Double($0) * 10 + 5) }
    let b = (0..<40).map { Sample(timeMs: Int64($0) * 10_000 + 4_000, value: Double($0) * 10) }
    let counter = merged([a, b], isCounter: true)
    #expect(counter.count > 30)
    #expect(zip(counter, counter.dropFirst()).allSatisfy { ($0.value ?? 0) <= ($1.value ?? 0) })
  }

  @Test func staleMarkersStayStaleMarkers() {
    let stale = Double(bitPattern: Histogram.staleSumBits)
    for isSeamless in [false, true] {
      for isCounter in [false, true] {
        var all = SampleColumns()
        // The series ends for both at about the same time.
        for (time, value) in [(Int64(0), 1.0), (15_000, 2), (30_000, stale), (5_000, 1), (20_000, 2), (35_000, stale)] {
          all.floats.append(timestampMs: time, value: value)
        }
        let ranges = [ReplicaRange(floats: 0..<3, histograms: 0..<0), ReplicaRange(floats: 3..<6, histograms: 0..<0)]
        var columns = SampleColumns()
        if isSeamless {
          columns.append(seamless: ranges, of: all, isCounter: isCounter)
        } else {
          columns.append(replicas: ranges, of: all, isCounter: isCounter)
        }
        let values = columns.floats.values
        #expect((0..<columns.floats.count).map { values[$0].bitPattern } == [1, 2, stale].map(\.bitPattern))
      }
    }
  }

  @Test func countersOfChunksAreAddedUp() {
    var floats = FloatColumns()
    var total = CounterTotal()
    // A chunk of a downsampled counter ends with its raw last value once more; the next one begins after a reset.
    for (chunk, wanted) in [
      ([(0, 5.0), (100, 20), (200, 50), (200, 10)], [5.0, 20, 50]), ([(300, 2), (400, 7), (400, 7)], [52, 57]),
      ([(350, 1), (500, .nan), (600, 9)], [59]),
    ] as [([(Int64, Double)], [Double])] {
      let start = floats.count
      for (time, value) in chunk { floats.append(timestampMs: time, value: value) }
      total.add(&floats, from: start)
      let values = floats.values
      #expect((start..<floats.count).map { values[$0] } == wanted)
    }
  }

  @Test func averagesAreOfTheSameTime() {
    var sums = FloatColumns()
    var counts = FloatColumns()
    for (time, value) in [(Int64(1), 10.0), (2, 20), (3, 30)] { sums.append(timestampMs: time, value: value) }
    for (time, value) in [(Int64(1), 2.0), (3, 3)] { counts.append(timestampMs: time, value: value) }
    sums.divide(from: 0, by: counts)
    let (times, values) = (sums.timestampsMs, sums.values)
    #expect((0..<sums.count).map { times[$0] } == [1, 3])
    #expect((0..<sums.count).map { values[$0] } == [5, 10])
  }
}
