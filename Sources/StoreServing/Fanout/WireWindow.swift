// Some series as a store sent them, ready to be merged: labels and chunks where they lie in its messages.
//
//   bytes    message │ message │ …               a copy of what came
//   blobs    where the labels of each series lie, or where they were written anew
//   order    indices of the series, ascending by labels
internal import CTSDB
internal import TSModel
internal import Transport

/// Messages of one store as a window of a merge. Filled by one task and then only read.
@safe final class WireWindow: MergeWindow {
  /// What the store says beside series.
  private(set) var warnings: [String] = []
  /// How the store came to what it says: serialized `google.protobuf.Any`s.
  private(set) var hints: [[UInt8]] = []
  /// How many series there are.
  private(set) var count = 0
  /// Copied bytes live as long as this does.
  var hasFault: Bool { false }

  private var window = unsafe tsdb_wire_window()
  private var order: UnsafeMutableBufferPointer<UInt32> = unsafe UnsafeMutableBufferPointer(start: nil, count: 0)
  /// Messages, and labels that were written anew.
  private var memory: [UnsafeMutableRawBufferPointer] = unsafe []
  private var charge: BudgetCharge

  /// No series yet; memory is charged to `budget`.
  init(budget: MemoryBudget) throws(BudgetExceeded) { charge = try BudgetCharge(budget, bytes: 0) }

  deinit {
    freeArrays()
    unsafe order.deallocate()
    for index in unsafe memory.indices { unsafe memory[index].deallocate() }
  }

  // MARK: Filling

  /// Why messages could not be taken.
  enum Refusal: Error, CustomStringConvertible {
    case budget(BudgetExceeded)
    case malformed(String)

    var description: String {
      switch self {
      case .budget(let error): "\(error)"
      case .malformed(let reason): reason
      }
    }
  }

  /// Adds the series of messages, without the labels named in `dropped`.
  @inline(never) func append(_ messages: GRPCMessages, dropping dropped: [[UInt8]]) throws(Refusal) {
    let bytes = unsafe try allocate(messages.bytes.count)
    unsafe messages.bytes.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) }
    let first = read
    if unsafe window.series_capacity == 0 { try grow(series: max(64, messages.count), chunks: max(64, messages.count)) }
    for range in messages {
      let message = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
      var notes = unsafe tsdb_wire_notes()
      var status = TSDB_ERR_CAPACITY
      while true {
        status = unsafe tsdb_series_response_scan(
          message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count, &window, &notes)
        guard status == TSDB_ERR_CAPACITY else { break }
        unsafe try grow(series: 2 * window.series_capacity, chunks: 2 * window.chunks_capacity)
      }
      guard status == TSDB_OK else {
        throw .malformed("a message of \(message.count) bytes is no SeriesResponse: \(Self.text(of: status))")
      }
      if unsafe notes.warning.size > 0 {
        unsafe warnings.append(
          String(decoding: UnsafeBufferPointer(start: notes.warning.bytes, count: notes.warning.size), as: UTF8.self))
      }
      if unsafe notes.hints.size > 0 {
        unsafe try reserve(notes.hints.size)
        unsafe hints.append(Array(UnsafeBufferPointer(start: notes.hints.bytes, count: notes.hints.size)))
      }
    }
    for index in first..<read where unsafe window.is_loose[index] != 0 || !dropped.isEmpty {
      try rewrite(index, dropping: dropped)
    }
  }

  /// The most labels of a series that are put into order.
  private static let labelsMax = 4096

  /// Writes the labels of a series anew.
  private func rewrite(_ index: Int, dropping dropped: [[UInt8]]) throws(Refusal) {
    let old = unsafe window.blobs[index]
    // Each label takes two bytes at least, and becomes at most 16 longer.
    let labelsMax = unsafe min(Self.labelsMax, old.size / 2)
    let room = unsafe try allocate(old.size + 16 * labelsMax)
    var (size, status) = (0, TSDB_OK)
    unsafe withUnsafeTemporaryAllocation(of: tsdb_bytes_view.self, capacity: 2 * labelsMax + dropped.count) { scratch in
      let names = unsafe UnsafeMutableBufferPointer(rebasing: scratch[(2 * labelsMax)...])
      unsafe Self.withViews(dropped, names) { names in
        unsafe status = tsdb_loose_labels_write(
          old, names, dropped.count, scratch.baseAddress, labelsMax,
          room.baseAddress?.assumingMemoryBound(to: UInt8.self),
          room.count, &size)
      }
    }
    guard status != TSDB_ERR_CAPACITY else {
      throw .malformed("a series has more than \(Self.labelsMax) labels, which are not in order")
    }
    guard status == TSDB_OK else { throw .malformed("labels of a series cannot be read: \(Self.text(of: status))") }
    unsafe window.blobs[index] = tsdb_bytes_view(
      bytes: UnsafeRawPointer(room.baseAddress)?.assumingMemoryBound(to: UInt8.self), size: size)
  }

  private static func withViews(
    _ names: [[UInt8]], _ views: UnsafeMutableBufferPointer<tsdb_bytes_view>,
    _ body: (UnsafePointer<tsdb_bytes_view>?) -> Void
  ) {
    let all = names.flatMap(\.self)
    unsafe all.withUnsafeBufferPointer { bytes in
      var start = 0
      for index in names.indices {
        unsafe views[index] = tsdb_bytes_view(
          bytes: bytes.baseAddress.map { unsafe $0 + start }, size: names[index].count)
        start += names[index].count
      }
      unsafe body(UnsafePointer(views.baseAddress))
    }
  }

  /// Ends filling: of the series those are left that `shard` takes. Without `sorting`, series must be in order, behind the last of
  /// `before`: those from the first on that is not are left out, and false is returned.
  func finish(sorting: Bool, _ shard: Shard? = nil, after before: WireWindow?) throws(BudgetExceeded) -> Bool {
    var isInOrder = true
    if !sorting {
      let good = unsafe tsdb_label_blobs_disorder(before?.last ?? tsdb_bytes_view(), window.blobs, read)
      isInOrder = good == read
      unsafe window.series_count = good
    }
    try charge.grow(by: 8 * read)
    unsafe order = .allocate(capacity: 2 * read)
    for index in 0..<read {
      if let shard, unsafe !shard.takes(window.blobs[index]) { continue }
      unsafe order[count] = UInt32(index)
      count += 1
    }
    if sorting, count > 1, let base = unsafe order.baseAddress {
      unsafe tsdb_label_blobs_sort(window.blobs, base, base + read, count)
    }
    return isInOrder
  }

  /// How many series were read.
  private var read: Int { unsafe window.series_count }

  /// The labels of the last series that was read.
  private var last: tsdb_bytes_view { unsafe read == 0 ? tsdb_bytes_view() : window.blobs[read - 1] }

  /// What chunks there are.
  struct ChunkSummary {
    /// Chunks of samples, and of aggregates.
    var rawCount: Int64 = 0, downsampledCount: Int64 = 0
    /// First and last instant; nil where there are none.
    var timeRange: TimeRange?
  }

  /// How many chunks were read.
  var chunkCount: Int { unsafe window.chunk_offsets.map { unsafe Int($0[read]) } ?? 0 }

  /// What chunks there are. Looks at each.
  var chunkSummary: ChunkSummary {
    var sum = ChunkSummary()
    let count = chunkCount
    guard count > 0 else { return sum }
    var range = TimeRange(minTimeMs: .max, maxTimeMs: .min)
    for index in 0..<count {
      if unsafe window.encodings[index] == UInt8(TSDB_CHUNK_WIRE_AGGREGATES) { sum.downsampledCount += 1 }
      unsafe range.minTimeMs = min(range.minTimeMs, window.min_times_ms[index])
      unsafe range.maxTimeMs = max(range.maxTimeMs, window.max_times_ms[index])
    }
    sum.rawCount = Int64(count) - sum.downsampledCount
    sum.timeRange = range
    return sum
  }

  // MARK: Merging

  func mergeSource(isLast: Bool, withChunks: Bool) -> tsdb_merge_source {
    var source = unsafe tsdb_merge_source()
    unsafe source.blobs = UnsafePointer(window.blobs)
    unsafe source.order = UnsafePointer(order.baseAddress)
    unsafe source.count = count
    unsafe source.is_last = isLast
    if withChunks {
      unsafe source.chunk_offsets = UnsafePointer(window.chunk_offsets)
      unsafe source.min_times_ms = UnsafePointer(window.min_times_ms)
      unsafe source.max_times_ms = UnsafePointer(window.max_times_ms)
      unsafe source.data = UnsafeRawPointer(window.data)?.assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
      unsafe source.sizes = UnsafePointer(window.sizes)
      unsafe source.encodings = UnsafePointer(window.encodings)
    }
    return unsafe source
  }

  // MARK: Memory

  private func reserve(_ size: Int) throws(Refusal) {
    do throws(BudgetExceeded) { try charge.grow(by: size) } catch { throw .budget(error) }
  }

  private func allocate(_ size: Int) throws(Refusal) -> UnsafeMutableRawBufferPointer {
    try reserve(size)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
    unsafe memory.append(bytes)
    return unsafe bytes
  }

  private func grow(series: Int, chunks: Int) throws(Refusal) {
    let (oldSeries, oldChunks) = unsafe (window.series_capacity, window.chunks_capacity)
    try reserve((series - oldSeries) * 21 + (chunks - oldChunks) * 29)
    let (count, chunkCount) = (read, chunkCount)
    unsafe window.blobs = Self.moved(window.blobs, count, to: series)
    unsafe window.is_loose = Self.moved(window.is_loose, count, to: series)
    let isFirst = unsafe window.chunk_offsets == nil
    unsafe window.chunk_offsets = Self.moved(window.chunk_offsets, isFirst ? 0 : count + 1, to: series + 1)
    if isFirst { unsafe window.chunk_offsets[0] = 0 }
    unsafe window.min_times_ms = Self.moved(window.min_times_ms, chunkCount, to: chunks)
    unsafe window.max_times_ms = Self.moved(window.max_times_ms, chunkCount, to: chunks)
    unsafe window.data = Self.moved(window.data, chunkCount, to: chunks)
    unsafe window.sizes = Self.moved(window.sizes, chunkCount, to: chunks)
    unsafe window.encodings = Self.moved(window.encodings, chunkCount, to: chunks)
    unsafe (window.series_capacity, window.chunks_capacity) = (series, chunks)
  }

  private static func moved<Element>(
    _ old: UnsafeMutablePointer<Element>?, _ count: Int, to capacity: Int
  ) -> UnsafeMutablePointer<Element> {
    let new = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    if let old = unsafe old {
      unsafe new.moveInitialize(from: old, count: count)
      unsafe old.deallocate()
    }
    return unsafe new
  }

  private func freeArrays() {
    unsafe window.blobs?.deallocate()
    unsafe window.is_loose?.deallocate()
    unsafe window.chunk_offsets?.deallocate()
    unsafe window.min_times_ms?.deallocate()
    unsafe window.max_times_ms?.deallocate()
    unsafe window.data?.deallocate()
    unsafe window.sizes?.deallocate()
    unsafe window.encodings?.deallocate()
  }

  private static func text(of status: tsdb_status) -> String {
    switch status {
    case TSDB_ERR_TRUNCATED: "it ends too early"
    case TSDB_ERR_ENCODING: "a chunk has an encoding that nobody knows"
    default: "it is malformed"
    }
  }
}
