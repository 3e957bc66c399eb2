// One value of a binary operation, whatever the kinds of its operands.
internal import TSModel

/// A float or a histogram.
enum Element {
  case float(Double)
  case histogram(Int32, HistogramPool)

  var typeName: String {
    switch self {
    case .float: "float"
    case .histogram: "histogram"
    }
  }
}

/// What an operation on two elements yields.
enum ElementResult {
  case float(Double)
  /// A histogram in the pool that results go to.
  case histogram(Int32)
  /// There is a result, but a comparison does not hold.
  case dropped
  /// These two cannot be combined; an annotation says so.
  case none
}

/// Applies one operation to elements.
struct ElementOperation {
  let operation: BinaryOperator
  let site: QuerySite
  let annotations: Annotations
  let pool: HistogramPool

  /// The result for `left` and `right`. A comparison that holds yields `left`.
  func apply(_ left: Element, _ right: Element) -> ElementResult {
    switch (left, right) {
    case (.float(let a), .float(let b)):
      if operation == .trimUpper || operation == .trimLower { return incompatible(left, right) }
      if operation.isComparison { return operation.holds(a, b) ? .float(a) : .dropped }
      return .float(operation.apply(a, b))
    case (.float(let a), .histogram(let index, let source)):
      guard operation == .multiply else { return incompatible(left, right) }
      return .histogram(HistogramMath.scaled(index, source, by: a, into: pool))
    case (.histogram(let index, let source), .float(let b)):
      switch operation {
      case .multiply: return .histogram(HistogramMath.scaled(index, source, by: b, into: pool))
      case .divide: return .histogram(HistogramMath.divided(index, source, by: b, into: pool))
      case .trimUpper: return .histogram(HistogramMath.trimmed(index, source, upper: true, at: b, into: pool))
      case .trimLower: return .histogram(HistogramMath.trimmed(index, source, upper: false, at: b, into: pool))
      default: return incompatible(left, right)
      }
    case (.histogram(let a, let leftPool), .histogram(let b, let rightPool)):
      return apply(a, leftPool, b, rightPool, left, right)
    }
  }

  private func apply(
    _ a: Int32, _ leftPool: HistogramPool, _ b: Int32, _ rightPool: HistogramPool, _ left: Element, _ right: Element
  ) -> ElementResult {
    switch operation {
    case .add, .subtract:
      let isSum = operation == .add
      guard let sum = HistogramMath.combined(a, leftPool, b, rightPool, subtracts: !isSum, into: pool) else {
        annotations.add(
          .warning, "incompatible bucket layout encountered for binary operator \(operation.rawValue)", at: site)
        return .none
      }
      let name = isSum ? "addition" : "subtraction"
      if sum.collides {
        annotations.add(.warning, "conflicting counter resets during histogram \(name)", at: site)
        return .none
      }
      if sum.isReconciled {
        annotations.add(.info, "mismatched custom buckets were reconciled during \(name)", at: site)
      }
      if !isSum { pool.update(sum.index) { $0.resetHint = .gauge } }
      return .histogram(sum.index)
    case .equal, .notEqual:
      let isEqual = HistogramMath.areEqual(a, leftPool, b, rightPool)
      guard isEqual == (operation == .equal) else { return .dropped }
      return .histogram(leftPool === pool ? a : pool.append(a, of: leftPool))
    default: return incompatible(left, right)
    }
  }

  private func incompatible(_ left: Element, _ right: Element) -> ElementResult {
    annotations.add(
      .info,
      "incompatible sample types encountered for binary operator \"\(operation.rawValue)\": \(left.typeName) "
        + "\(operation.rawValue) \(right.typeName)", at: site)
    return .none
  }
}

extension VectorBatch {
  /// The value at `step` of row `row`; nil where there is none.
  func element(_ row: Int, _ step: Int) -> Element? {
    let index = histogram(row, step)
    if index >= 0 { return .histogram(index, pool) }
    let value = unsafe floats(row)[step]
    return value.bitPattern == absentBits ? nil : .float(value)
  }

  /// Writes a result at `step` of row `row`; what is dropped or none leaves it as it is.
  func set(_ row: Int, _ step: Int, _ result: ElementResult) {
    switch result {
    case .float(let value): unsafe floats(row)[step] = value
    case .histogram(let index): setHistogram(row, step, index)
    case .dropped, .none: break
    }
  }
}
