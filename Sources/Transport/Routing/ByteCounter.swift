// A number that several tasks may add to.
internal import Synchronization

/// Counts bytes.
final class ByteCounter: Sendable {
  private let total = Atomic<Int>(0)

  /// Adds `count`.
  func add(_ count: Int) { total.wrappingAdd(count, ordering: .relaxed) }

  /// All that was added.
  var count: Int { total.load(ordering: .relaxed) }
}
