// Calls that were recorded from a real store gateway, answered by ours over the same blocks: every answer means the same.
// Framing does not count: a series may come alone or in a batch, in one message or in several.
import Foundation
import Storage
import StoreAPI
import StoreServing
import TSModel
import TestSupport
import Testing
import Transport

/// The blocks that the recorded gateway served: captures/README.md says which.
func recordedCatalog() throws -> ServedBlocks {
  let blocks = try Fixtures.folder("thanos/blocks")
  var paths: [ULID: String] = [:]
  var entries: [ServedBlock] = []
  for folder in ["bucket-raw/bucket", "bucket-downsampled/bucket"] {
    for name in try FileManager.default.contentsOfDirectory(atPath: "\(blocks)/\(folder)").sorted() {
      let path = "\(blocks)/\(folder)/\(name)"
      guard ULID(name) != nil, FileManager.default.fileExists(atPath: path + "/index") else { continue }
      let entry = ServedBlock(try Block.open(path: path).meta)
      paths[entry.ulid] = path
      entries.append(entry)
    }
  }
  let known = paths
  let catalog = ServedBlocks { entry in try Block.open(path: known[entry.ulid] ?? "") }
  catalog.replace(with: entries)
  return catalog
}

func recordedStore(_ change: (inout LocalStoreOptions) -> Void = { _ in }) throws -> LocalStore {
  var options = LocalStoreOptions()
  change(&options)
  return LocalStore(catalog: try recordedCatalog(), options: options, budget: MemoryBudget(name: "process"))
}

/// What a call ended with.
struct Answer {
  var status = GRPCStatus.ok
  var messages: [[UInt8]] = []
}

/// The call as a client would make it.
func answer(_ call: CapturedCall, _ store: LocalStore) async -> Answer {
  var answer = Answer()
  do {
    switch call.method {
    case "/thanos.Store/Series":
      let collected = Collected()
      defer { answer.messages = collected.messages }
      try await store.series(SeriesRequest(protobuf: call.request)) { try collected.add($0) }
    case "/thanos.Store/LabelNames":
      answer.messages = [try await store.labelNames(LabelNamesRequest(protobuf: call.request)).encoded()]
    case "/thanos.Store/LabelValues":
      answer.messages = [try await store.labelValues(LabelValuesRequest(protobuf: call.request)).encoded()]
    default:
      answer.messages = [store.info().encoded()]
    }
  } catch { answer.status = GRPCStatus(of: error) }
  return answer
}

/// Messages out of their frames.
final class Collected {
  private(set) var messages: [[UInt8]] = []
  private(set) var frameCounts: [Int] = []

  func add(_ framed: consuming FramedMessages) throws {
    let frames = framed.frames
    let expected = framed.messageCount
    var position = 0
    var count = 0
    while position < frames.count {
      try #require(frames.count - position >= 5 && frames[position] == 0)
      let size = frames[position + 1..<position + 5].reduce(0) { $0 << 8 | Int($1) }
      try #require(size <= frames.count - position - 5)
      messages.append(Array(frames[position + 5..<position + 5 + size]))
      position += 5 + size
      count += 1
    }
    frameCounts.append(count)
    #expect(count == expected)
  }
}

/// The series of a stream, joined whatever the framing was, and its warnings.
struct JoinedSeries {
  var labels: [[LabelMessage]] = []
  var chunks: [[AggregateChunkMessage]] = []
  var warnings: [String] = []

  init(_ messages: [[UInt8]]) throws {
    for message in messages {
      switch try SeriesResponse(protobuf: message).result {
      case .series(let series): add(series)
      case .batch(let batch): batch.series.forEach { add($0) }
      case .warning(let text): warnings.append(text)
      case .hints, nil: break
      }
    }
  }

  private mutating func add(_ series: SeriesMessage) {
    if labels.last != series.labels {
      labels.append(series.labels)
      chunks.append([])
    }
    chunks[chunks.count - 1] += series.chunks
  }
}

/// Cases in which we differ and mean to: docs/compatibility.tsv has the reasons.
private let knownDifferences: Set<String> = ["Series/negative_batch", "LabelValues/empty_label"]

@Suite(.needsShared) struct ReplayTests {
  @Test func everyRecordedCallOfAStoreIsAnsweredAlike() async throws {
    let store = try recordedStore()
    var seen: [String: Int] = [:]
    for call in try CapturedCall.all("store-fs") {
      guard call.method.hasPrefix("/thanos.Store/") || call.method == "/thanos.info.Info/Info" else { continue }
      let name = "\(call.method.split(separator: "/").last ?? "")/\(call.name)"
      // What the transport answers, before a store is asked.
      if ["garbage_body", "unknown_method", "deadline_exceeded"].contains(call.name) { continue }
      let answer = await answer(call, store)
      let difference = try difference(call, answer)
      if knownDifferences.contains(name) {
        #expect(difference != nil, "\(name) agrees: it is no known difference any more")
      } else {
        #expect(difference == nil, "\(call.place) \(name)")
      }
      seen[call.method, default: 0] += 1
    }
    #expect(seen["/thanos.Store/Series"] ?? 0 >= 70)
    #expect(seen["/thanos.Store/LabelNames"] ?? 0 >= 10 && seen["/thanos.Store/LabelValues"] ?? 0 >= 10)
    #expect(seen["/thanos.info.Info/Info"] ?? 0 >= 1)
  }

  private func difference(_ call: CapturedCall, _ answer: Answer) throws -> String? {
    guard answer.status.code.rawValue == call.status else {
      return "status \(answer.status.code.rawValue) \(answer.status.message), recorded \(call.status) \(call.message)"
    }
    guard call.status == 0 else {
      return answer.status.message == call.message ? nil : "message \(answer.status.message), recorded \(call.message)"
    }
    switch call.method {
    case "/thanos.Store/Series": return try seriesDifference(answer.messages, call)
    case "/thanos.Store/LabelNames":
      let (got, want) = try (
        LabelNamesResponse(protobuf: answer.messages[0]), LabelNamesResponse(protobuf: call.responses[0])
      )
      return got.names == want.names && got.warnings == want.warnings && (got.hints == nil) == (want.hints == nil)
        ? nil : "\(got) instead of \(want)"
    case "/thanos.Store/LabelValues":
      let (got, want) = try (
        LabelValuesResponse(protobuf: answer.messages[0]), LabelValuesResponse(protobuf: call.responses[0])
      )
      return got.values == want.values && got.warnings == want.warnings && (got.hints == nil) == (want.hints == nil)
        ? nil : "\(got) instead of \(want)"
    default:
      var (got, want) = try (InfoResponse(protobuf: answer.messages[0]), InfoResponse(protobuf: call.responses[0]))
      for index in 0..<2 {
        var response = index == 0 ? got : want
        response.labelSets.sort { $0.labelSet < $1.labelSet }
        response.store?.tsdbInfos.sort {
          ($0.labels.labelSet.description, $0.minTimeMs) < ($1.labels.labelSet.description, $1.minTimeMs)
        }
        if index == 0 { got = response } else { want = response }
      }
      return got == want ? nil : "\(got) instead of \(want)"
    }
  }

  private func seriesDifference(_ messages: [[UInt8]], _ call: CapturedCall) throws -> String? {
    var got = try JoinedSeries(messages)
    let want = try JoinedSeries(call.responses)
    if !call.isWhole {
      // The last recorded series may have had more chunks.
      got.labels = Array(got.labels.prefix(want.labels.count))
      got.chunks = Array(got.chunks.prefix(want.chunks.count))
      if let last = want.chunks.last, got.chunks.count == want.chunks.count {
        got.chunks[got.chunks.count - 1] = Array(got.chunks[got.chunks.count - 1].prefix(last.count))
      }
    }
    for index in 0..<max(got.labels.count, want.labels.count) {
      let (g, w) = (
        index < got.labels.count ? got.labels[index] : [], index < want.labels.count ? want.labels[index] : []
      )
      if g != w {
        return
          "series \(index) of \(got.labels.count): \(g.map { "\($0.name)=\($0.value)" }) instead of, of \(want.labels.count), \(w.map { "\($0.name)=\($0.value)" })"
      }
      guard got.chunks[index].count == want.chunks[index].count else {
        return "series \(index): \(got.chunks[index].count) chunks instead of \(want.chunks[index].count)"
      }
      for (number, (g, w)) in zip(got.chunks[index], want.chunks[index]).enumerated() where g != w {
        return "series \(index) \(w.minTimeMs)…\(w.maxTimeMs), chunk \(number): \(g) instead of \(w)"
      }
    }
    return got.warnings == want.warnings ? nil : "warnings \(got.warnings) instead of \(want.warnings)"
  }
}
