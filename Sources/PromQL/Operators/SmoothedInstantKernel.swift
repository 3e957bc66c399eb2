// Instant selectors that are `smoothed`: values between samples lie on the line between them.
internal import CTSDB
internal import TSModel

/// Rows of smoothed instant selectors.
struct SmoothedInstantKernel: RowKernel {
  let window: SelectorWindow
  let site: QuerySite
  let annotations: Annotations

  var wantsStaleMarkers: Bool { false }

  func evaluate(
    _ samples: borrowing SampleColumns, _ labels: LabelBytes, into batch: VectorBatch, row: Int,
    _ scratch: inout KernelScratch
  ) throws {
    let values = unsafe batch.floats(row)
    let grid = window.isFixed ? window.standing : window.grid
    let status = unsafe withColumns(samples.floats, startTimes: false) { columns in
      unsafe withGrid(grid) { grid in
        unsafe tsdb_select_smoothed(columns, grid, window.lookbackMs, values.baseAddress)
      }
    }
    try check(status, "select samples of a series")
    guard samples.histogramCount > 0 else { return }
    let name = labelText(labels, LabelNames.name)
    for step in 0..<batch.stepCount {
      let timeMs = grid.timeMs(step)
      let histograms = samples.histogramRange(after: timeMs &- window.lookbackMs, upTo: timeMs &+ window.lookbackMs)
      guard !histograms.isEmpty else { continue }
      if !samples.floatRange(after: timeMs &- window.lookbackMs, upTo: timeMs &+ window.lookbackMs).isEmpty {
        annotations.add(
          .warning, "encountered a mix of histograms and floats for metric name \(quotedText(name))", at: site)
        batch.clear(row, step)
        continue
      }
      if let index = interpolated(samples, histograms, at: timeMs, into: batch.pool, name) {
        batch.setHistogram(row, step, index)
      }
    }
  }

  private func interpolated(
    _ samples: borrowing SampleColumns, _ range: Range<Int>, at timeMs: Int64, into pool: HistogramPool, _ name: String
  ) -> Int32? {
    let next = range.first { samples.histogramTimesMs[$0] >= timeMs }
    if let next, samples.histogramTimesMs[next] == timeMs {
      return pool.append(samples.histogramIndices[next], of: samples.pool)
    }
    guard let next else {
      // Nothing follows: the last one goes on. What it says of resets is about the one before it.
      let copy = pool.append(samples.histogramIndices[range.upperBound - 1], of: samples.pool)
      pool.update(copy) { $0.resetHint = .unknown }
      return copy
    }
    guard next > range.lowerBound else { return nil }
    let (before, after) = (samples.histogramIndices[next - 1], samples.histogramIndices[next])
    let (first, second) = (samples.pool.headers[Int(before)], samples.pool.headers[Int(after)])
    let interpolation = HistogramInterpolation(annotations: annotations, site: site, metricName: name)
    guard first.hasCustomBounds == second.hasCustomBounds else {
      interpolation.warnOfMixedSchemas()
      return nil
    }
    return interpolation.between(
      before, samples.histogramTimesMs[next - 1], after, samples.histogramTimesMs[next], samples.pool, at: timeMs,
      isCounter: first.resetHint != .gauge || second.resetHint != .gauge, into: pool)
  }
}
