// Where an answer came from: which stores, blocks and times had a part in it, at which resolution, and what is missing.
internal import Locking
internal import StoreAPI
internal import Synchronization
public import TSModel

/// What stores contributed to one answer. Thread-safe.
public final class Coverage: Sendable {
  /// A block that a store has looked into.
  public struct BlockPart: Sendable, Hashable {
    /// Its ULID.
    public var id: String
    /// When its samples are from, and how far apart they are (milliseconds, 0: raw); nil where the store does not tell.
    public var extent: Extent?

    /// Times and resolution of a block.
    public struct Extent: Sendable, Hashable {
      /// First and last instant.
      public var timeRange: TimeRange
      /// Distance of the points, milliseconds; 0: raw.
      public var resolutionMs: Int64
    }
  }

  /// What one store contributed.
  public struct StorePart: Sendable {
    /// `host:port`
    public var address: String
    /// `sidecar`, `store` …
    public var componentType: String
    /// The sets of external labels of its data.
    public var labelSets: [Labels]
    /// When its data is from.
    public var timeRange: TimeRange
    /// Calls that it was sent, and those that it answered to the end.
    public var callCount = 0, answeredCount = 0
    /// Series that it sent, before they were merged.
    public var seriesCount: Int64 = 0
    /// Chunks of samples as they were scraped, and of aggregates.
    public var rawChunkCount: Int64 = 0, downsampledChunkCount: Int64 = 0
    /// First and last instant of these chunks; nil where there are none.
    public var chunkTimes: TimeRange?
    /// The blocks that it looked into, where it tells.
    public var blocks: [BlockPart] = []
    /// What is missing of its answers.
    public var failures: [String] = []
  }

  private let parts = Guarded<[String: StorePart]>([:])

  /// Nothing yet.
  public init() {}

  /// What each store contributed, by address.
  public var stores: [StorePart] { parts.withLock { $0.values.sorted { $0.address < $1.address } } }

  /// Whether nothing is missing.
  public var isComplete: Bool { parts.withLock { $0.values.allSatisfy { $0.failures.isEmpty } } }

  // MARK: Writing down

  private func update(_ store: RemoteStore, _ body: (inout StorePart) -> Void) {
    parts.withLock { parts in
      var part =
        parts[store.address]
        ?? StorePart(
          address: store.address, componentType: store.componentType, labelSets: store.labelSets,
          timeRange: store.timeRange)
      body(&part)
      parts[store.address] = part
    }
  }

  /// A store is asked.
  func asked(_ store: RemoteStore) { update(store) { $0.callCount += 1 } }

  /// A part of its answer is missing.
  func lacks(_ sentence: String, of store: RemoteStore) {
    update(store) { part in
      if part.failures.count < 100, !part.failures.contains(sentence) { part.failures.append(sentence) }
    }
  }

  /// It has answered to the end.
  func ended(_ store: RemoteStore) { update(store) { $0.answeredCount += 1 } }

  /// It sent series.
  func received(_ window: WireWindow, from store: RemoteStore) {
    let sum = window.chunkSummary
    update(store) { part in
      part.seriesCount += Int64(window.count)
      part.rawChunkCount += sum.rawCount
      part.downsampledChunkCount += sum.downsampledCount
      guard let times = sum.timeRange else { return }
      part.chunkTimes = TimeRange(
        minTimeMs: min(times.minTimeMs, part.chunkTimes?.minTimeMs ?? .max),
        maxTimeMs: max(times.maxTimeMs, part.chunkTimes?.maxTimeMs ?? .min))
    }
  }

  /// It tells how it came to its answer. What cannot be read is not said.
  func hinted(_ hints: [UInt8], by store: RemoteStore) {
    guard let any = try? AnyMessage(protobuf: hints),
      let hints: SeriesResponseHints = try? any.unpacked(named: "hintspb.SeriesResponseHints")
    else { return }
    update(store) { part in
      for block in hints.queriedBlocks where !part.blocks.contains(where: { $0.id == block.id }) {
        part.blocks.append(
          BlockPart(
            id: block.id,
            extent: block.extent.map {
              BlockPart.Extent(
                timeRange: TimeRange(minTimeMs: $0.minTimeMs, maxTimeMs: $0.maxTimeMs), resolutionMs: $0.resolutionMs)
            }))
      }
    }
  }
}
