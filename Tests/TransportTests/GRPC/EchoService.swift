// A service whose methods do what its callers ask for by metadata, for tests from both sides.
import Synchronization

@testable import Transport

/// An error that is no status.
struct OddError: Error, CustomStringConvertible {
  var description: String { "something odd" }
}

/// `apus.test.Echo`: messages are plain bytes.
final class EchoService: GRPCService {
  let name = "apus.test.Echo"
  let methods: [GRPCMethod] = [
    "Unary", "Sleep", GRPCMethod("Collect", .clientStream), GRPCMethod("Expand", .serverStream),
    GRPCMethod("Framed", .serverStream), GRPCMethod("Forever", .serverStream), GRPCMethod("Chat", .bidiStream),
    GRPCMethod("ChatInBatches", .bidiStream),
  ]
  /// How many handlers saw their cancellation.
  let cancellations = Atomic<Int>(0)
  /// Whether all handlers that only end by being cancelled have.
  var allWereCancelled: Bool { cancellations.load(ordering: .relaxed) == endless.load(ordering: .relaxed) }
  /// Handlers that only end by being cancelled and have begun. A call may be given up before its handler begins.
  let endless = Atomic<Int>(0)
  /// How many messages `Forever` got rid of.
  let sentForever = Atomic<Int>(0)

  func handle(method: String, call: GRPCServerCall) async throws {
    if let code = call.metadata["x-fail"].flatMap({ Int($0) }).flatMap(GRPCStatus.Code.init(rawValue:)) {
      throw GRPCStatus(code, "asked to fail: 100 % — ü", details: [8, 5])
    }
    if call.metadata.contains("x-throw") { throw OddError() }
    if let compression = call.metadata["x-compress"].flatMap(GRPCCompression.init(rawValue:)) {
      call.setCompression(compression)
    }
    for value in call.metadata.values(for: "x-echo") {
      call.addInitialMetadata("x-echo", value)
      call.addTrailingMetadata("x-echo-trailing", value)
    }
    for value in try call.metadata.binary("x-echo-bin") {
      call.addInitialMetadata("x-echo-bin", Base64.encoded(value, padded: false))
    }
    switch method {
    case "Unary": try await call.send(call.onlyMessage())
    case "Sleep":
      _ = try await call.onlyMessage()
      endless.add(1, ordering: .relaxed)
      do { try await Task.sleep(for: .seconds(3_600)) } catch {
        cancellations.add(1, ordering: .relaxed)
        throw error
      }
    case "Collect":
      var all: [UInt8] = []
      while let message = try await call.nextMessage() { all += message }
      try await call.send(all)
    case "Expand", "Framed":
      let request = String(decoding: try await call.onlyMessage(), as: UTF8.self).split(separator: " ").compactMap {
        Int($0)
      }
      let (count, size) = (request.first ?? 0, request.last ?? 0)
      var frames: [UInt8] = []
      var framed = 0
      for index in 0..<count {
        let message = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size)
        if method == "Expand" {
          try await call.send(message)
          continue
        }
        GRPCFraming.append(message, to: &frames)
        framed += 1
        if frames.count >= 65_536 || index == count - 1 {
          try await call.sendFramed(frames, messageCount: framed)
          (frames, framed) = ([], 0)
        }
      }
    case "Forever":
      let message = try await call.onlyMessage()
      endless.add(1, ordering: .relaxed)
      do {
        while true {
          try Task.checkCancellation()
          try await call.send(message)
          sentForever.add(1, ordering: .relaxed)
        }
      } catch {
        cancellations.add(1, ordering: .relaxed)
        throw error
      }
    case "ChatInBatches":
      while let messages = try await call.nextMessages() {
        for range in messages { try await call.send(Array(messages.bytes[range])) }
      }
    case "Chat": while let message = try await call.nextMessage() { try await call.send(message) }
    default: throw GRPCStatus(.internal, "no method \(method)")
    }
  }
}
