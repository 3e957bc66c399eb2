// Series of equal labels in several blocks, group by group: Sources/CTSDB/series_groups.c finds them, this brings windows.
internal import CTSDB
internal import TSModel

/// Walks through all series of several inputs, in the order of labels.
@safe struct SeriesGroups: ~Copyable {
  private let inputs: [MergeInput]
  private let sources: UnsafeMutableBufferPointer<tsdb_group_source>
  private let heap: UnsafeMutableBufferPointer<UInt32>
  private let group: UnsafeMutableBufferPointer<UInt32>
  private var groups = unsafe tsdb_series_groups()

  init(_ inputs: [MergeInput]) {
    self.inputs = inputs
    unsafe sources = .allocate(capacity: inputs.count)
    unsafe sources.initialize(repeating: tsdb_group_source())
    unsafe heap = .allocate(capacity: inputs.count)
    unsafe group = .allocate(capacity: inputs.count)
    unsafe groups.sources = sources.baseAddress
    unsafe groups.source_count = inputs.count
    unsafe groups.heap = heap.baseAddress
    unsafe groups.group = group.baseAddress
  }

  deinit {
    unsafe sources.deallocate()
    unsafe heap.deallocate()
    unsafe group.deallocate()
  }

  /// Reads the first windows. Throws what reading throws.
  mutating func begin() throws(StorageError) {
    for index in inputs.indices { try fill(index) }
  }

  /// The inputs that are at the next series, or nil at the end.
  mutating func next() -> [MergeInput]? {
    guard unsafe tsdb_groups_next(&groups) else { return nil }
    var members: [MergeInput] = []
    let count = unsafe groups.group_count
    members.reserveCapacity(count)
    for place in 0..<count {
      let index = unsafe Int(group[place])
      unsafe inputs[index].position = sources[index].position
      members.append(inputs[index])
    }
    return members
  }

  /// Leaves the current group. Throws what reading throws.
  mutating func advance() throws(StorageError) {
    var used = 0
    while unsafe !tsdb_groups_advance(&groups, &used) { try fill(used) }
  }

  private mutating func fill(_ index: Int) throws(StorageError) {
    guard try inputs[index].readWindow() else { return }
    unsafe sources[index] = inputs[index].source
    unsafe tsdb_groups_push(&groups, index)
  }
}
