// Rates of the histograms of a window.
internal import TSModel

extension MixedWindow {
  private var isCounter: Bool { kernel.function != .delta && kernel.function != .idelta }

  private func warnNotCounter() {
    note(.warning, "this native histogram metric is not a counter: \(quotedText(metricName))")
  }

  private func warnNotGauge() {
    note(.warning, "this native histogram metric is not a gauge: \(quotedText(metricName))")
  }

  private func noteReconciled(_ operation: String) {
    note(.info, "mismatched custom buckets were reconciled during \(operation)")
  }

  /// `a` with `b` added or subtracted, in `work`; nil, with a warning, where their schemas do not go together.
  private func combine(
    _ a: Int32, _ left: HistogramPool, _ b: Int32, _ right: HistogramPool, subtracts: Bool, _ work: HistogramPool
  ) -> Int32? {
    guard
      let result = HistogramMath.combined(a, left, b, right, subtracts: subtracts, compacts: false, into: work)
    else {
      warnOfMixedSchemas()
      return nil
    }
    if result.isReconciled { noteReconciled(subtracts ? "subtraction" : "addition") }
    return result.index
  }

  // MARK: Extrapolated

  func rate(_ samples: borrowing SampleColumns) -> ElementResult {
    let points = histograms.map { histogram(samples, $0) }
    guard let first = points.first, let last = points.last else { return .none }
    let work = HistogramPool()
    var result: Int32?
    if points.count > 1 {
      guard let difference = difference(points, samples.pool, work) else { return .none }
      result = difference
    }
    let usesStarts = kernel.usesStartTimestamps && kernel.function.readsStartTimestamps
    var fromStart = Double(first.timeMs &- startMs) / 1000
    var toEnd = Double(endMs &- last.timeMs) / 1000
    var sampled = Double(last.timeMs &- first.timeMs) / 1000
    let gap = points.count > 1 ? sampled / Double(points.count - 1) : 0
    if isCounter, usesStarts, first.startMs != 0, first.startMs > startMs, first.startMs < first.timeMs {
      // The counter began in the window: from zero, at that time.
      fromStart = 0
      sampled = Double(last.timeMs &- first.startMs) / 1000
      if let known = result {
        guard let sum = combine(known, work, first.histogram, samples.pool, subtracts: false, work) else {
          return .none
        }
        result = sum
      } else {
        result = work.append(first.histogram, of: samples.pool)
      }
    } else if points.count < 2 {
      return .none
    } else {
      if fromStart >= gap * 1.1 { fromStart = gap / 2 }
      if isCounter, let known = result {
        let increase = work.headers[Int(known)].count
        let count = samples.pool.headers[Int(first.histogram)].count
        if increase > 0, count >= 0 { fromStart = min(fromStart, sampled * (count / increase)) }
      }
    }
    guard let result else { return .none }
    if toEnd >= gap * 1.1 { toEnd = gap / 2 }
    var factor = sampled == 0 ? 1 : (sampled + fromStart + toEnd) / sampled
    if kernel.function == .rate { factor /= Double(kernel.window.rangeMs) / 1000 }
    let scaled = HistogramMath.scaled(result, work, by: factor, compacts: false, into: pool)
    return .histogram(scaled)
  }

  /// The last histogram less the first, with what was lost where the counter began anew.
  private func difference(_ points: [Sample], _ source: HistogramPool, _ work: HistogramPool) -> Int32? {
    func header(_ point: Sample) -> PooledHistogram { source.headers[Int(point.histogram)] }
    let (first, last) = (points[0], points[points.count - 1])
    if isCounter, header(first).resetHint == .gauge || header(last).resetHint == .gauge { warnNotCounter() }
    // The histogram that the second one is compared with: nothing, where the counter began anew between them.
    var base = work.append(first.histogram, of: source)
    if isCounter,
      startsAnew(first, points[1]) || HistogramMath.isReset(points[1].histogram, after: first.histogram, source)
    {
      base = HistogramMath.empty(like: points[1].histogram, source, into: work)
    }
    let isCustom = work.headers[Int(base)].hasCustomBounds
    guard header(last).hasCustomBounds == isCustom else {
      warnOfMixedSchemas()
      return nil
    }
    var schema = min(header(last).schema, work.headers[Int(base)].schema)
    if isCounter {
      for point in points.dropFirst().dropLast() {
        if header(point).resetHint == .gauge { warnNotCounter() }
        schema = min(schema, header(point).schema)
        guard header(point).hasCustomBounds == isCustom else {
          warnOfMixedSchemas()
          return nil
        }
      }
    }
    let reduced = HistogramMath.reduced(last.histogram, source, toSchema: schema, into: work)
    guard var result = combine(reduced, work, base, work, subtracts: true, work) else { return nil }
    if isCounter {
      var previous = base
      var sawOverlap = false
      for (before, point) in zip(points, points.dropFirst()) {
        if !sawOverlap, overlaps(before, point) {
          kernel.annotations.addStartTimeOverlap(metricName: metricName, at: kernel.site)
          sawOverlap = true
        }
        let current = work.append(point.histogram, of: source)
        if startsAnew(before, point) || HistogramMath.isReset(current, after: previous, work) {
          guard let sum = combine(result, work, previous, work, subtracts: false, work) else { return nil }
          result = sum
        }
        previous = current
      }
    } else if header(first).resetHint != .gauge || header(last).resetHint != .gauge {
      warnNotGauge()
    }
    work.update(result) { $0.resetHint = .gauge }
    return HistogramMath.compacted(result, work, into: work)
  }

  private func overlaps(_ previous: Sample, _ current: Sample) -> Bool {
    kernel.usesStartTimestamps && kernel.function.readsStartTimestamps && current.startMs != 0
      && current.startMs < previous.timeMs && current.startMs != previous.startMs
  }

  // MARK: The last two samples

  func instantRate(_ samples: borrowing SampleColumns) -> ElementResult {
    let all = merged(samples)
    guard all.count > 1 else { return .none }
    let (previous, last) = (all[all.count - 2], all[all.count - 1])
    let isRate = kernel.function == .irate
    guard last.timeMs != previous.timeMs else { return .none }
    let seconds = Double(last.timeMs &- previous.timeMs) / 1000
    if last.histogram < 0, previous.histogram < 0 {
      let isReset = last.float < previous.float || startsAnew(previous, last)
      let value = isRate && isReset ? last.float : last.float - previous.float
      return .float(isRate ? value / seconds : value)
    }
    guard last.histogram >= 0, previous.histogram >= 0 else {
      warnOfMix()
      return .none
    }
    let (first, second) = (samples.pool.headers[Int(previous.histogram)], samples.pool.headers[Int(last.histogram)])
    if isRate, first.resetHint == .gauge || second.resetHint == .gauge { warnNotCounter() }
    if !isRate, first.resetHint != .gauge || second.resetHint != .gauge { warnNotGauge() }
    let work = HistogramPool()
    var result = work.append(last.histogram, of: samples.pool)
    if !isRate
      || !startsAnew(previous, last) && !HistogramMath.isReset(last.histogram, after: previous.histogram, samples.pool)
    {
      guard let difference = combine(result, work, previous.histogram, samples.pool, subtracts: true, work) else {
        return .none
      }
      result = difference
    }
    work.update(result) { $0.resetHint = .gauge }
    result = HistogramMath.compacted(result, work, into: work)
    return .histogram(
      isRate
        ? HistogramMath.divided(result, work, by: seconds, compacts: false, into: pool) : pool.append(result, of: work))
  }

  // MARK: Anchored and smoothed

  func extendedRate(_ samples: borrowing SampleColumns) -> ElementResult {
    let points = histograms.map { histogram(samples, $0) }
    guard !points.isEmpty else { return .none }
    let isSmoothed = kernel.window.boundaries == .smoothed
    var last = points.count - 1
    // The sample before the first one inside the window, if there is one.
    let first = max(0, (points[..<last].firstIndex { $0.timeMs > startMs } ?? last) - 1)
    if isSmoothed { last = points[..<last].firstIndex { $0.timeMs >= endMs } ?? last }
    guard points[last].timeMs > startMs, !isSmoothed || points[first].timeMs <= endMs else { return .none }
    guard areAlike(points[first...max(first, last)], samples.pool) else { return .none }
    let work = HistogramPool()
    let interpolation = HistogramInterpolation(
      annotations: kernel.annotations, site: kernel.site, metricName: metricName)
    func value(_ before: Int, _ after: Int, _ timeMs: Int64) -> Int32? {
      interpolation.between(
        points[before].histogram, points[before].timeMs, points[after].histogram, points[after].timeMs, samples.pool,
        at: timeMs, isCounter: isCounter, into: work)
    }
    let left =
      isSmoothed && points[first].timeMs < startMs
      ? value(first, first + 1, startMs) : work.append(points[first].histogram, of: samples.pool)
    let right =
      isSmoothed && last > 0 && points[last].timeMs > endMs
      ? value(last - 1, last, endMs) : work.append(points[last].histogram, of: samples.pool)
    guard let left, let right else { return .none }
    if !isCounter,
      work.headers[Int(left)].resetHint != .gauge || work.headers[Int(right)].resetHint != .gauge
    {
      warnNotGauge()
    }
    guard var result = combine(right, work, left, work, subtracts: true, work) else { return .none }
    if isCounter {
      guard let corrected = correct(result, points, first, last, left, right, samples.pool, work) else { return .none }
      result = corrected
    }
    if kernel.function == .rate {
      result = HistogramMath.divided(
        result, work, by: Double(kernel.window.rangeMs) / 1000, compacts: false, into: work)
    }
    work.update(result) { $0.resetHint = .gauge }
    return .histogram(HistogramMath.compacted(result, work, into: pool))
  }

  private func areAlike(_ points: ArraySlice<Sample>, _ source: HistogramPool) -> Bool {
    let isCustom = points.first.map { source.headers[Int($0.histogram)].hasCustomBounds } ?? false
    for point in points {
      let header = source.headers[Int(point.histogram)]
      guard header.hasCustomBounds == isCustom else {
        warnOfMixedSchemas()
        return false
      }
      if isCounter, header.resetHint == .gauge { warnNotCounter() }
    }
    return true
  }

  /// The difference with what was lost where the counter began anew between the borders.
  private func correct(
    _ difference: Int32, _ points: [Sample], _ first: Int, _ last: Int, _ left: Int32, _ right: Int32,
    _ source: HistogramPool, _ work: HistogramPool
  ) -> Int32? {
    var previous = left
    var next = first + 1
    if kernel.window.boundaries == .smoothed, points[first].timeMs < startMs, next < points.count,
      HistogramMath.isReset(points[next].histogram, after: points[first].histogram, source)
    {
      // That reset is in the value at the left border already.
      previous = work.append(points[next].histogram, of: source)
      next += 1
    }
    guard next <= last else { return difference }
    var lost: Int32?
    func add(_ index: Int32) -> Bool {
      guard let known = lost else {
        lost = index
        return true
      }
      lost = combine(known, work, index, work, subtracts: false, work)
      return lost != nil
    }
    for point in points[next..<last] {
      let current = work.append(point.histogram, of: source)
      if HistogramMath.isReset(current, after: previous, work), !add(previous) { return nil }
      previous = current
    }
    if HistogramMath.isReset(right, after: previous, work), !add(previous) { return nil }
    guard let lost else { return difference }
    return combine(difference, work, lost, work, subtracts: false, work)
  }
}

/// The histogram at a time between two.
struct HistogramInterpolation {
  let annotations: Annotations
  let site: QuerySite
  let metricName: String

  func warnOfMixedSchemas() {
    annotations.add(
      .warning,
      "vector contains a mix of histograms with exponential and custom buckets schemas for metric name "
        + quotedText(metricName), at: site)
  }

  /// On the line between histogram `a` at `firstMs` and `b` at `secondMs`, both of `source`; nil, with a warning, where they do
  /// not go together.
  func between(
    _ a: Int32, _ firstMs: Int64, _ b: Int32, _ secondMs: Int64, _ source: HistogramPool, at timeMs: Int64,
    isCounter: Bool, into pool: HistogramPool
  ) -> Int32? {
    if timeMs == firstMs { return pool.append(a, of: source) }
    if timeMs == secondMs { return pool.append(b, of: source) }
    let share = Double(timeMs &- firstMs) / Double(secondMs &- firstMs)
    if isCounter, HistogramMath.isReset(b, after: a, source) {
      return HistogramMath.scaled(b, source, by: share, compacts: false, into: pool)
    }
    let work = HistogramPool()
    guard let difference = HistogramMath.combined(b, source, a, source, subtracts: true, compacts: false, into: work)
    else {
      warnOfMixedSchemas()
      return nil
    }
    if difference.isReconciled {
      annotations.add(.info, "mismatched custom buckets were reconciled during subtraction", at: site)
    }
    let part = HistogramMath.scaled(difference.index, work, by: share, compacts: false, into: work)
    guard let sum = HistogramMath.combined(part, work, a, source, subtracts: false, compacts: false, into: pool) else {
      warnOfMixedSchemas()
      return nil
    }
    if sum.isReconciled {
      annotations.add(.info, "mismatched custom buckets were reconciled during addition", at: site)
    }
    return sum.index
  }
}
