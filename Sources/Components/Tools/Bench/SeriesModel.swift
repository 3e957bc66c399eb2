// How one series of the data sets goes on from sample to sample. Only additions, multiplications, divisions, roundings
// and comparisons of doubles, each as IEEE 754 defines it: the values are the same on every machine.

/// The state of one generated series. `next` gives the value of one scrape after another.
struct SeriesModel: Sendable {
  /// What kind of thing the series measures.
  enum Kind: Sendable {
    /// Grows by floor(rate·(0.6+0.8u)+u') a step; shown divided by `divisor`.
    case counter(divisor: Double)
    /// One bucket of a classic histogram: grows by the part `fraction` of what the histogram counts in a step.
    case bucket(fraction: Double)
    /// The sum of a classic histogram: grows by rate·(0.6+0.8u).
    case sum
    /// A multiple of 4096 that wanders by σ pages; changes in one scrape of 16 where `isSlow`.
    case pages(sigma: Double, isSlow: Bool)
    /// A double that wanders by 0.05.
    case sensor
    /// Always the same.
    case constant
  }

  private let kind: Kind
  private let rate: Double
  private var value: Double
  private var random: SeededRandom

  /// A counter or a histogram part. `rate` is the mean step; `varies`: each series has its own, by a factor of 0.5–1.5.
  init(_ kind: Kind, rate: Double, varies: Bool = true, random: SeededRandom) {
    var random = random
    self.kind = kind
    self.rate = varies ? rate * (0.5 + random.unit()) : rate
    let start = (self.rate * (1000 + 50_000 * random.unit())).rounded(.down)
    switch kind {
    // The parts of one histogram share a stream and a start, and each takes its part of it.
    case .bucket(let fraction): value = (start * fraction).rounded(.down)
    default: value = start
    }
    self.random = random
  }

  /// A gauge that begins at `start`.
  init(_ kind: Kind, start: Double, random: SeededRandom) {
    self.kind = kind
    self.rate = 0
    self.value = start
    self.random = random
  }

  /// The next scrape's value.
  mutating func next() -> Double {
    switch kind {
    case .counter(let divisor):
      value += (rate * (0.6 + 0.8 * random.unit()) + random.unit()).rounded(.down)
      return value / divisor
    case .bucket(let fraction):
      let step = (rate * (0.6 + 0.8 * random.unit()) + random.unit()).rounded(.down)
      value += (step * fraction + random.unit()).rounded(.down)
      return value
    case .sum:
      value += rate * (0.6 + 0.8 * random.unit())
      return value
    case .pages(let sigma, let isSlow):
      if !isSlow || random.next() & 15 == 0 {
        value = max(0, value + (sigma * random.normal()).rounded(.toNearestOrEven))
      }
      return value * 4096
    case .sensor:
      value += 0.05 * random.normal()
      return value
    case .constant:
      return value
    }
  }
}
