// Float samples as columns: a timestamp, a value and a start timestamp a row.
internal import CTSDB

/// Decoded float samples in three parallel columns. The memory is kept when the columns are emptied, so that decoding one
/// chunk after the other allocates nothing once the largest has been seen.
@safe public struct FloatColumns: ~Copyable {
  // One allocation each; the first `count` entries are initialised. Written by the methods below only.
  private var timestamps: UnsafeMutablePointer<Int64>
  private var values_: UnsafeMutablePointer<Double>
  private var startTimestamps: UnsafeMutablePointer<Int64>
  private var capacity: Int

  /// Samples in the columns.
  public private(set) var count: Int

  /// No samples; memory is taken with the first chunk.
  public init() {
    unsafe timestamps = UnsafeMutablePointer<Int64>.allocate(capacity: 0)
    unsafe values_ = UnsafeMutablePointer<Double>.allocate(capacity: 0)
    unsafe startTimestamps = UnsafeMutablePointer<Int64>.allocate(capacity: 0)
    capacity = 0
    count = 0
  }

  deinit {
    unsafe timestamps.deallocate()
    unsafe values_.deallocate()
    unsafe startTimestamps.deallocate()
  }

  /// Milliseconds since the Unix epoch, `count` of them, in the order of the chunks.
  public var timestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: timestamps, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The values, `count` of them. A stale marker is the NaN with the bits 0x7FF0000000000002.
  public var values: Span<Double> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: values_, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Since when a counter has been counting, milliseconds since the Unix epoch, `count` of them; 0 where none is known (always
  /// in chunks of encoding `.xor`).
  public var startTimestampsMs: Span<Int64> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(_unsafeStart: startTimestamps, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Forgets the samples and keeps the memory.
  public mutating func removeAll() { count = 0 }

  /// Makes room for this many samples altogether. For a caller that knows how many chunks are to come.
  public mutating func reserveCapacity(_ minimum: Int) {
    guard minimum > capacity else { return }
    let grown = max(minimum, 2 * capacity, 128)
    func move<Element>(_ old: UnsafeMutablePointer<Element>) -> UnsafeMutablePointer<Element> {
      // On a cache line's start: decoding writes whole lines, and none of its stores then crosses two.
      let memory = UnsafeMutableRawPointer.allocate(byteCount: grown * MemoryLayout<Element>.stride, alignment: 64)
      let new = unsafe memory.bindMemory(to: Element.self, capacity: grown)
      unsafe new.moveInitialize(from: old, count: count)
      unsafe old.deallocate()
      return unsafe new
    }
    unsafe timestamps = move(timestamps)
    unsafe values_ = move(values_)
    unsafe startTimestamps = move(startTimestamps)
    capacity = grown
  }

  /// Calls `body` with times, values and start times of the samples from `start` on, and how many they are, and takes those
  /// behind the number that it returns out.
  package mutating func filter(
    from start: Int,
    _ body: (UnsafeMutablePointer<Int64>, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Int64>, Int) -> Int
  ) {
    precondition(start >= 0 && start <= count, "samples from \(start) on of \(count)")
    let kept = unsafe body(timestamps + start, values_ + start, startTimestamps + start, count - start)
    precondition(kept >= 0 && kept <= count - start, "\(kept) samples left of \(count - start)")
    count = start + kept
  }

  /// Lets `body` write up to `count` samples behind those that are there; it gets the places of the first (timestamps, values,
  /// start timestamps, each with room for `count`) and returns how many it wrote. If it throws, nothing is added.
  package mutating func append<Failure: Error>(
    upTo count: Int,
    _ body: (UnsafeMutablePointer<Int64>, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Int64>) throws(Failure)
      -> Int
  ) throws(Failure) {
    reserveCapacity(self.count + count)
    let written = unsafe try body(timestamps + self.count, values_ + self.count, startTimestamps + self.count)
    precondition(written >= 0 && written <= count, "\(written) samples in the room of \(count)")
    self.count += written
  }

  /// Lets `body` change the samples from `start` on in place; it gets their places and their number, and returns how many are left.
  mutating func rewrite(
    from start: Int,
    _ body: (UnsafeMutablePointer<Int64>, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Int64>, Int) -> Int
  ) {
    guard start < count else { return }
    let left = unsafe body(timestamps + start, values_ + start, startTimestamps + start, count - start)
    count = start + min(max(left, 0), count - start)
  }

  /// Adds one sample behind the others. For tests and small sources: batches go by `append(upTo:)`.
  public mutating func append(timestampMs: Int64, value: Double, startTimestampMs: Int64 = 0) {
    unsafe append(upTo: 1) { timestamps, values, starts in
      unsafe timestamps[0] = timestampMs
      unsafe values[0] = value
      unsafe starts[0] = startTimestampMs
      return 1
    }
  }

  /// Brings the samples from `start` on, which ascend, between those before, which do, too. Of two of one time the one that was
  /// there before stays.
  public mutating func mergeRun(from start: Int) {
    guard start > 0, start < count else { return }
    let last = count
    let merged = unsafe withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * start) { times in
      unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: start) { values in
        unsafe tsdb_float_runs_merge(
          timestamps, values_, startTimestamps, start, last, times.baseAddress, values.baseAddress)
      }
    }
    count = merged
  }

  /// Takes stale markers out.
  public mutating func removeStaleMarkers() {
    unsafe count = tsdb_stale_remove(timestamps, values_, startTimestamps, count)
  }
}
