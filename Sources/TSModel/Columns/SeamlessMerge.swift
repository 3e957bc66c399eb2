// Samples of several replicas become those of one without holes and without resets of their own (`tsdb/replica_seamless.h`).
internal import CTSDB

/// The samples of one replica, or of several merged: times strictly ascending, values, and the rows they come from.
public struct SeamlessColumn: Sendable {
  /// Milliseconds since the Unix epoch.
  public private(set) var timestampsMs: [Int64] = []
  /// Values, lifted where one replica lagged behind another.
  public private(set) var values: [Double] = []
  /// Where each sample was.
  public private(set) var rows: [UInt32] = []

  private init() {}

  /// The rows `places` of a table of times and values in order of time, each time once.
  public init(places: [Int], timestampsMs times: Span<Int64>, values: Span<Double>) {
    var places = places
    let isAscending = places.indices.dropFirst().allSatisfy { times[places[$0 - 1]] < times[places[$0]] }
    if !isAscending { places.sort { (times[$0], $0) < (times[$1], $1) } }
    for row in places where timestampsMs.last != times[row] {
      timestampsMs.append(times[row])
      self.values.append(values[row])
      rows.append(UInt32(clamping: row))
    }
  }

  /// Both replicas as one; `usesValues`: they are those of a counter, which does not fall where one follows the other.
  public func merged(with other: SeamlessColumn, usesValues: Bool) -> SeamlessColumn {
    var state = tsdb_seamless()
    unsafe tsdb_seamless_init(&state, usesValues)
    var runs = [tsdb_seamless_run](repeating: tsdb_seamless_run(), count: 64)
    var result = SeamlessColumn()
    var taken = 0
    repeat {
      taken = unsafe timestampsMs.withUnsafeBufferPointer { times in
        unsafe values.withUnsafeBufferPointer { values in
          unsafe other.timestampsMs.withUnsafeBufferPointer { otherTimes in
            unsafe other.values.withUnsafeBufferPointer { otherValues in
              var a = unsafe tsdb_seamless_list(
                timestamps_ms: times.baseAddress, values: usesValues ? values.baseAddress : nil, count: times.count)
              var b = unsafe tsdb_seamless_list(
                timestamps_ms: otherTimes.baseAddress, values: usesValues ? otherValues.baseAddress : nil,
                count: otherTimes.count)
              return unsafe tsdb_seamless_run_lists(&state, &a, &b, &runs, runs.count)
            }
          }
        }
      }
      for run in runs[..<taken] {
        let source = run.run.list == 0 ? self : other
        for index in Int(run.run.first)..<Int(run.run.first + run.run.count) {
          result.timestampsMs.append(source.timestampsMs[index])
          result.values.append(source.values[index] + run.lift)
          result.rows.append(source.rows[index])
        }
      }
    } while taken == runs.count
    return result
  }
}

extension SampleColumns {
  /// Adds the samples of `replicas`, which lie in `all`, as `seamless` takes them.
  public mutating func append(seamless replicas: [ReplicaRange], of all: borrowing SampleColumns, isCounter: Bool) {
    let times = all.timeline(of: replicas)
    guard times.count > 0 else { return }
    let usesValues = isCounter && times.areFloats.allSatisfy { $0 != 0 }
    var merged: SeamlessColumn?
    for index in replicas.indices {
      let next = SeamlessColumn(
        places: Array(times.starts[index]..<times.starts[index + 1]), timestampsMs: times.timestampsMs.span,
        values: times.values.span)
      merged = merged.map { $0.merged(with: next, usesValues: usesValues) } ?? next
    }
    guard let merged else { return }
    take(PickedSamples(places: merged.rows, values: merged.values), times, all)
  }
}
