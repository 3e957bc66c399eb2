// All values of one label name: flat arrays of places in the postings offset table, no string each.
internal import CTSDB
public import TSModel

/// The values of one label name, ascending by bytes, each with the place of its postings list.
public struct ValueTable: Sendable {
  /// The label name.
  public let name: String
  /// The memory that `slices` point into.
  public let region: ByteRegion
  /// Where each value's bytes lie in `region`.
  public let slices: [SymbolSlice]
  /// Where each value's postings list lies in the file, bytes.
  public let postingsOffsets: [UInt64]

  /// How many values there are.
  public var count: Int { slices.count }

  /// No values.
  static func empty(_ name: String) -> ValueTable {
    ValueTable(name: name, region: ByteRegion(copying: []), slices: [], postingsOffsets: [])
  }

  /// Calls `body` with the bytes of the value at `index`, valid only during the call.
  public func withValue<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let slice = slices[index]
    return unsafe region.withUnsafeBytes { bytes in
      unsafe body(UnsafeRawBufferPointer(rebasing: bytes[Int(slice.offset)..<Int(slice.offset) + Int(slice.size)]))
    }
  }

  /// The value at `index`, with invalid UTF-8 repaired.
  public func string(_ index: Int) -> String {
    unsafe withValue(index) { bytes in unsafe String(decoding: bytes, as: UTF8.self) }
  }

  /// Where `value` is among the values, or nil.
  public func index(of value: String) -> Int? {
    var value = value
    return value.withUTF8 { text in
      var low = 0
      var high = count
      while low < high {
        let middle = low + (high - low) / 2
        let order = unsafe withValue(middle) { bytes in unsafe compare(bytes, UnsafeRawBufferPointer(text)) }
        if order == 0 { return middle }
        if order < 0 { low = middle + 1 } else { high = middle }
      }
      return nil
    }
  }
}

/// Order by bytes, the shorter first where it is a prefix of the other: negative, 0, positive.
func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
  for index in 0..<min(a.count, b.count) {
    let (x, y) = unsafe (a[index], b[index])
    if x != y { return Int(x) - Int(y) }
  }
  return a.count - b.count
}
