// A binary operation between rows and a number a step.
internal import CTSDB
internal import TSModel

/// Rows of another operator combined with a scalar.
final class ScalarBinaryOperator: VectorOperator {
  private let child: any VectorOperator
  private let scalar: [Double]
  private let operation: BinaryOperator
  private let scalarIsLeft: Bool
  private let returnsBool: Bool
  private let labelChange: LabelChange
  private let site: QuerySite
  private let context: QueryContext

  init(
    _ child: any VectorOperator, _ operation: BinaryOperator, _ scalar: [Double], scalarIsLeft: Bool,
    returnsBool: Bool, _ labelChange: LabelChange, at site: QuerySite, _ context: QueryContext
  ) {
    (self.child, self.operation, self.scalar) = (child, operation, scalar)
    (self.scalarIsLeft, self.returnsBool, self.labelChange) = (scalarIsLeft, returnsBool, labelChange)
    (self.site, self.context) = (site, context)
  }

  func next() async throws -> VectorBatch? {
    guard let batch = try await child.next() else { return nil }
    let result =
      batch.hasHistograms || operation == .trimUpper || operation == .trimLower
      ? try withHistograms(batch) : floatsOnly(batch)
    labelChange.apply(to: result)
    return result
  }

  private func floatsOnly(_ batch: VectorBatch) -> VectorBatch {
    for row in 0..<batch.count {
      let values = unsafe batch.floats(row)
      unsafe scalar.withUnsafeBufferPointer { scalar in
        let left = unsafe scalarIsLeft ? scalar.baseAddress : UnsafePointer(values.baseAddress)
        let right = unsafe scalarIsLeft ? UnsafePointer(values.baseAddress) : scalar.baseAddress
        if let arithmetic = operation.arithmetic {
          _ = unsafe tsdb_row_binary(arithmetic, left, right, batch.stepCount, values.baseAddress)
        } else if let comparison = operation.comparison {
          // The vector's value stays, whichever side it is on.
          let kept = scalarIsLeft ? TSDB_COMPARISON_KEEPS_RIGHT : TSDB_COMPARISON_KEEPS_LEFT
          _ = unsafe tsdb_row_compare(
            comparison, left, right, batch.stepCount, returnsBool ? TSDB_COMPARISON_BOOL : kept, values.baseAddress)
        }
      }
    }
    return batch
  }

  private func withHistograms(_ batch: VectorBatch) throws -> VectorBatch {
    let result = try VectorBatch(
      stepCount: batch.stepCount, capacity: batch.count, pool: batch.pool, budget: context.budget)
    let elements = ElementOperation(
      operation: operation, site: site, annotations: context.annotations, pool: batch.pool)
    for row in 0..<batch.count {
      let new = try result.openRow()
      for step in 0..<batch.stepCount {
        guard let element = batch.element(row, step) else { continue }
        let number = Element.float(scalar[step])
        let outcome = scalarIsLeft ? elements.apply(number, element) : elements.apply(element, number)
        switch outcome {
        case .none: break
        case .dropped: if returnsBool { result.set(new, step, .float(0)) }
        case .float, .histogram:
          if returnsBool {
            result.set(new, step, .float(1))
          } else if operation.isComparison, case .float(let value) = element {
            // The vector's value stays, whichever side it is on.
            result.set(new, step, .float(value))
          } else {
            result.set(new, step, outcome)
          }
        }
      }
      result.closeRow(batch.labels[row], dropsName: batch.dropsName[row])
    }
    return result
  }
}
