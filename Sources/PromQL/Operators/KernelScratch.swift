// Memory that kernels use again from series to series.
internal import CTSDB
internal import TSModel

/// Scratch of one task. Series of one scrape target have equal timestamps: the windows found for one are used for the next.
struct KernelScratch {
  var doubles: [Double] = []
  var times: [Int64] = []
  var startTimes: [Int64] = []
  var marks: [UInt32] = []
  /// The metric name of the last series that was seen to be a counter's.
  var counterName: [UInt8] = []
  /// The windows of the last series.
  private(set) var bounds: [tsdb_window] = []

  private var known: [Int64] = []
  private var knownGrid: StepGrid?
  private var knownRangeMs: Int64 = -1

  /// Makes `bounds` those of these samples.
  mutating func findWindows(_ floats: borrowing FloatColumns, _ grid: StepGrid, _ rangeMs: Int64) throws {
    let times = floats.timestampsMs
    if grid == knownGrid, rangeMs == knownRangeMs, times.count == known.count, isKnown(times) { return }
    bounds.resize(to: grid.count, tsdb_window())
    knownGrid = nil
    let status = unsafe times.withUnsafeBufferPointer { times in
      unsafe withGrid(grid) { grid in
        unsafe tsdb_window_find(times.baseAddress, times.count, grid, rangeMs, &bounds)
      }
    }
    try check(status, "find the windows of a series")
    known.removeAll(keepingCapacity: true)
    unsafe times.withUnsafeBufferPointer { unsafe known.append(contentsOf: $0) }
    (knownGrid, knownRangeMs) = (grid, rangeMs)
  }

  private func isKnown(_ times: Span<Int64>) -> Bool {
    unsafe times.withUnsafeBufferPointer { times in
      unsafe known.withUnsafeBufferPointer { known in
        unsafe tsdb_timestamps_equal(times.baseAddress, known.baseAddress, times.count)
      }
    }
  }
}
