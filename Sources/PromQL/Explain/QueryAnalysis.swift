// What each operation of a running query takes: time, rows, samples, and what stores had to do with it.
internal import Locking
internal import Synchronization
internal import TSModel

/// What one source of a selector's series had to do.
public struct SourceShare: Sendable, Hashable {
  /// Who it is: `host:port`.
  public var address: String
  /// From the call to its end, seconds.
  public var durationS: Double
  /// Bytes that it sent.
  public var bytes: Int64
  /// Messages that it sent.
  public var messageCount: Int64
  /// Series in them.
  public var seriesCount: Int64
  /// Chunks of these.
  public var chunkCount: Int64

  /// A source with everything said by the caller.
  public init(
    address: String, durationS: Double, bytes: Int64, messageCount: Int64, seriesCount: Int64, chunkCount: Int64
  ) {
    (self.address, self.durationS, self.bytes) = (address, durationS, bytes)
    (self.messageCount, self.seriesCount, self.chunkCount) = (messageCount, seriesCount, chunkCount)
  }
}

/// Is told by the source of a selector's series what it did. Thread-safe.
public protocol SelectObserver: AnyObject, Sendable {
  /// A part of the source is done.
  func answered(_ share: SourceShare)
}

/// What an operation took.
public struct OperationCost: Sendable {
  /// What it is: `[aggregate] sum by (job)`.
  public var name: String
  /// Planning and computing, what is below it included, seconds.
  public var executionS: Double
  /// Rows that it gave.
  public var rowCount: Int64
  /// Samples that it read, of selectors.
  public var sampleCount: Int64
  /// Memory of the query when it was most while the operation gave rows, bytes.
  public var peakBytes: Int
  /// Who its series came from.
  public var sources: [SourceShare]
  /// What is below it.
  public var children: [OperationCost]
}

/// Measures one operation. Thread-safe.
final class Operation: SelectObserver {
  private struct State {
    var duration = Duration.zero
    var rowCount: Int64 = 0
    var sampleCount: Int64 = 0
    var peakBytes = 0
    var sources: [SourceShare] = []
    var children: [Operation] = []
  }

  private let name: String
  private let state = Guarded(State())

  init(_ name: String) { self.name = name }

  /// An operation below it.
  func add(_ child: Operation) { state.withLock { $0.children.append(child) } }

  /// It took so long.
  func add(_ duration: Duration) { state.withLock { $0.duration += duration } }

  /// It gave rows.
  func gave(_ rowCount: Int, usedBytes: Int) {
    state.withLock { state in
      state.rowCount += Int64(rowCount)
      state.peakBytes = max(state.peakBytes, usedBytes)
    }
  }

  /// It read samples.
  func read(samples count: Int) { state.withLock { $0.sampleCount += Int64(count) } }

  func answered(_ share: SourceShare) { state.withLock { $0.sources.append(share) } }

  /// What it took so far.
  var cost: OperationCost {
    let state = state.withLock { $0 }
    return OperationCost(
      name: name, executionS: seconds(state.duration), rowCount: state.rowCount, sampleCount: state.sampleCount,
      peakBytes: state.peakBytes, sources: state.sources.sorted { $0.address < $1.address },
      children: state.children.map(\.cost))
  }
}

/// Rows of an operation that is measured.
final class MeasuredOperator: VectorOperator {
  private let child: any VectorOperator
  private let operation: Operation
  private let context: QueryContext

  init(_ child: any VectorOperator, _ operation: Operation, _ context: QueryContext) {
    (self.child, self.operation, self.context) = (child, operation, context)
  }

  func next() async throws -> VectorBatch? {
    let start = ContinuousClock.now
    defer { operation.add(ContinuousClock.now - start) }
    let batch = try await child.next()
    if let batch { operation.gave(batch.count, usedBytes: context.budget.usedBytes) }
    return batch
  }
}
