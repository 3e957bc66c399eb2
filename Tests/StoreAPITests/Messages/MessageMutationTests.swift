// Every message under bytes that nobody meant: made up field by field, cut short, with flipped bits, spliced. What comes out is an error or a
// message that says the same after another round.
import Foundation
import StoreAPI
import TSModel
import TestSupport
import Testing

@Suite struct MessageMutationTests {
  private static func varint(_ value: UInt64, _ bytes: inout [UInt8]) {
    var left = value
    while left >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: left) | 0x80)
      left >>= 7
    }
    bytes.append(UInt8(left))
  }

  /// A number of any length.
  private static func number(_ random: inout SplitMix64) -> UInt64 {
    let shift = UInt64(random.below(64))
    return random.next() >> shift
  }

  /// Fields with small numbers, of the forms of the format; those with a length hold text, packed numbers or fields again.
  private static func fields(_ random: inout SplitMix64, depth: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    let count = random.below(depth == 0 ? 12 : 5)
    for _ in 0..<count {
      let field = UInt64(1 + random.below(random.below(8) == 0 ? 2000 : 16))
      let form = [0, 0, 1, 2, 2, 2, 2, 5][random.below(8)]
      varint(field << 3 | UInt64(form), &bytes)
      switch form {
      case 0: varint(number(&random), &bytes)
      case 1: for _ in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
      case 5: for _ in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
      default:
        var inner: [UInt8] = []
        switch random.below(4) {
        case 0: inner = Array("text of any kind é".utf8.prefix(random.below(20)))
        case 1: for _ in 0..<random.below(5) { varint(number(&random), &inner) }
        default: if depth < 6 { inner = fields(&random, depth: depth + 1) }
        }
        varint(UInt64(inner.count), &bytes)
        bytes += inner
      }
    }
    return bytes
  }

  private static func damage(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else { return }
    for _ in 0..<(1 + random.below(3)) {
      let at = random.below(bytes.count)
      switch random.below(5) {
      case 0: bytes[at] ^= 1 << UInt8(random.below(8))
      case 1: bytes[at] = [0, 0x7F, 0x80, 0xFF][random.below(4)]
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
      default: bytes += bytes[at...]
      }
      if bytes.isEmpty { return }
    }
  }

  /// Whether `bytes` are taken; then the message is the same after another round.
  private static func isTaken(_ name: String, _ again: MessageAgain, _ bytes: [UInt8]) throws -> Bool {
    let once: [UInt8]
    do { once = try again(bytes) } catch is ModelError { return false }
    let twice = try again(once)
    #expect(once == twice, "\(name): \(bytes)")
    return true
  }

  @Test func anyBytesAreAnErrorOrAMessage() throws {
    var random = SplitMix64(seed: 41)
    for (name, again) in allMessages {
      var taken = 0
      for _ in 0..<(isLongTier ? 5000 : 200) {
        var bytes = Self.fields(&random, depth: 0)
        if try Self.isTaken(name, again, bytes) { taken += 1 }
        Self.damage(&bytes, &random)
        _ = try Self.isTaken(name, again, bytes)
      }
      #expect(taken > 0, "\(name)")
    }
  }

  /// The list above has every message that the sources have.
  @Test func everyMessageIsTried() throws {
    let named = Set(allMessages.map(\.name))
    let folder = Fixtures.repository + "/Sources/StoreAPI"
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
    var found: Set<String> = []
    for file in files {
      for line in String(decoding: try readFile(folder + "/" + file), as: UTF8.self).split(separator: "\n")
      where line.hasPrefix("public struct ") && line.contains(": ProtobufMessage") {
        found.insert(String(line.dropFirst("public struct ".count).prefix { $0 != ":" }))
      }
    }
    #expect(found == named)
  }
}
