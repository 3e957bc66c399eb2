// The client's end.
import Glibc
import Transport

/// What a run asks for.
struct Load {
  private let port: Int
  private let isUnary: Bool
  private let path: String
  private let count: Int
  private let size: Int
  private let inFlight: Int

  /// PORT (U|T|S) COUNT SIZE IN-FLIGHT; nil where that is none.
  init?(_ words: [String]) {
    guard words.count == 5, let port = Int(words[0]), ["U", "T", "S"].contains(words[1]), let count = Int(words[2]),
      let size = Int(words[3]), let inFlight = Int(words[4]), count > 0, size >= 0, inFlight > 0
    else { return nil }
    (self.port, isUnary, self.count, self.size, self.inFlight) = (port, words[1] != "S", count, size, inFlight)
    path = "/b/" + words[1]
  }

  /// Warms up, works, prints.
  func run(hasTLS: Bool) async throws {
    var options = GRPCChannelOptions(loops: try EventLoopGroup(count: 1))
    if hasTLS {
      var tls = TLSOptions()
      tls.skipsVerification = true
      options.tls = tls
    }
    let channel = try GRPCChannel(target: "127.0.0.1:\(port)", options: options)
    for _ in 0..<min(2000, count) { _ = try await channel.unary(path: "/b/U", message: payload(200)) }

    let serverBefore = try await serverTimeUs(channel)
    let (clientBefore, begin) = (processTimeUs(), ContinuousClock.now)
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for index in 0..<inFlight {
        let share = count / inFlight + (index < count % inFlight ? 1 : 0)
        guard share > 0 else { continue }
        group.addTask {
          try await isUnary ? unary(channel, share) : stream(channel, share)
        }
      }
      return try await group.reduce(0, +)
    }
    let wall = (ContinuousClock.now - begin) / .seconds(1)
    let client = (processTimeUs() - clientBefore) / Double(count)
    let server = (try await serverTimeUs(channel) - serverBefore) / Double(count)
    print(
      "n=\(count) bad=\(wrong) wall=\(wall) rate=\(Int(Double(count) / wall)) cli=\(client) srv=\(server) "
        + "tot=\(client + server)")
  }

  private func serverTimeUs(_ channel: GRPCChannel) async throws -> Double {
    let text = try await channel.unary(path: "/b/R", message: [UInt8](repeating: 0, count: 16))
    return Double(String(decoding: text.prefix { $0 != 0x20 }, as: UTF8.self)) ?? 0
  }

  /// Calls one after another; how many of them gave a wrong answer.
  private func unary(_ channel: GRPCChannel, _ count: Int) async throws -> Int {
    let message = payload(200)
    var bad = 0
    for _ in 0..<count {
      let answer = try await channel.unary(path: path, message: message)
      if answer.count != 200 || answer[199] != message[199] { bad += 1 }
    }
    return bad
  }

  /// Messages of one stream; how many of them were wrong or missing.
  private func stream(_ channel: GRPCChannel, _ count: Int) async throws -> Int {
    let request = [size, count].flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    let last = payload(size).last
    let call = try await channel.serverStream(path: path, message: request)
    var (good, bad) = (0, 0)
    while let messages = try await call.nextMessages() {
      for message in messages {
        if message.count == size, message.isEmpty || messages.bytes[message.upperBound - 1] == last {
          good += 1
        } else {
          bad += 1
        }
      }
    }
    return bad + abs(count - good)
  }
}
