// The groups of an aggregation.
internal import TSModel

/// Sorts rows into groups by their labels.
struct Grouping {
  private let filter: LabelFilter
  private var places: [[UInt8]: Int] = [:]
  /// The labels of each group, in the order in which groups came up.
  private(set) var labels = LabelSets()

  /// By the labels `names` (`by`), or by all but these and the name (`without`).
  init(_ names: [String], without: Bool) {
    let bytes = names.map { Array($0.utf8) }
    filter = without ? .dropping(bytes + [LabelNames.name]) : .keeping(bytes)
  }

  /// How many groups there are.
  var count: Int { labels.count }

  /// The group of a series with these labels.
  mutating func group(of set: LabelBytes) -> Int {
    let key = filter.apply(set)
    if let place = places[key] { return place }
    let place = places.count
    places[key] = place
    labels.append(key[...])
    return place
  }
}
