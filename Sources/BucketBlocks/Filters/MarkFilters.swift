// Filters that read the marks of blocks. A mark that is no JSON is a warning and counts for nothing: it may be half an upload.
// One of an unknown version is a failure, as it may forbid what we are about to do.
internal import ObjectStore
internal import Observability
internal import Storage
internal import TSModel

/// Sets aside blocks that were marked for deletion long enough ago, and notes the marks of all.
public struct DeletionMarkFilter: BlockFilter {
  private let delayMs: Int64

  /// Sets aside what was marked more than `delayMs` ago: until then others may not have its replacement yet.
  public init(delayMs: Int64) { self.delayMs = delayMs }

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    var marks = try await readMarks(DeletionMark.self, &view, context)
    // What could not be looked at keeps the mark that it had.
    for (id, mark) in context.lastView?.deletionMarks ?? [:] where view.failures[id] != nil && marks[id] == nil {
      marks[id] = mark
    }
    view.deletionMarks = marks
    view.setAside { meta in
      guard let mark = marks[meta.ulid] else { return nil }
      let markedMs = mark.deletionTimeS.multipliedReportingOverflow(by: 1000)
      let age = context.nowMs.subtractingReportingOverflow(markedMs.partialValue)
      guard !markedMs.overflow, !age.overflow, age.partialValue > delayMs else { return nil }
      let details = mark.details.isEmpty ? "" : " (\(mark.details))"
      return SetAside(
        .markedForDeletion,
        "it was marked for deletion at \(TimestampText.seconds(ms: markedMs.partialValue))\(details)")
    }
  }
}

/// Notes which blocks are marked not to be compacted.
public struct NoCompactMarkFilter: BlockFilter {
  /// Sets nothing aside.
  public init() {}

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    view.noCompactMarks = try await readMarks(NoCompactMark.self, &view, context)
    view.counts[.markedForNoCompact] = view.noCompactMarks.count
  }
}

/// Notes which blocks are marked not to be downsampled.
public struct NoDownsampleMarkFilter: BlockFilter {
  /// Sets nothing aside.
  public init() {}

  /// Applies the rule to what earlier ones left. See `BlockFilter`.
  public func apply(to view: inout BlockView, _ context: BlockFilterContext) async throws {
    view.noDownsampleMarks = try await readMarks(NoDownsampleMark.self, &view, context)
    view.counts[.markedForNoDownsample] = view.noDownsampleMarks.count
  }
}

private enum FoundMark<Mark: BlockMark>: Sendable {
  case none
  case mark(Mark)
  case failed(String)
}

/// The marks of one kind that the blocks of `view` have. What cannot be learnt becomes a failure of the view.
private func readMarks<Mark: BlockMark>(
  _ kind: Mark.Type, _ view: inout BlockView, _ context: BlockFilterContext
) async throws -> [ULID: Mark] {
  let ids = view.blocks.ids
  let found = try await concurrentMap(ids, width: context.concurrency, on: context.threads) { id in
    do {
      return try await BlockMarkers.read(kind, of: id, in: context.bucket).map { .mark($0) } ?? FoundMark<Mark>.none
    } catch let error as BlockMarkError {
      if case .version = error { return .failed("\(id)/\(kind.fileName): \(error)") }
      context.logger.warn(
        "found partial \(kind.fileName); if we will see it happening often for the same block, consider manually deleting "
          + "\(kind.fileName) from the object storage",
        ("block", .describing(id)), error: error)
      return .none
    } catch let error as BucketError {
      if error.code == .cancelled { throw CancellationError() }
      return .failed("\(error)")
    }
  }
  var marks: [ULID: Mark] = [:]
  for (id, found) in zip(ids, found) {
    switch found {
    case .none: continue
    case .mark(let mark): marks[id] = mark
    case .failed(let reason): view.failures[id] = reason
    }
  }
  return marks
}
