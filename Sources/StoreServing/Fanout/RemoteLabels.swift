// Questions about labels, put to many stores at once.
internal import StoreAPI
internal import TSModel
internal import Transport

/// What the two questions about labels have in common.
protocol LabelRequestMessage: ProtobufMessage {
  var matchers: [LabelMatcherMessage] { get set }
  var startMs: Int64 { get set }
  var endMs: Int64 { get set }
  var partialResponseDisabled: Bool { get set }
  var partialResponseStrategy: PartialResponseStrategy { get set }
  var hints: AnyMessage? { get set }
  var limit: Int64 { get set }
}

extension LabelNamesRequest: LabelRequestMessage {}
extension LabelValuesRequest: LabelRequestMessage {}

/// What the two answers have in common.
protocol LabelAnswerMessage: ProtobufMessage {
  /// The names, or the values.
  var strings: [String] { get set }
  var warnings: [String] { get set }
  /// Where the question goes.
  static var path: String { get }
  /// What asking is called in Thanos' sentences about failures.
  static var attempt: String { get }
}

extension LabelNamesResponse: LabelAnswerMessage {
  var strings: [String] {
    get { names }
    set { names = newValue }
  }
  static var path: String { "/thanos.Store/LabelNames" }
  static var attempt: String { "fetch label names from store" }
}

extension LabelValuesResponse: LabelAnswerMessage {
  var strings: [String] {
    get { values }
    set { values = newValue }
  }
  static var path: String { "/thanos.Store/LabelValues" }
  static var attempt: String { "fetch label values from store" }
}

enum RemoteLabels {
  /// What a store answers: strings and warnings, or why there are none.
  typealias Answer = (store: RemoteStore, result: Result<(strings: [String], warnings: [String]), any Error>)

  /// Asks all of `stores` at once. The answers are in the order of the addresses.
  static func ask<Message: LabelAnswerMessage>(
    _ stores: [RemoteStore], _ message: some LabelRequestMessage, answer: Message.Type, _ metadata: HTTPHeaders,
    timeoutMs: Int
  ) async -> [Answer] {
    await withTaskGroup(of: Answer.self) { group in
      for store in stores {
        var own = message
        own.matchers += store.restriction.map(LabelMatcherMessage.init)
        let bytes = own.encoded()
        group.addTask {
          do {
            let answer: Message = try await store.channel.call(
              Message.path, bytes, metadata, timeoutMs: timeoutMs > 0 ? timeoutMs : nil)
            return (store, .success((answer.strings, answer.warnings)))
          } catch { return (store, .failure(error)) }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }.sorted { $0.store.address < $1.store.address }
  }

  /// What is said about a store that failed.
  static func sentence<Message: LabelAnswerMessage>(
    answer: Message.Type, _ store: RemoteStore, _ error: any Error
  ) -> String {
    "\(Message.attempt) \(store.description): \(GRPCStatus(of: error))"
  }
}
