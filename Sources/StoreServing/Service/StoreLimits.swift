// How much one request may ask for, and the texts of going beyond.
internal import Storage
internal import TSModel
internal import Transport

/// Limits of each request; 0 is none.
public struct StoreLimits: Sendable, Hashable {
  /// Series that a request may touch, before times are looked at, over all blocks.
  public var seriesMax: Int64 = 0
  /// Samples that a request may touch, over all blocks: each chunk counts for 120.
  public var samplesMax: Int64 = 0
  /// Bytes of postings, series and chunks that a request may touch.
  public var bytesMax: Int64 = 0
  /// Memory that a request may take at one time, bytes.
  public var memoryBytesMax: Int = .max

  /// No limits.
  public init() {}

  /// Chunks that `samplesMax` allows.
  var chunksMax: Int64 { samplesMax / Self.samplesPerChunk }

  /// What a chunk counts for.
  static let samplesPerChunk: Int64 = 120
}

/// Counts what one request touches. Used by one task.
struct RequestUsage {
  private let limits: StoreLimits
  private(set) var series: Int64 = 0
  private(set) var chunks: Int64 = 0
  private(set) var bytes: Int64 = 0

  /// Whether chunks are limited.
  var limitsChunks: Bool { limits.samplesMax > 0 }

  init(_ limits: StoreLimits) { self.limits = limits }

  /// Counts series. Throws ResourceExhausted with its text alone: where it happened is for the caller to say.
  mutating func add(series count: Int) throws(GRPCStatus) {
    series += Int64(count)
    try check(series, limits.seriesMax, "exceeded series limit")
  }

  /// Counts chunks.
  mutating func add(chunks count: Int) throws(GRPCStatus) {
    chunks += Int64(count)
    try check(chunks, limits.samplesMax > 0 ? max(1, limits.chunksMax) : 0, "exceeded chunks limit")
  }

  /// Counts bytes of `what`: `fetching postings`.
  mutating func add(bytes count: Int, _ what: String) throws(GRPCStatus) {
    bytes += Int64(count)
    try check(bytes, limits.bytesMax, "exceeded bytes limit while \(what)")
  }

  private func check(_ used: Int64, _ limit: Int64, _ text: String) throws(GRPCStatus) {
    guard limit > 0, used > limit else { return }
    throw GRPCStatus(.resourceExhausted, "\(text): limit \(limit) violated (got \(used))")
  }
}

extension GRPCStatus {
  /// The same error with what was being done, as upstream words it: `receive series from 01J…: rpc error: code = …`.
  func wrapped(_ attempt: String) -> GRPCStatus {
    GRPCStatus(code, attempt.isEmpty ? description : "\(attempt): \(description)")
  }

  /// The outcome of a call that failed with `error` on the block `name` while `attempt` was done.
  static func ofBlock(_ error: any Error, _ attempt: String) -> GRPCStatus {
    switch error {
    case let status as GRPCStatus: return status
    case let error as BudgetExceeded: return GRPCStatus(.resourceExhausted, "\(attempt): \(error)")
    case let error as StorageError where error.code == .budget:
      return GRPCStatus(.resourceExhausted, "\(attempt): \(error.message)")
    case let error as StorageError where error.disposition == .rejectRequest:
      return GRPCStatus(.invalidArgument, "\(attempt): \(error.message)")
    case let error as StorageError where error.code == .cancelled: return GRPCStatus(.cancelled, "context canceled")
    case let error as StorageError: return GRPCStatus(.aborted, "\(attempt): \(error.message)")
    case is CancellationError: return GRPCStatus(.cancelled, "context canceled")
    default: return GRPCStatus(.aborted, "\(attempt): \(error)")
    }
  }
}
