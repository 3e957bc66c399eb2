// What makes a histogram unfit, and when two are the same.
import TSModel
import Testing

@Suite struct HistogramTests {
  private let sound = Histogram(
    schema: 1, zeroThreshold: 0.001, sum: 5,
    positiveSpans: [.init(offset: -3, length: 2), .init(offset: 1, length: 1)],
    negativeSpans: [.init(offset: 2, length: 1)],
    counts: .int(count: 12, zeroCount: 2, positive: [6, 3, 0], negative: [1]))
  private let custom = Histogram(
    schema: -53, sum: 5, positiveSpans: [.init(offset: 0, length: 3)], customValues: [1, 2],
    counts: .int(count: 6, zeroCount: 0, positive: [1, 2, 3], negative: []))

  private func defect(_ histogram: Histogram, _ change: (inout Histogram) -> Void) -> String {
    var histogram = histogram
    change(&histogram)
    return histogram.defect ?? "sound"
  }

  @Test func soundHistogramsHaveNoDefect() {
    for histogram in [sound, sound.asFloat, custom, custom.asFloat, .stale(.int), .stale(.float)] {
      #expect(histogram.defect == nil)
    }
    // Observations of NaN count without a bucket.
    #expect(
      defect(sound) {
        $0.sum = .nan
        $0.counts = .int(count: 20, zeroCount: 2, positive: [6, 3, 0], negative: [1])
      } == "sound")
  }

  @Test func everyDefectIsNamed() {
    #expect(defect(sound) { $0.schema = 9 }.contains("schema 9"))
    #expect(defect(sound) { $0.zeroThreshold = -1 }.contains("zero threshold"))
    #expect(defect(sound) { $0.customValues = [1] }.contains("custom bounds with exponential"))
    #expect(defect(sound) { $0.positiveSpans[1].offset = -1 }.contains("span 1 starts 1 before"))
    #expect(defect(sound) { $0.negativeSpans = [] }.contains("spans of 0 buckets, but 1 counts"))
    #expect(
      defect(sound) { $0.counts = .int(count: 12, zeroCount: 2, positive: [6, -3, 0], negative: [1]) }.contains(
        "negative"))
    #expect(
      defect(sound) { $0.counts = .int(count: 13, zeroCount: 2, positive: [6, 3, 0], negative: [1]) }
        .contains("hold 12 observations, but the count is 13"))
    #expect(
      defect(sound) { $0.counts = .int(count: 1, zeroCount: .max, positive: [6, 3, 0], negative: [1]) }
        .contains("beyond 64 bits"))
    #expect(
      defect(sound) { $0.counts = .float(count: -1, zeroCount: 2, positive: [6, 3, 0], negative: [1]) }
        .contains("count -1.0 is negative"))
    #expect(defect(custom) { $0.customValues = [2, 1] }.contains("does not ascend"))
    #expect(defect(custom) { $0.customValues = [1, .infinity] }.contains("not finite"))
    #expect(defect(custom) { $0.customValues = [1] }.contains("buckets up to 3 with 1 custom bounds"))
    #expect(defect(custom) { $0.zeroThreshold = 1 }.contains("zero threshold"))
    #expect(defect(custom) { $0.negativeSpans = [.init(offset: 0, length: 0)] }.contains("negative buckets"))
  }

  @Test func equalityIsThatOfBits() {
    var (a, b) = (sound, sound)
    (a.sum, b.sum) = (.nan, .nan)
    #expect(a == b && a.hashValue == b.hashValue)
    b.sum = Double(bitPattern: 0x7FF8_0000_0000_0001)
    #expect(a != b)
    (a.sum, b.sum) = (0, -0.0)
    #expect(a != b)
    #expect(sound != sound.asFloat && sound.kind == .int && sound.asFloat.kind == .float)
    #expect(Histogram.stale(.int).isStale && !sound.isStale)
  }
}
