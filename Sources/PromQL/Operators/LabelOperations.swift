// What operators do to label sets, on their bytes.
internal import CTSDB
package import TSModel

/// Names of labels, as bytes.
enum LabelNames {
  static let name = Array("__name__".utf8)
  static let bucket = Array("le".utf8)
  /// Labels that tell of the metric rather than of the series: they go where a result is no longer that metric. Sorted.
  static let metadata = [name, Array("__type__".utf8), Array("__unit__".utf8)]
}

/// The order of bytes: negative, zero or positive as `a` is before, the same as or behind `b`.
func compareBytes(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Int {
  var (left, right) = (a.makeIterator(), b.makeIterator())
  while true {
    switch (left.next(), right.next()) {
    case (nil, nil): return 0
    case (nil, _): return -1
    case (_, nil): return 1
    case (let x?, let y?): if x != y { return x < y ? -1 : 1 }
    }
  }
}

/// Prometheus' order of label sets: pair by pair the bytes of the names, then of the values; then the number of labels.
package func compareLabels(_ a: LabelBytes, _ b: LabelBytes) -> Int {
  var (left, right) = (LabelBytesIterator(a), LabelBytesIterator(b))
  while true {
    switch (left.next(), right.next()) {
    case (nil, nil): return 0
    case (nil, _): return -1
    case (_, nil): return 1
    case (let x?, let y?):
      if x.whole.elementsEqual(y.whole) { continue }
      let order = compareBytes(x.name, y.name)
      return order != 0 ? order : compareBytes(x.value, y.value)
    }
  }
}

/// The value of label `name` in `set`; empty where there is none.
func labelValue(_ set: LabelBytes, _ name: [UInt8]) -> LabelBytes {
  let place = unsafe set.withUnsafeBufferPointer { bytes -> Range<Int>? in
    var (value, isFound) = unsafe (tsdb_label_text(), false)
    let status = unsafe tsdb_label_set_find(bytes.baseAddress, bytes.count, name, name.count, &value, &isFound)
    guard status == TSDB_OK, isFound, let first = bytes.baseAddress, let start = unsafe value.bytes else { return nil }
    return unsafe (start - first)..<(start - first + value.size)
  }
  guard let place else { return [] }
  return set[(set.startIndex + place.lowerBound)..<(set.startIndex + place.upperBound)]
}

/// A label's value as a string.
func labelText(_ set: LabelBytes, _ name: [UInt8]) -> String {
  String(decoding: labelValue(set, name), as: UTF8.self)
}

/// Changes labels of one set.
struct LabelEditor {
  private var labels: [(name: [UInt8], value: [UInt8])]

  init(_ set: LabelBytes) { labels = LabelBytesIterator(set).map { (Array($0.name), Array($0.value)) } }

  /// Gives label `name` this value; an empty one takes it out.
  mutating func set(_ name: [UInt8], _ value: some Collection<UInt8>) {
    labels.removeAll { $0.name == name }
    guard !value.isEmpty else { return }
    let place = labels.firstIndex { compareBytes($0.name, name) > 0 } ?? labels.count
    labels.insert((name, Array(value)), at: place)
  }

  /// The labels that are left.
  var bytes: [UInt8] {
    var sets = LabelSets()
    for label in labels { sets.appendLabel(label.name, label.value) }
    return sets.bytes
  }
}

/// A set as Prometheus prints it in messages: `{__name__="up", job="api"}`.
func labelSetText(_ set: LabelBytes) -> String {
  let labels = LabelBytesIterator(set).map { label in
    let isPlain = label.name.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"): index > 0
      default: false
      }
    }
    return (isPlain ? String(decoding: label.name, as: UTF8.self) : quotedText(label.name)) + "="
      + quotedText(label.value)
  }
  return "{" + labels.joined(separator: ", ") + "}"
}
