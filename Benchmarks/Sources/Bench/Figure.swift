// What is told of a whole process and is no cost of CPU: after which time it is ready, what it holds. Figures are taken one
// after the other, once the rows are done, on all cores.
import CPinning

/// One figure, taken one or more times.
struct Figure: Sendable {
  /// Name, as `bench FILTER` knows it.
  let name: String
  /// Unit: ms, MB (1,000,000 bytes). Smaller is better.
  let unit: String
  /// The most that it may be, or nil.
  let target: Double?
  /// What was taken.
  var values: [Double] = []

  init(_ name: String, _ unit: String, target: Double? = nil) {
    (self.name, self.unit, self.target) = (name, unit, target)
  }

  /// The value at a share of the sorted values: 0 the smallest, 0.5 the median.
  func quantile(_ share: Double) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }

  /// The median.
  var median: Double { quantile(0.5) }
  /// Whether it is what it may be; nil where nobody says what that is.
  var isReached: Bool? { target.map { median <= $0 } }
}

/// Figures that are taken together.
struct FigureGroup: Sendable {
  /// The figures, without values.
  let figures: [Figure]
  /// Takes them: the same figures with their values.
  let take: @Sendable (_ figures: [Figure]) throws -> [Figure]
}

/// All groups, in the order of the report.
let allFigures: [FigureGroup] = startFigures

/// Takes the groups that `filters` name and prints them. False where one could not be taken.
func takeFigures(_ groups: [FigureGroup], into taken: inout [Figure]) -> Bool {
  var isComplete = true
  bench_unpin()
  for group in groups {
    do { taken += try group.take(group.figures) } catch {
      print("bench: \(group.figures.map(\.name).joined(separator: ", ")): \(error)")
      isComplete = false
    }
  }
  if !taken.isEmpty { print(figureHeader()) }
  for figure in taken { print(figureLine(figure)) }
  return isComplete
}
