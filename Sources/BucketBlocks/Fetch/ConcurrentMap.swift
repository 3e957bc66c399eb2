// The same work for many things, a few at a time.
internal import TSModel

/// `body` of each item, in their order, at most `width` at a time. The first error ends it. With `threads` it runs on these,
/// so that what they are asked for in `body` needs no change of threads.
func concurrentMap<Item: Sendable, Value: Sendable>(
  _ items: [Item], width: Int, on threads: BlockingThreads? = nil,
  _ body: @escaping @Sendable (Item) async throws -> Value
) async throws -> [Value] {
  let width = max(1, min(width, items.count))
  return try await withThrowingTaskGroup(of: (worker: Int, values: [Value]).self) { group in
    for worker in 0..<width {
      group.addTask(executorPreference: threads) {
        var values: [Value] = []
        values.reserveCapacity(items.count / width + 1)
        for index in stride(from: worker, to: items.count, by: width) {
          try Task.checkCancellation()
          // Others wait for the threads, too.
          if threads != nil, values.count % 64 == 63 { await Task.yield() }
          values.append(try await body(items[index]))
        }
        return (worker, values)
      }
    }
    var byWorker = [[Value]](repeating: [], count: width)
    for try await (worker, values) in group { byWorker[worker] = values }
    return items.indices.map { byWorker[$0 % width][$0 / width] }
  }
}
