// Functions that look at each value alone.
internal import CTSDB
internal import TSModel

/// Rows of another operator, each float changed. Histograms have no such result.
@safe final class ElementwiseOperator: VectorOperator {
  private let child: any VectorOperator
  private let function: (_ values: UnsafeMutableBufferPointer<Double>) -> Void
  private let labelChange: LabelChange
  private let context: QueryContext

  /// `function` changes the values of one row; it leaves absent ones as they are.
  init(
    _ child: any VectorOperator, _ labelChange: LabelChange, _ context: QueryContext,
    _ function: @escaping (_ values: UnsafeMutableBufferPointer<Double>) -> Void
  ) {
    unsafe (self.child, self.labelChange, self.context, self.function) = unsafe (child, labelChange, context, function)
  }

  /// The same for a function of one value.
  convenience init(
    _ child: any VectorOperator, _ labelChange: LabelChange, _ context: QueryContext, _ function: tsdb_unary
  ) {
    unsafe self.init(child, labelChange, context) { values in
      _ = unsafe tsdb_row_unary(function, values.baseAddress, values.count, values.baseAddress)
    }
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    let result = batch.hasHistograms ? try batch.withoutHistograms(context.budget) : batch
    for row in 0..<result.count { unsafe function(result.floats(row)) }
    labelChange.apply(to: result)
    return result
  }
}

/// Rows of another operator with their signs changed.
final class NegationOperator: VectorOperator {
  private let child: any VectorOperator
  private let labelChange: LabelChange
  private let context: QueryContext

  init(_ child: any VectorOperator, _ labelChange: LabelChange, _ context: QueryContext) {
    (self.child, self.labelChange, self.context) = (child, labelChange, context)
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    for row in 0..<batch.count {
      let values = unsafe batch.floats(row)
      _ = unsafe tsdb_row_unary(TSDB_NEGATE, values.baseAddress, values.count, values.baseAddress)
      guard batch.hasHistograms else { continue }
      for step in 0..<batch.stepCount {
        let index = batch.histogram(row, step)
        guard index >= 0 else { continue }
        batch.setHistogram(
          row, step, HistogramMath.scaled(index, batch.pool, by: -1, compacts: false, into: batch.pool))
      }
    }
    labelChange.apply(to: batch)
    return batch
  }
}
