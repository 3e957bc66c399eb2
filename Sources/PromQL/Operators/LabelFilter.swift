// Which labels of a set an operator keeps, by the C core's filter.
internal import CTSDB
internal import TSModel

/// Which labels of a set remain.
struct LabelFilter: Sendable {
  private let names: LabelNameTable
  private let keeps: Bool

  /// Only labels of these names.
  static func keeping(_ names: some Sequence<[UInt8]>) -> LabelFilter { LabelFilter(names: names, keeps: true) }
  /// All labels but those of these names.
  static func dropping(_ names: some Sequence<[UInt8]>) -> LabelFilter { LabelFilter(names: names, keeps: false) }
  /// All labels but those that tell of the metric.
  static let withoutMetadata = dropping(LabelNames.metadata)

  private init(names: some Sequence<[UInt8]>, keeps: Bool) {
    self.names = LabelNameTable(names)
    self.keeps = keeps
  }

  /// Whether no label remains, whatever the set.
  var keepsNone: Bool { keeps && names.isEmpty }

  /// The bytes of the labels of `set` that remain.
  func apply(_ set: LabelBytes) -> [UInt8] {
    var result: [UInt8] = []
    apply(set, into: &result)
    return result
  }

  /// Replaces what `result` holds by the bytes of the labels of `set` that remain.
  func apply(_ set: LabelBytes, into result: inout [UInt8]) {
    guard !keepsNone, !set.isEmpty else { return result.removeAll(keepingCapacity: true) }
    if result.count < set.count { result.append(contentsOf: repeatElement(0, count: set.count - result.count)) }
    let size = unsafe result.withUnsafeMutableBufferPointer { unsafe apply(set, into: $0) }
    result.removeLast(result.count - size)
  }

  /// Writes the bytes of the labels of `set` that remain, and returns how many they are; `room` is as large as the set.
  func apply(_ set: LabelBytes, into room: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var size = 0
    let status = unsafe set.withUnsafeBufferPointer { unsafe names.filter($0, keeps: keeps, into: room, &size) }
    // What is no label set has no labels; sets are made by `LabelSets` alone.
    return status == TSDB_OK ? size : 0
  }
}

extension LabelSets {
  /// Adds what `filter` leaves of a set.
  mutating func append(_ set: LabelBytes, _ filter: LabelFilter) {
    unsafe append(upTo: set.count) { room in unsafe filter.apply(set, into: room) }
  }
}

/// Names of labels where C finds them: ascending, each once.
@safe private final class LabelNameTable: @unchecked Sendable {
  // Sendable because nothing changes after `init`.
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let texts: UnsafeMutableBufferPointer<tsdb_label_text>

  init(_ names: some Sequence<[UInt8]>) {
    let sorted = Set(names).sorted { compareBytes($0, $1) < 0 }
    unsafe bytes = .allocate(capacity: sorted.reduce(0) { $0 + $1.count })
    unsafe texts = .allocate(capacity: sorted.count)
    var position = 0
    for (index, name) in sorted.enumerated() {
      let place = unsafe UnsafeMutableBufferPointer(rebasing: bytes[position..<position + name.count])
      _ = unsafe place.initialize(fromContentsOf: name)
      unsafe texts.initializeElement(
        at: index, to: tsdb_label_text(bytes: UnsafePointer(place.baseAddress), size: name.count))
      position += name.count
    }
  }

  deinit {
    unsafe texts.deallocate()
    unsafe bytes.deallocate()
  }

  var isEmpty: Bool { unsafe texts.isEmpty }

  /// The bytes of the labels that have one of the names, or have none of them.
  func filter(
    _ set: UnsafeBufferPointer<UInt8>, keeps: Bool, into room: UnsafeMutableBufferPointer<UInt8>, _ size: inout Int
  ) -> tsdb_status {
    keeps
      ? unsafe tsdb_label_set_keep(
        set.baseAddress, set.count, texts.baseAddress, texts.count, room.baseAddress, room.count, &size)
      : unsafe tsdb_label_set_drop(
        set.baseAddress, set.count, texts.baseAddress, texts.count, room.baseAddress, room.count, &size)
  }
}
