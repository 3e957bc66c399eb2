// Label names and values of a block with the external labels that it is served with.
internal import Storage
internal import TSModel

extension Block {
  /// The names of the labels that series have which fulfil `own`, the matchers on labels of their own. `select` selects series.
  func labelNames(
    of entry: ServedBlock, _ own: [LabelMatcher], _ select: ([LabelMatcher]) throws -> SeriesRefs
  ) throws -> [String] {
    var names = own.isEmpty ? try index.labelNames() : try index.labelNames(ofSeries: try select(own))
    // Without a series the external labels are nobody's.
    if own.isEmpty || !names.isEmpty { names += entry.externalLabels.map(\.name) }
    return names
  }

  /// The values that the label `name` has in series which fulfil `own`, the matchers on labels of their own.
  func labelValues(
    of name: String, of entry: ServedBlock, _ own: [LabelMatcher], _ select: ([LabelMatcher]) throws -> SeriesRefs
  ) throws -> [String] {
    if let value = entry.externalLabels[name] {
      // It is the value of every series; of none, where none fulfils the rest of the conditions.
      return try own.isEmpty || !select(own).isEmpty ? [value] : []
    }
    if own.isEmpty { return try index.labelValues(of: name, matching: []) }
    let isSet = try LabelMatcher(.notEqual, name: name, value: "")
    return try index.labelValues(of: name, ofSeries: try select(own + [isSet]))
  }
}
