// The answers of many stores to one call for series, merged.
internal import StoreAPI
internal import TSModel
internal import Transport

/// A call for series as every store gets it.
struct RemoteCall: Sendable {
  /// What is asked.
  var request: SeriesRequest
  /// Fields that go along.
  var metadata: HTTPHeaders
  /// Labels that the answer must not have.
  var droppedLabels: [String]
  /// Of several parts of the series the one that is wanted.
  var shard: Shard?
  /// Whether chunks are wanted.
  var wantsChunks: Bool
  /// How long a store may be silent, milliseconds; 0: as long as the call lasts.
  var responseTimeoutMs: Int

  /// The encoded request to each of `stores`.
  func messages(to stores: [RemoteStore]) -> [[UInt8]] {
    let usual = request.encoded()
    return stores.map { store in
      guard !store.restriction.isEmpty else { return usual }
      var own = request
      own.matchers += store.restriction.map(LabelMatcherMessage.init)
      return own.encoded()
    }
  }
}

/// Is told what stores say beside series, and what becomes of them.
protocol RemoteMergeObserver: AnyObject {
  /// A store says something that went wrong without ending its answer. Throws where that is the end of it all.
  func warned(_ text: String, by store: RemoteStore) throws
  /// A store tells how it came to its answer: a serialized `google.protobuf.Any`.
  func hinted(_ hints: [UInt8], by store: RemoteStore)
  /// A part of the answer is missing. Throws where that is the end of it.
  func lacks(_ sentence: String, _ cause: (any Error)?, of store: RemoteStore) throws
  /// A store brought so many series.
  func received(_ window: WireWindow, from store: RemoteStore)
  /// The answer of a store is whole.
  func ended(_ store: RemoteStore)
  /// Nothing more comes of a store, whole or not: what it sent since it was asked.
  func left(_ store: RemoteStore, _ traffic: RemoteTraffic)
}

/// What came from one store in answer to a call.
struct RemoteTraffic {
  /// When it was asked.
  let askedAt = ContinuousClock.now
  /// Bytes of its messages, and these.
  var bytes: Int64 = 0, messageCount: Int64 = 0
  /// Series and chunks in them.
  var seriesCount: Int64 = 0, chunkCount: Int64 = 0
}

/// The merge of one call's answers. Used by one task at a time.
///
/// All stores are asked at once; from then on what a store sends is read when the merge needs it, so that no more than a window of each
/// is in memory, and a store that is faster than the others waits.
final class RemoteMerge {
  /// Where complete series are taken from.
  let merger: SeriesMerger

  private var sources: [RemoteSeries?]
  private let wantsChunks: Bool
  private unowned let observer: any RemoteMergeObserver
  /// The store whose next window must be read before the merge goes on.
  private var pending: Int?

  private init(
    _ sources: [RemoteSeries], _ encoding: SeriesEncoding, wantsChunks: Bool, budget: MemoryBudget,
    observer: any RemoteMergeObserver
  ) throws(BudgetExceeded) {
    self.sources = sources
    self.wantsChunks = wantsChunks
    self.observer = observer
    merger = try SeriesMerger(sourceCount: sources.count, encoding, budget: budget)
  }

  /// Asks `stores`. Nil where none of them answers and `observer` is content with that. The observer must live as long as the merge.
  static func open(
    _ stores: [RemoteStore], _ call: RemoteCall, _ encoding: SeriesEncoding, budget: MemoryBudget,
    observer: any RemoteMergeObserver
  ) async throws -> RemoteMerge? {
    guard !stores.isEmpty else { return nil }
    let messages = call.messages(to: stores)
    let calls = await withTaskGroup(of: BegunCall.self) { group in
      for (index, store) in stores.enumerated() {
        group.addTask { await BegunCall(index, store, messages[index], call.metadata) }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    try Task.checkCancellation()
    var sources: [RemoteSeries] = []
    for begun in calls.sorted(by: { $0.index < $1.index }) {
      let store = stores[begun.index]
      if let answer = begun.call {
        sources.append(RemoteSeries(store, answer, call, budget: budget))
      } else {
        let status = begun.failure ?? GRPCStatus(.unknown, "the store was not asked")
        try observer.lacks("fetch series for \(store.seriesDescription): \(status)", status, of: store)
      }
    }
    guard !sources.isEmpty else { return nil }
    let merge = try RemoteMerge(sources, encoding, wantsChunks: call.wantsChunks, budget: budget, observer: observer)
    for index in sources.indices { try await merge.refill(index) }
    return merge
  }

  /// Merges until series are worth taking: all of them should be then. False once all stores are at their end; what is complete can still
  /// be taken.
  func advance() async throws -> Bool {
    if let index = pending {
      pending = nil
      try await refill(index)
    }
    while true {
      try Task.checkCancellation()
      switch try merger.step() {
      case .refill(let index):
        // What is complete is handed on before this waits for a store.
        if merger.isWorthTaking {
          pending = index
          return true
        }
        try await refill(index)
      case .output: return true
      case .end: return false
      }
    }
  }

  private func leave(_ index: Int, _ source: RemoteSeries) {
    sources[index] = nil
    if source.isWhole { observer.ended(source.store) }
    observer.left(source.store, source.traffic)
  }

  /// Reads the next window of a store.
  private func refill(_ index: Int) async throws {
    guard let source = sources[index] else { return }
    do {
      guard let window = try await source.next(observer) else { return leave(index, source) }
      observer.received(window, from: source.store)
      merger.push(window, of: index, isLast: source.isAtEnd, withChunks: wantsChunks)
      if source.isAtEnd { leave(index, source) }
    } catch let error as BudgetExceeded {
      throw error
    } catch {
      leave(index, source)
      try Task.checkCancellation()
      try observer.lacks(
        "receive series from \(source.store.seriesDescription): \(GRPCStatus(of: error))", error, of: source.store)
    }
  }
}

/// A call to one of the stores, or why there is none.
private struct BegunCall: Sendable {
  let index: Int
  var call: GRPCClientCall?
  var failure: GRPCStatus?

  init(_ index: Int, _ store: RemoteStore, _ message: [UInt8], _ metadata: HTTPHeaders) async {
    self.index = index
    do {
      self.call = try await store.channel.serverStream(
        path: "/thanos.Store/Series", message: message, metadata: metadata)
    } catch { failure = GRPCStatus(of: error) }
  }
}
