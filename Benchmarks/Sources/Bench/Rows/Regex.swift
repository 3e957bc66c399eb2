// Rows of regular expression matchers (see targets.tsv), over the 100,000 pods of an index like that of M1.
//
// The rows in ns/value do what a selection does with a table of values, which is sorted: a prefix is two binary searches, and
// an automaton looks only at the values that start as the expression does. Their cost is spread over all values.
import Storage
import TSModel

/// Which values match, without postings.
private func values(_ name: String, _ pattern: String) -> Row {
  Row(name: name, unit: "ns/value") {
    let table = try IndexOfM1.shared.reader.labelValues(of: "pod")
    let matcher = try LabelMatcher(.regex, name: "pod", value: pattern)
    return Workload(unitsPerRun: Double(table.count)) {
      let count = table.region.withUnsafeBytes { bytes in
        table.slices.withUnsafeBytes { slices in
          let values = SortedValues(unsafeBytes: bytes, slices: slices.bindMemory(to: UInt32.self))
          guard let matches = try? matcher.matching(values) else { fatalError("cannot match \(pattern)") }
          return matches.count
        }
      }
      blackHole(count)
    }
  }
}

/// From the matcher to the references of its series, the list of values included.
private func postings(_ name: String, _ pattern: String) -> Row {
  Row(name: name, unit: "ms") {
    let index = try IndexOfM1.shared.reader
    let matcher = try LabelMatcher(.regex, name: "pod", value: pattern)
    return Workload(unitsPerRun: 1) {
      guard let refs = try? index.select([matcher]), refs.count > 0 else { fatalError("cannot select \(pattern)") }
      blackHole(refs[0])
    }
  }
}

let regexRows: [Row] = [
  values("regex_prefix_100k", "app07-.*"),
  values("regex_contains_100k", ".*-0abc.*"),
  values("regex_alternation_100k", "app(01|02|03)-[0-9a-f]+-.*"),
  values("regex_wildcards_100k", "app.*-[0-9]+-0.*"),
  values("regex_plus_100k", ".+"),
  postings("regex_prefix_to_postings", "app07-.*"),
  postings("regex_alternation_to_postings", "app(01|02|03)-[0-9a-f]+-.*"),
  postings("regex_plus_to_postings", ".+"),
]
