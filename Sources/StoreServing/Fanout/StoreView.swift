// Which stores there are at a moment, and which of them a request concerns.
internal import TSModel

/// What can be asked now.
public struct StoreView: Sendable {
  /// A store that should answer and does not.
  public typealias Missing = (store: RemoteStore, reason: String)

  /// The stores that can be asked.
  public var stores: [RemoteStore]
  /// What is missing: sentences about stores that do not answer at present.
  public var missing: [Missing]

  /// These stores.
  public init(stores: [RemoteStore], missing: [Missing] = []) {
    self.stores = stores
    self.missing = missing
  }

  /// Those that may have series which fulfil `matchers` with samples in `range`; of `storeMatchers` they must fulfil one set, unless there
  /// is none.
  func concerned(_ matchers: [LabelMatcher], _ range: TimeRange, storeMatchers: [[LabelMatcher]] = []) -> StoreView {
    func isConcerned(_ store: RemoteStore) -> Bool { store.mayHave(matchers, in: range, storeMatchers: storeMatchers) }
    return StoreView(stores: stores.filter(isConcerned), missing: missing.filter { isConcerned($0.store) })
  }
}
