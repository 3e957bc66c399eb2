// Label sets of many series in one piece of memory: what queries group, match and hash.
//
//   bytes   │ 3 job 3 api 4 zone 1 a │ 3 job 2 db │ …     per label, ascending by name: length, name, length, value
//   ends    │ 20                     │ 30         │ …
//
// A length below 255 is one byte; otherwise the byte 255 is followed by three bytes, the least significant first. These are
// the bytes that Prometheus hashes (formats.md 3.3 there: builds without the tag `slicelabels`).
internal import CTSDB

/// One label set's bytes, or a part of them. See the drawing above.
public typealias LabelBytes = ArraySlice<UInt8>

/// Label sets in flat memory, each known by its index.
public struct LabelSets: Sendable {
  /// Where the first set ends, the second, and so on, in `bytes`.
  public private(set) var ends: [Int] = []
  /// The sets, one behind the other.
  public private(set) var bytes: [UInt8] = []

  /// Most bytes of a name or a value.
  public static let textBytesMax = (1 << 24) - 1

  /// No sets.
  public init() {}

  /// How many sets there are.
  public var count: Int { ends.count }

  /// Bytes that the sets take.
  public var usedBytes: Int { bytes.count + 8 * ends.count }

  /// The bytes of set `index`.
  public subscript(index: Int) -> LabelBytes { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

  /// Forgets all sets and keeps the memory.
  public mutating func removeAll() {
    ends.removeAll(keepingCapacity: true)
    bytes.removeAll(keepingCapacity: true)
  }

  /// Makes room.
  public mutating func reserveCapacity(sets: Int, bytes count: Int) {
    ends.reserveCapacity(sets)
    bytes.reserveCapacity(count)
  }

  /// Adds a set whose bytes are those of another.
  public mutating func append(_ set: LabelBytes) {
    bytes += set
    ends.append(bytes.count)
  }

  /// Adds a set of at most `size` bytes that `body` writes; it returns how many they are.
  package mutating func append(upTo size: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Int) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: size))
    let written = unsafe bytes.withUnsafeMutableBufferPointer { all in
      unsafe body(UnsafeMutableBufferPointer(rebasing: all[start...]))
    }
    bytes.removeLast(size - written)
    closeSet()
  }

  /// Adds the sets `range` of another.
  public mutating func append(_ other: LabelSets, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    if ends.isEmpty, range == 0..<other.count {
      self = other
      return
    }
    let start = range.lowerBound == 0 ? 0 : other.ends[range.lowerBound - 1]
    let distance = bytes.count - start
    bytes += other.bytes[start..<other.ends[range.upperBound - 1]]
    for end in other.ends[range] { ends.append(end + distance) }
  }

  /// Lets `body` write `count` sets of at most `bytes` bytes behind those that are there: it gets the place of the first, and
  /// an array for where each ends, counted from there, and returns whether it could. If not, nothing is added.
  package mutating func append(
    sets count: Int, upTo size: Int, _ body: (UnsafeMutableBufferPointer<UInt8>, UnsafeMutablePointer<Int>) -> Bool
  ) -> Bool {
    let start = bytes.count
    var newEnds: [Int] = []
    var isWritten = false
    let added = unsafe [UInt8](unsafeUninitializedCapacity: size) { room, written in
      unsafe newEnds = [Int](unsafeUninitializedCapacity: count) { ends, endCount in
        guard let first = ends.baseAddress else {
          isWritten = true
          return
        }
        isWritten = unsafe body(room, first)
        endCount = isWritten ? count : 0
      }
      written = newEnds.last ?? 0
    }
    guard isWritten else { return false }
    if ends.isEmpty {
      (bytes, ends) = (added, newEnds)
      return true
    }
    bytes += added
    ends.reserveCapacity(ends.count + count)
    for end in newEnds { ends.append(start + end) }
    return true
  }

  /// Adds a set as a value.
  public mutating func append(_ labels: Labels) {
    for label in labels { appendLabel(label.name.utf8, label.value.utf8) }
    closeSet()
  }

  /// Adds a label to the set that is being made: call it in ascending order of names, then `closeSet`. A label without a value
  /// is left out. Texts longer than `textBytesMax` are cut.
  public mutating func appendLabel(_ name: some Collection<UInt8>, _ value: some Collection<UInt8>) {
    guard !value.isEmpty else { return }
    appendText(name)
    appendText(value)
  }

  /// Ends the set that is being made.
  public mutating func closeSet() { ends.append(bytes.count) }

  private mutating func appendText(_ text: some Collection<UInt8>) {
    let count = min(text.count, Self.textBytesMax)
    if count < 255 {
      bytes.append(UInt8(count))
    } else {
      bytes += [255, UInt8(count & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count >> 16)]
    }
    bytes += text.prefix(count)
  }

  /// Prometheus' hash of set `index`: xxHash64 over its bytes.
  public func hash(_ index: Int) -> UInt64 { labelBytesHash(self[index]) }
}

/// xxHash64, seed 0, of a set's bytes.
public func labelBytesHash(_ set: LabelBytes) -> UInt64 {
  unsafe set.withUnsafeBytes { bytes in
    unsafe tsdb_xxhash64_of(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, 0)
  }
}

/// A walk over the labels of one set.
public struct LabelBytesIterator: IteratorProtocol, Sequence, Sendable {
  private let bytes: LabelBytes
  private var position: Int

  /// A walk over `set`, which must have been made by `LabelSets`.
  public init(_ set: LabelBytes) {
    bytes = set
    position = set.startIndex
  }

  /// The next label, its name and its value; `whole` is both with their lengths.
  public mutating func next() -> (name: LabelBytes, value: LabelBytes, whole: LabelBytes)? {
    guard position < bytes.endIndex else { return nil }
    let start = position
    let name = text()
    let value = text()
    return (name, value, bytes[start..<position])
  }

  private mutating func text() -> LabelBytes {
    guard position < bytes.endIndex else { return [] }
    var count = Int(bytes[position])
    position += 1
    if count == 255, bytes.endIndex - position >= 3 {
      count = Int(bytes[position]) | Int(bytes[position + 1]) << 8 | Int(bytes[position + 2]) << 16
      position += 3
    }
    let start = position
    position += Swift.min(bytes.endIndex - position, count)
    return bytes[start..<position]
  }
}

extension Labels {
  /// The labels of a set, as strings: for the edges of the process.
  public init(_ set: LabelBytes) {
    self.init(
      labels: LabelBytesIterator(set).map {
        Label(name: String(decoding: $0.name, as: UTF8.self), value: String(decoding: $0.value, as: UTF8.self))
      })
  }
}
