// Selectors of whose histograms only counts and sums are needed: their buckets are dropped once counter resets are known.
internal import TSModel

/// Which selectors of a query need no buckets.
struct StatisticsOnly {
  private var selectors: Set<ObjectIdentifier> = []

  init(_ expression: Expression) { visit(expression, isStatistic: false) }

  /// Whether only counts and sums of its histograms are needed.
  func contains(_ selector: VectorSelector) -> Bool { selectors.contains(ObjectIdentifier(selector)) }

  private mutating func visit(_ expression: Expression, isStatistic: Bool) {
    var isStatistic = isStatistic
    switch expression {
    case .vectorSelector(let node): if isStatistic { selectors.insert(ObjectIdentifier(node)) }
    case .subquery: return
    case .binary(let node): if node.operation == .trimUpper || node.operation == .trimLower { return }
    case .call(let node):
      switch node.function.name {
      case "histogram_count", "histogram_sum", "histogram_avg": isStatistic = true
      case "histogram_quantile", "histogram_quantiles", "histogram_fraction": return
      default: break
      }
    default: break
    }
    for child in expression.children { visit(child, isStatistic: isStatistic) }
  }
}

extension SampleColumns {
  /// Keeps counts and sums of histograms only. What they say of resets is found by comparing each with the one before it, from
  /// `minTimeMs` on.
  mutating func keepStatistics(from minTimeMs: Int64) {
    var hints: [(index: Int32, hint: Histogram.ResetHint)] = []
    var previous: Int32?
    for (timeMs, index) in zip(histogramTimesMs, histogramIndices) where timeMs >= minTimeMs {
      let header = pool.headers[Int(index)]
      if header.sum.bitPattern == Histogram.staleSumBits { continue }
      var hint = header.resetHint
      if hint == .unknown, let previous {
        hint = HistogramMath.isReset(index, after: previous, pool) ? .reset : .notReset
      }
      hints.append((index, hint))
      previous = index
    }
    for (index, hint) in hints {
      pool.update(index) { header in
        header.resetHint = hint
        header.zeroThreshold = 0
        header.zeroCount = 0
        (header.positiveSpanCount, header.negativeSpanCount) = (0, 0)
        (header.positiveBucketCount, header.negativeBucketCount) = (0, 0)
        header.boundCount = 0
      }
    }
  }
}
