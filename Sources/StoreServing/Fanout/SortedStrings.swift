// Strings of several stores become one list: ascending by bytes, each once.

/// Lists of strings by their bytes.
enum SortedStrings {
  /// The strings of both, `a` being in order already. `b` should be; where it is not, it is sorted.
  static func union(_ a: [String], _ b: [String]) -> [String] {
    let b = isAscending(b) ? b : ascending(b)
    if a.isEmpty { return b }
    var all: [String] = []
    all.reserveCapacity(a.count + b.count)
    var (left, right) = (0, 0)
    while left < a.count, right < b.count {
      let order = compare(a[left], b[right])
      all.append(order <= 0 ? a[left] : b[right])
      if order <= 0 { left += 1 }
      if order >= 0 { right += 1 }
    }
    all += a[left...]
    all += b[right...]
    return all
  }

  private static func isAscending(_ strings: [String]) -> Bool {
    for index in strings.indices.dropFirst() where compare(strings[index - 1], strings[index]) >= 0 { return false }
    return true
  }

  private static func ascending(_ strings: [String]) -> [String] {
    var result: [String] = []
    for string in strings.sorted(by: { compare($0, $1) < 0 }) where result.last.map({ compare($0, string) < 0 }) ?? true
    {
      result.append(string)
    }
    return result
  }

  /// Negative, 0 or positive, by bytes.
  private static func compare(_ a: String, _ b: String) -> Int {
    var (a, b) = (a, b)
    return a.withUTF8 { a in
      b.withUTF8 { b in
        for index in 0..<min(a.count, b.count) where unsafe a[index] != b[index] {
          return unsafe a[index] < b[index] ? -1 : 1
        }
        return a.count - b.count
      }
    }
  }
}
