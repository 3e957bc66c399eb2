// The samples of a cluster: chunks of one series whose times overlap, decoded, and put into one order.
//
//   rows      one a sample, chunk after chunk: time, value, start time
//   lists     which rows are those of each chunk
//   order     rows in the order of the result, each time once
//
// Floats are columns all the way. Native histograms, which overlap far less often, are values; seamless deduplication, which
// compares them, reads them in a pool.
internal import CTSDB
internal import TSModel

/// Decoded chunks of one series. The memory is kept from cluster to cluster.
@safe struct ClusterSamples: ~Copyable {
  /// What a chunk holds.
  enum Kind {
    case floats, intHistograms, floatHistograms
  }

  /// The samples of one chunk.
  struct List {
    /// What they are.
    let kind: Kind
    /// Their rows.
    let rows: Range<Int>
    /// Where its histograms begin, of those of all chunks.
    let firstHistogram: Int
  }

  /// Times, start times and, of floats, values: a row a sample.
  private(set) var rows = FloatColumns()
  /// The chunks, in the order in which they were added.
  private(set) var lists: [List] = []
  /// The histograms of those chunks that hold such.
  private(set) var histograms: [Histogram] = []
  /// Rows in the order of the result.
  private(set) var order: [UInt32] = []
  /// Values in the order of the result, where they are not those of the rows.
  private(set) var lifted: [Double] = []

  private var columns = HistogramColumns()

  init() {}

  /// Forgets everything.
  mutating func removeAll() {
    rows.removeAll()
    lists.removeAll(keepingCapacity: true)
    histograms.removeAll(keepingCapacity: true)
    order.removeAll(keepingCapacity: true)
    lifted.removeAll(keepingCapacity: true)
  }

  /// Adds a chunk of floats or of histograms. Throws what is wrong with it.
  mutating func append(_ bytes: RawSpan, encoding: ChunkEncoding) throws(StorageError) {
    let start = rows.count
    if encoding.isFloat {
      try rows.append(decoding: bytes, encoding: encoding)
      lists.append(List(kind: .floats, rows: start..<rows.count, firstHistogram: 0))
      return
    }
    try columns.decode(bytes, encoding: encoding)
    let first = histograms.count
    for index in 0..<columns.count {
      histograms.append(columns.histogram(at: index))
      let (time, start) = (columns.timestampsMs[index], columns.startTimestampsMs[index])
      rows.append(timestampMs: time, value: 0, startTimestampMs: start)
    }
    lists.append(
      List(
        kind: columns.isFloat ? .floatHistograms : .intHistograms, rows: start..<rows.count, firstHistogram: first))
  }

  /// Brings all samples into order, each time once, as `Deduplication.chain` says. `lists` in the order that `add` had.
  mutating func chain() {
    var order: [UInt32] = []
    order.reserveCapacity(rows.count)
    let count = lists.count
    let room = 256
    unsafe withUnsafeTemporaryAllocation(of: tsdb_sample_list.self, capacity: count) { sources in
      unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: count) { heap in
        unsafe withUnsafeTemporaryAllocation(of: tsdb_sample_run.self, capacity: room) { runs in
          unsafe rows.timestampsMs.withUnsafeBufferPointer { times in
            for index in 0..<count {
              let list = lists[index].rows
              unsafe sources.initializeElement(
                at: index,
                to: tsdb_sample_list(
                  timestamps_ms: times.baseAddress.map { unsafe $0 + list.lowerBound }, count: list.count, position: 0))
            }
            var chain = unsafe tsdb_sample_chain(
              lists: sources.baseAddress, list_count: count, heap: heap.baseAddress, heap_count: 0, current: 0,
              has_current: false, has_last: false, last_ms: 0)
            unsafe tsdb_sample_chain_init(&chain)
            var taken = 0
            repeat {
              unsafe tsdb_sample_chain_run(&chain, runs.baseAddress, room, &taken)
              for index in 0..<taken {
                let run = unsafe runs[index]
                let first = UInt32(clamping: lists[Int(run.list)].rows.lowerBound) &+ run.first
                order.append(contentsOf: first..<first &+ run.count)
              }
            } while taken > 0
          }
        }
      }
    }
    self.order = order
  }

  /// Brings samples into order as `Deduplication.penalty` says: the lists, which are of one kind, folded one after the other.
  mutating func penalty() {
    let count = rows.count
    let times = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 3 * count)
    let numbers = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: 2 * count)
    defer {
      unsafe times.deallocate()
      unsafe numbers.deallocate()
    }
    guard let time = times.baseAddress, let number = numbers.baseAddress else { return }
    var column = unsafe tsdb_penalty_column(timestamps_ms: time, rows: number, skips_ms: time + count, count: 0)
    unsafe rows.timestampsMs.withUnsafeBufferPointer { all in
      for index in 0..<lists.count {
        let list = lists[index].rows
        unsafe tsdb_penalty_fold(
          &column, all.baseAddress.map { unsafe $0 + list.lowerBound }, list.count, UInt32(clamping: list.lowerBound),
          time + 2 * count, number + count)
      }
    }
    unsafe order = Array(numbers[..<column.count])
  }

  /// Brings samples into order as `Deduplication.seamless` says. `replicas` tells of each list which replica it is of. Values of
  /// counters may be lifted, and histograms reduced to a coarser schema.
  mutating func seamless(replicas: [Int], isCounter: Bool) {
    var pool: HistogramPool?
    var places: [Int32] = []
    if !histograms.isEmpty {
      let filled = HistogramPool()
      for list in lists {
        for row in list.rows { places.append(list.kind == .floats ? -1 : filled.append(histogram(row: row, of: list))) }
      }
      pool = filled
    }
    var merged: SeamlessColumn?
    for replica in Set(replicas).sorted() {
      var own: [Int] = []
      for (list, number) in zip(lists, replicas) where number == replica { own += list.rows }
      let next = SeamlessColumn(
        places: own, timestampsMs: rows.timestampsMs, values: rows.values, histograms: places)
      merged = merged.map { $0.merged(with: next, isCounter: isCounter, pool: pool) } ?? next
    }
    guard let merged else { return }
    order = merged.rows
    lifted = isCounter && pool == nil ? merged.values : []
    reduce(to: merged.schemas)
  }

  /// Reduces histograms to a coarser schema: `schemas` as the order has them.
  private mutating func reduce(to schemas: [Int32]) {
    for (row, schema) in zip(order, schemas) where schema != SeamlessColumn.ownSchema {
      let list = list(of: Int(row))
      guard list.kind != .floats else { continue }
      let place = list.firstHistogram + Int(row) - list.rows.lowerBound
      histograms[place] = histograms[place].reduced(toSchema: schema)
    }
  }

  /// Times and values of the ordered samples, where they are floats.
  var orderedFloats: (timestampsMs: [Int64], values: [Double]) {
    (order.map { rows.timestampsMs[Int($0)] }, order.map { rows.values[Int($0)] })
  }

  /// The histogram of a row of list `list`.
  func histogram(row: Int, of list: List) -> Histogram { histograms[list.firstHistogram + row - list.rows.lowerBound] }

  /// Which list a row belongs to.
  func list(of row: Int) -> List {
    var (low, high) = (0, lists.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if lists[middle].rows.lowerBound <= row { low = middle } else { high = middle - 1 }
    }
    return lists[low]
  }
}
