// Which stores there are: every endpoint is asked who it is from time to time, and taken out while it does not answer.
public import StoreAPI
internal import TSModel
public import Transport
internal import Locking
internal import Synchronization

/// An endpoint as it was configured.
public struct EndpointSpec: Sendable, Hashable {
  /// `host:port`, or the name of a group.
  public var address: String
  /// Whether it is asked whatever its state.
  public var isStrict: Bool
  /// Whether its addresses are one endpoint, which is asked by turns.
  public var isGroup: Bool
  /// Which of the component's client settings it uses.
  public var client: String

  /// An endpoint.
  public init(address: String, isStrict: Bool = false, isGroup: Bool = false, client: String = "") {
    self.address = address
    self.isStrict = isStrict
    self.isGroup = isGroup
    self.client = client
  }
}

/// What is known of an endpoint.
public struct EndpointStatus: Sendable {
  /// How it was configured.
  public var spec: EndpointSpec
  /// What it said of itself last; nil: nothing yet.
  public var info: InfoResponse?
  /// When it was asked last, milliseconds since the Unix epoch; 0: not yet.
  public var checkedMs: Int64
  /// What was wrong then; nil: nothing.
  public var failure: String?
  /// Where it is asked.
  public var channel: GRPCChannel
}

/// Times of an endpoint set.
public struct EndpointTimes: Sendable {
  /// The longest that an endpoint may take to say who it is, milliseconds.
  public var infoTimeoutMs = 5_000
  /// How long an endpoint that does not answer is still counted among those that should, milliseconds.
  public var unhealthyTimeoutMs = 300_000
  /// Whether endpoints that never answered are missed, and those that stopped are for ever.
  public var expectsAll = false
  /// How long the calls of an endpoint that is gone may still take, milliseconds.
  public var drainMs = 120_000

  /// Thanos' times.
  public init() {}
}

/// The endpoints of a component. Thread-safe.
public final class EndpointSet: Sendable {
  private struct Endpoint {
    var status: EndpointStatus
    var answeredAt: ContinuousClock.Instant?
    var addedAt: ContinuousClock.Instant
  }

  private struct State {
    var endpoints: [EndpointSpec: Endpoint] = [:]
    var duplicateCount: Int64 = 0
    /// Channels of endpoints that are gone, and when they are closed.
    var draining: [(channel: GRPCChannel, closesAt: ContinuousClock.Instant)] = []
  }

  private let times: EndpointTimes
  private let selector: LabelSetSelector
  private let makeChannel: @Sendable (EndpointSpec) throws -> GRPCChannel
  private let onChange: @Sendable (EndpointStatus, _ before: EndpointStatus?) -> Void
  private let state = Guarded(State())

  /// No endpoints yet; of their data that is asked which `selector` keeps. `onChange` is told of endpoints that come, change what is wrong with them, or go (then `channel` is closed soon).
  public init(
    times: EndpointTimes = EndpointTimes(), selector: LabelSetSelector = LabelSetSelector(),
    makeChannel: @escaping @Sendable (EndpointSpec) throws -> GRPCChannel,
    onChange: @escaping @Sendable (EndpointStatus, _ before: EndpointStatus?) -> Void = { _, _ in }
  ) {
    self.times = times
    self.selector = selector
    self.makeChannel = makeChannel
    self.onChange = onChange
  }

  // MARK: Looking

  /// All endpoints, by address.
  public var statuses: [EndpointStatus] {
    state.withLock { $0.endpoints.values.map(\.status) }.sorted { $0.spec.address < $1.spec.address }
  }

  /// How often an address was given that was there already.
  public var duplicateCount: Int64 { state.withLock { $0.duplicateCount } }

  /// The stores that can be asked now, and those that should answer and do not.
  public var view: StoreView {
    let now = ContinuousClock.now
    let endpoints = state.withLock { Array($0.endpoints.values) }
    var view = StoreView(stores: [])
    for endpoint in endpoints.sorted(by: { $0.status.spec.address < $1.status.spec.address }) {
      let status = endpoint.status
      if let info = status.info, info.store == nil { continue }
      var store: RemoteStore?
      if let info = status.info {
        store = selector.restricted(RemoteStore(address: status.spec.address, channel: status.channel, info: info))
        if store == nil { continue }
      }
      if status.spec.isStrict || (status.failure == nil && store != nil) {
        view.stores.append(store ?? RemoteStore(address: status.spec.address, channel: status.channel))
      } else if store != nil || times.expectsAll, isExpected(endpoint, now) {
        view.missing.append(
          (
            store ?? RemoteStore(address: status.spec.address, channel: status.channel),
            status.failure ?? "it has not been asked yet"
          ))
      }
    }
    return view
  }

  /// The endpoints for which `isOffered` holds.
  func offering(_ isOffered: (InfoResponse) -> Bool) -> OfferedEndpoints {
    let now = ContinuousClock.now
    let endpoints = state.withLock { Array($0.endpoints.values) }
    var result = OfferedEndpoints()
    for endpoint in endpoints.sorted(by: { $0.status.spec.address < $1.status.spec.address }) {
      let status = endpoint.status
      guard let info = status.info, isOffered(info) else { continue }
      let offered = OfferedEndpoint(address: status.spec.address, info: info, channel: status.channel)
      if status.spec.isStrict || status.failure == nil {
        result.endpoints.append(offered)
      } else if let failure = status.failure, isExpected(endpoint, now) {
        result.missing.append((offered, failure))
      }
    }
    return result
  }

  /// Whether an endpoint that does not answer should.
  private func isExpected(_ endpoint: Endpoint, _ now: ContinuousClock.Instant) -> Bool {
    times.expectsAll
      || endpoint.answeredAt.map { now - $0 < .milliseconds(times.unhealthyTimeoutMs) } ?? false
  }

  // MARK: Asking

  /// Takes `specs` for the endpoints from now on, and asks all of them who they are. Of an address that is given more than once the last
  /// counts.
  public func update(_ specs: [EndpointSpec]) async {
    var wanted: [String: EndpointSpec] = [:]
    var duplicates = 0
    for spec in specs where wanted.updateValue(spec, forKey: spec.address) != nil { duplicates += 1 }
    let gone = state.withLock { state in
      state.duplicateCount += Int64(duplicates)
      let gone = state.endpoints.filter { wanted[$0.key.address] != $0.key }
      for spec in gone.keys { state.endpoints[spec] = nil }
      return gone.values.map(\.status)
    }
    for status in gone { letGo(status) }
    let drained = state.withLock { state in
      let now = ContinuousClock.now
      defer { state.draining.removeAll { $0.closesAt <= now } }
      return state.draining.filter { $0.closesAt <= now }
    }
    for (channel, _) in drained { channel.close() }
    for spec in wanted.values where state.withLock({ $0.endpoints[spec] == nil }) { add(spec) }
    await withTaskGroup(of: Void.self) { group in
      for status in statuses { group.addTask { await self.check(status) } }
    }
  }

  private func add(_ spec: EndpointSpec) {
    do {
      let status = EndpointStatus(spec: spec, checkedMs: 0, channel: try makeChannel(spec))
      state.withLock { $0.endpoints[spec] = Endpoint(status: status, addedAt: .now) }
    } catch {
      // The component refused it when it was configured; names that lookups bring may be anything.
    }
  }

  private func letGo(_ status: EndpointStatus) {
    var last = status
    last.failure = "it is not among the endpoints any more"
    onChange(last, status)
    // Calls that run on it may end; it is closed by an update after that.
    let closesAt = ContinuousClock.now + .milliseconds(times.drainMs)
    state.withLock { $0.draining.append((status.channel, closesAt)) }
  }

  private func check(_ before: EndpointStatus) async {
    var status = before
    do {
      let bytes = try await before.channel.unary(
        path: "/thanos.info.Info/Info", message: InfoRequest().encoded(), timeoutMs: times.infoTimeoutMs)
      status.info = try InfoResponse(protobuf: bytes)
      status.failure = nil
    } catch {
      if Task.isCancelled { return }
      status.failure = "\(error)"
    }
    status.checkedMs = WallClock.nowMs()
    let answered = status.failure == nil
    let result = status
    let isKnown = state.withLock { state in
      guard state.endpoints[before.spec] != nil else { return false }
      state.endpoints[before.spec]?.status = result
      if answered { state.endpoints[before.spec]?.answeredAt = .now }
      return true
    }
    if isKnown, before.checkedMs == 0 || before.failure != status.failure { onChange(status, before) }
  }

  /// Closes all channels.
  public func close() {
    let all = state.withLock { state in
      defer {
        state.endpoints.removeAll()
        state.draining.removeAll()
      }
      return state.endpoints.values.map(\.status.channel) + state.draining.map(\.channel)
    }
    for channel in all { channel.close() }
  }
}
