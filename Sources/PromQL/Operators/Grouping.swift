// The groups of an aggregation.
internal import TSModel

/// Sorts rows into groups by their labels.
struct Grouping {
  private let filter: LabelFilter
  /// Groups by the hash of their labels: the first one that has it.
  private var places: [UInt64: Int] = [:]
  /// Groups whose hash another one had before.
  private var others: [[UInt8]: Int] = [:]
  private var key: [UInt8] = []
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
    if filter.keepsNone, count == 1 { return 0 }
    filter.apply(set, into: &key)
    let hash = labelBytesHash(key[...])
    guard let place = places[hash] else {
      places[hash] = count
      return add()
    }
    if labels[place] == key[...] { return place }
    if let place = others[key] { return place }
    others[key] = count
    return add()
  }

  private mutating func add() -> Int {
    labels.append(key[...])
    return count - 1
  }
}
