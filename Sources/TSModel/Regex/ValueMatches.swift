// Which of the many values of one label a matcher takes, found over the values where they lie.

/// Values of one label, as a table of an index holds them: ascending by bytes, no value twice.
@safe public struct SortedValues {
  /// What the slices point into. Their offsets ascend.
  public let bytes: UnsafeRawBufferPointer
  /// Offset and size of each value in `bytes`, two numbers a value.
  public let slices: UnsafeBufferPointer<UInt32>

  /// `slices` holds offset and size of each value in `bytes`; all must lie inside. Borrowed: both must outlive this value.
  public init(unsafeBytes bytes: UnsafeRawBufferPointer, slices: UnsafeBufferPointer<UInt32>) {
    unsafe self.bytes = bytes
    unsafe self.slices = slices
  }

  /// How many values there are.
  public var count: Int { unsafe slices.count / 2 }

  /// The bytes of the value at `index`.
  public subscript(index: Int) -> UnsafeRawBufferPointer {
    let (offset, size) = unsafe (Int(slices[2 * index]), Int(slices[2 * index + 1]))
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size])
  }

  /// The first index of `range` whose value is not below `value`.
  func lowerBound(_ value: UnsafeRawBufferPointer, in range: Range<Int>) -> Int {
    unsafe partition(range) { unsafe compareBytes($0, value) < 0 }
  }

  /// The indices of the values that start with `prefix`.
  func range(startingWith prefix: [UInt8]) -> Range<Int> {
    guard !prefix.isEmpty else { return 0..<count }
    return unsafe prefix.withUnsafeBytes { prefix in
      let start = unsafe lowerBound(prefix, in: 0..<count)
      let end = unsafe partition(start..<count) { value in
        unsafe value.count >= prefix.count
          && compareBytes(UnsafeRawBufferPointer(rebasing: value[..<prefix.count]), prefix) == 0
      }
      return start..<end
    }
  }

  /// The first index of `range` for whose value `isBefore` no longer holds.
  private func partition(_ range: Range<Int>, _ isBefore: (UnsafeRawBufferPointer) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = low + (high - low) / 2
      if unsafe isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Indices of values, ascending.
public enum ValueMatches: Sendable {
  /// All of a range.
  case range(Range<Int>)
  /// These.
  case indices([UInt32])

  /// How many there are.
  public var count: Int {
    switch self {
    case .range(let range): range.count
    case .indices(let indices): indices.count
    }
  }

  /// All of 0…`total` that are not among these.
  public func complement(of total: Int) -> ValueMatches {
    switch self {
    case .range(let range) where range.isEmpty: return .range(0..<total)
    case .range(let range) where range.lowerBound == 0: return .range(range.upperBound..<total)
    case .range(let range) where range.upperBound == total: return .range(0..<range.lowerBound)
    case .range(let range):
      return .indices((0..<range.lowerBound).map { UInt32($0) } + (range.upperBound..<total).map { UInt32($0) })
    case .indices(let indices):
      var result: [UInt32] = []
      result.reserveCapacity(total - indices.count)
      var next: UInt32 = 0
      for index in indices {
        result.append(contentsOf: next..<index)
        next = index + 1
      }
      result.append(contentsOf: next..<max(next, UInt32(total)))
      return .indices(result)
    }
  }
}

extension LabelMatcher {
  /// Which of `values` fulfil the condition. Throws `.size` where RE2 would have to look at a value longer than
  /// `LabelRegex.valueBytesMax`.
  public func matching(_ values: SortedValues) throws(ModelError) -> ValueMatches {
    switch kind {
    case .equal, .notEqual:
      let found = unsafe valueBytes.withUnsafeBytes { value in
        let index = unsafe values.lowerBound(value, in: 0..<values.count)
        return unsafe index < values.count && compareBytes(values[index], value) == 0 ? index..<index + 1 : 0..<0
      }
      return kind == .equal ? .range(found) : ValueMatches.range(found).complement(of: values.count)
    case .regex, .notRegex:
      let found = try regex?.matching(values) ?? .range(0..<0)
      return kind == .regex ? found : found.complement(of: values.count)
    }
  }
}
