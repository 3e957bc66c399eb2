// Texts of requests that take long to read: a megabyte of a regular expression costs a second, and a hundred megabytes that no budget
// knows of.
public import PromQL
internal import TSModel

/// Reads one long text at a time, and on threads for it; short ones at once.
struct LongTexts: Sendable {
  /// Texts of more bytes, all of a request's together, are long.
  private static let shortBytesMax = 32 << 10

  private let gate = QueryQueue(width: 1)

  /// What `read` makes of `texts`. Throws what it throws, and `QueryError` where the task is cancelled or the deadline comes before its turn.
  func reading<Value: Sendable>(
    _ texts: [String], on threads: BlockingThreads?, deadline: ContinuousClock.Instant? = nil,
    _ read: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    guard texts.reduce(0, { $0 + $1.utf8.count }) > Self.shortBytesMax else { return try read() }
    let place = try await gate.enter("", deadline: deadline)
    defer { gate.leave(place) }
    return try await withTaskExecutorPreference(threads) { try read() }
  }
}

extension QueryAPI {
  /// What `read` makes of the texts of a request.
  func reading<Value: Sendable>(
    _ texts: [String], deadline: ContinuousClock.Instant? = nil, _ read: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await longTexts.reading(texts, on: options.threads, deadline: deadline, read)
  }

  /// A query whose text was read. Throws what is wrong with it.
  public func prepared(_ request: QueryRequest) async throws -> QueryRequest {
    let engine = engine
    return try await reading([request.query], deadline: request.deadline) { try engine.prepared(request) }
  }
}
