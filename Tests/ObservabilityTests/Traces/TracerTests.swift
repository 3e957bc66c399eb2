// Spans, their ids on the wire, and which of them are recorded.
import Locking
import Synchronization
import TestSupport
import Testing

@testable import Observability

private final class Kept: SpanExporter {
  let spans = Guarded<[FinishedSpan]>([])
  func export(_ span: FinishedSpan) { spans.withLock { $0.append(span) } }
  var all: [FinishedSpan] { spans.withLock { $0 } }
}

private struct Sad: Error {}

@Suite struct TracerTests {
  private static let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func traceparentComesBackAsItWas() throws {
    let context = try #require(SpanContext(traceparent: Self.traceparent, tracestate: "a=b"))
    #expect(context.isSampled && context.isRemote && context.traceState == "a=b")
    #expect(context.traceparent == Self.traceparent)
    #expect(context.traceID.bytes.count == 16 && context.traceID.bytes[0] == 0x4B && context.spanID.bytes[7] == 0xB7)
    let later = try #require(SpanContext(traceparent: "01" + Self.traceparent.dropFirst(2) + "-more"))
    #expect(later.traceID == context.traceID)
  }

  @Test(arguments: [
    "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", "00--4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
    "xx-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  ]) func aWrongTraceparentIsNone(_ text: String) {
    #expect(SpanContext(traceparent: text) == nil)
  }

  @Test func everyChangedByteOfATraceparentGivesAContextOrNone() {
    let bytes = Array(Self.traceparent.utf8)
    for index in bytes.indices {
      for value in UInt8.min...UInt8.max {
        var changed = bytes
        changed[index] = value
        _ = SpanContext(traceparent: String(decoding: changed, as: UTF8.self))
      }
      _ = SpanContext(traceparent: String(decoding: bytes[..<index], as: UTF8.self))
    }
  }

  @Test func childrenShareTheTraceOfTheirParents() async throws {
    let kept = Kept()
    let tracer = Tracer(sampler: .always, exporter: kept, clock: { 5 })
    await #expect(throws: Sad.self) {
      try await tracer.withSpan("outer", kind: .server, attributes: [("a", 1)]) { outer in
        try await tracer.withSpan("inner") { inner in
          #expect(inner.context.traceID == outer.context.traceID)
          #expect(Tracer.current === inner)
          inner.setAttribute("k", "v")
          inner.setAttribute("k", "w")
          inner.addEvent("e")
          throw Sad()
        }
      }
    }
    #expect(Tracer.current == nil)
    #expect(kept.all.map(\.name) == ["inner", "outer"])
    let inner = try #require(kept.all.first)
    let outer = try #require(kept.all.last)
    #expect(inner.parent == outer.context && outer.parent == nil)
    #expect(inner.attributes.map(\.value) == ["w"] && inner.events.count == 1 && inner.errorMessage == "Sad()")
    #expect(outer.kind == .server && outer.attributes.map(\.key) == ["a"] && outer.startNs == 5)
  }

  @Test func unsampledSpansCarryTheirIdsOnly() throws {
    let kept = Kept()
    let parent = try #require(
      SpanContext(traceparent: Self.traceparent.dropLast(2) + "00", tracestate: "x=y"))
    let tracer = Tracer(sampler: .parentBased(.always), exporter: kept)
    let span = tracer.startSpan("a", parent: parent)
    span.setAttribute("k", 1)
    span.end()
    #expect(kept.all.isEmpty && !span.isRecording)
    #expect(
      span.context.traceparent.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && span.context.traceState == "x=y")
    let forced = tracer.startSpan("b", parent: parent, forced: true)
    forced.end()
    forced.end()
    #expect(kept.all.count == 1)
    #expect(!Tracer.none.startSpan("c", forced: true).isRecording)
  }

  @Test func attributesHaveALimit() throws {
    let kept = Kept()
    let span = Tracer(sampler: .always, exporter: kept).startSpan("a")
    for index in 0..<200 {
      span.setAttribute("k\(index)", .integer(Int64(index)))
      span.addEvent("e")
    }
    span.end()
    let finished = try #require(kept.all.first)
    #expect(finished.attributes.count == 128 && finished.events.count == 128 && finished.droppedCount == 144)
  }

  @Test func ratioChoosesByTheId() {
    var random = SplitMix64(seed: 1)
    let quarter = Sampler.ratio(0.25)
    let half = Sampler.ratio(0.5)
    var count = 0
    for _ in 0..<10_000 {
      let id = TraceID(high: random.next(), low: random.next())
      if quarter.isSampled(id, parent: nil) {
        count += 1
        #expect(half.isSampled(id, parent: nil))
      }
    }
    #expect((2300...2700).contains(count))
    let id = TraceID(high: 1, low: .max)
    #expect(Sampler.ratio(1).isSampled(id, parent: nil) && !Sampler.ratio(0).isSampled(id, parent: nil))
    #expect(!Sampler.ratio(.nan).isSampled(id, parent: nil) && !Sampler.ratio(-1).isSampled(id, parent: nil))
    #expect(!Sampler.ratio(1.0.nextDown).isSampled(id, parent: nil))
  }

  @Test func rateLimitingGivesCreditBySecond() {
    let now = Guarded(ContinuousClock.now)
    let sampler = Sampler.rateLimiting(perSecond: 2, clock: { now.withLock { $0 } })
    let id = TraceID(high: 1, low: 1)
    func take(_ count: Int) -> Int { (0..<count).filter { _ in sampler.isSampled(id, parent: nil) }.count }
    #expect(take(5) == 2)
    now.withLock { $0 += .milliseconds(500) }
    #expect(take(5) == 1)
    now.withLock { $0 += .seconds(60) }
    #expect(take(5) == 2)
    #expect(!Sampler.rateLimiting(perSecond: 0).isSampled(id, parent: nil))
  }

  @Test func parentsDecideWhereThereAreAny() throws {
    let remote = try #require(SpanContext(traceparent: Self.traceparent))
    var local = remote
    local.isRemote = false
    let sampler = Sampler.parentBased(.never, local: .never)
    #expect(!sampler.isSampled(remote.traceID, parent: nil))
    #expect(sampler.isSampled(remote.traceID, parent: remote))
    #expect(!sampler.isSampled(remote.traceID, parent: local))
  }
}
