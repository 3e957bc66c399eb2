// The name a person probably meant.

/// The name of `names` with the fewest edits from `name`, or nil where even that is another word: more than a third of
/// its letters (at least one, and two from four letters on) would have to change.
func nearestName(to name: String, among names: [String]) -> String? {
  let word = Array(name.utf8.prefix(64))
  var best: (distance: Int, name: String)?
  for candidate in names {
    let distance = editDistance(word, Array(candidate.utf8.prefix(64)))
    if distance < best?.distance ?? Int.max { best = (distance, candidate) }
  }
  guard let best, best.distance <= max(word.count >= 4 ? 2 : 1, word.count / 3) else { return nil }
  return best.name
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
