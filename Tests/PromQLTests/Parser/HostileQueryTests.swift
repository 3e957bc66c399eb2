// Queries that are made to hurt: deep ones on a small stack, long ones, and broken ones of every kind.
import Foundation
import PromQL
import TestSupport
import Testing

/// Everything that can be done with a text, on a thread with a stack of 512 KiB; what the parser says, or nil.
private func outcome(_ text: String, formattedSizeMax: Int = 64 << 20) -> String? {
  let result = Outcome()
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    result.message = use(text, formattedSizeMax: formattedSizeMax)
    done.signal()
  }
  thread.stackSize = 512 << 10
  thread.start()
  done.wait()
  return result.message
}

/// Handed from one thread to another, with a semaphore between.
private final class Outcome: @unchecked Sendable { var message: String? }

@inline(never) private func use(_ text: String, formattedSizeMax: Int) -> String? {
  do throws(ParseError) {
    let expression = try PromQL.Expression(parsing: text, options: .everything)
    let printed = expression.description
    let formatted = try expression.formatted(sizeMax: formattedSizeMax)
    let tree = expression.jsonText
    return printed.isEmpty || formatted.isEmpty || tree?.isEmpty == true ? "nothing written" : nil
  } catch { return error.description }
}

@Suite struct HostileQueryTests {
  static let deep: [(String, String, String)] = [
    ("(", "a", ")"), ("-", "a", ""), ("a^", "a", ""), ("abs(", "a", ")"), ("sum(", "a", ")"),
    ("sum by (b) (", "a", ")"),
    ("a+", "a", ""), ("", "a", "+a"), ("", "a", " or a"), ("", "vector(1)", "[1m:]"), ("a + on (b) (", "a", ")"),
    ("label_replace(", "a", ",\"\",\"\",\"\",\"\")"), ("topk(scalar(", "a", "),a)"),
    ("a[(", "1", ")]"), ("a[-", "1", "]"), ("a[1^", "1", "]"), ("a[", "1", "+1]"), ("a offset max_of(1,", "1", ")"),
  ]

  @Test(arguments: deep) func whatIsTooDeepIsAnError(before: String, middle: String, after: String) {
    let prefix = before.hasPrefix("a[") ? "a[" : before.hasPrefix("a offset ") ? "a offset " : ""
    let suffix = after.hasSuffix("]") && prefix == "a[" ? "]" : ""
    func nested(_ count: Int) -> String {
      prefix + String(repeating: String(before.dropFirst(prefix.count)), count: count) + middle
        + String(repeating: String(after.dropLast(suffix.count)), count: count) + suffix
    }
    for count in [1100, 100_000] {
      let message = outcome(nested(count))
      #expect(
        message?.hasSuffix("expression is nested more than 1000 levels deep: split it into several") == true,
        "\(before)\(after): \(message ?? "an expression")")
    }
    // As deep as is allowed, or nearly; a literal takes all signs before it.
    let message = outcome(nested(before.hasPrefix("topk") || before.contains("on (b)") ? 490 : 990))
    #expect(
      message == nil || message?.contains("subquery is only allowed on instant vector") == true, "\(before)\(after)")
  }

  @Test func aLongQueryIsReadOrRefused() {
    // A megabyte, and by every day less: what grows with the square shows there too.
    let size = isLongTier ? 1 << 20 : 1 << 13
    func repeated(_ text: String) -> String { String(repeating: text, count: size / text.utf8.count) }
    let long = [
      "{\(repeated("a=\"b\","))}", "label_join(a\(repeated(",\"b\"")))", "\"\(repeated("x"))\"",
      "\"\(repeated("\\x41"))\"",
      "sum by (\(repeated("a,"))) (x)", "a + on (\(repeated("b,"))) group_left (\(repeated("c,"))) d",
      "\(repeated("#\n"))a",
      "sum(sum(a)\(repeated(" ")))", "a\(repeated(" offset 0"))", "a\(repeated(" anchored"))", "a\(repeated(" fill "))",
      repeated("1"), repeated("1h"), repeated("a"), repeated("{"), repeated("["), repeated("'"),
      "{\(repeated("a=~\"(a|b)c*.d\","))}", "a[5m\(repeated(":"))",
    ]
    for text in long { _ = outcome(text) }
    #expect(outcome("{\(repeated("a=\"b\","))}") == nil)
    #expect(outcome("sum(sum(a)\(repeated(" ")))") == nil)
  }

  @Test func indentsThatGrowBeyondTheLimitAreRefused() {
    let text =
      String(repeating: "abs(", count: 900) + "label_join(a" + String(repeating: ",\"b\"", count: 2000) + ")"
      + String(repeating: ")", count: 900)
    #expect(outcome(text, formattedSizeMax: 1 << 20)?.contains("longer than 1048576 bytes") == true)
    #expect(outcome(text) == nil)
  }

  @Test func truncatedAndChangedQueriesNeverTrap() throws {
    var texts = [
      "sum by (a, b) (rate(http_requests_total{code=~\"5..\", job!='x'}[5m] offset 1h)) / on (a) group_left (c) b > bool 0.5",
      "histogram_quantile(0.9, sum without (le) ({\"my.metric\", \"l.b\"=`c`}[1h:1m] @ start() offset -5m)) # end",
      "a[max_of(step(), 5m * 2)] smoothed offset (-1h) + fill_left(-1) fill_right(2h) b atan2 -0x1F ^ 1_000e3 </ 1e-5",
      "WITH (c = {a=\"b\"}, w = 5m, l = (a, b), f(x, y) = rate(x[w]) default y) sum by (l) ((f(up{c, d!=\"e\"}, 0), running_sum(share(up{c}) by (b)))) / (a - on (b) c) keep_metric_names",
    ]
    if let recorded = try RecordedExpression.all() { texts += recorded.map(\.query) }
    var random = SplitMix64(seed: 0x5EED_0007)
    var read = 0
    func use(_ bytes: some Collection<UInt8>) {
      for options in [ParserOptions.everything, extras] {
        do throws(ParseError) {
          let expression = try PromQL.Expression(parsing: String(decoding: bytes, as: UTF8.self), options: options)
          read += try expression.formatted().isEmpty ? 0 : 1
          _ = expression.jsonText
        } catch {
          #expect(!error.place.isEmpty && error.position.start >= 0 && error.position.start <= bytes.count * 3)
        }
      }
    }
    let share = isLongTier ? 1 : 100
    for (number, text) in texts.enumerated() {
      let bytes = Array(text.utf8)
      // All of the first, a share of the others: the places differ from text to text.
      for end in 0...bytes.count where number < 4 || (end + number) % share == 0 { use(bytes[..<end]) }
      guard !bytes.isEmpty else { continue }
      for _ in 0..<(number < 4 || isLongTier ? 200 : 1) {
        var changed = bytes
        for _ in 0...Int.random(in: 0..<3, using: &random) {
          let index = Int.random(in: 0..<changed.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
          case 1: changed[index] = UInt8.random(in: 0...255, using: &random)
          case 2: changed.insert(changed[Int.random(in: 0..<changed.count, using: &random)], at: index)
          default: if changed.count > 1 { changed.remove(at: index) }
          }
        }
        use(changed)
      }
    }
    #expect(read > 100)
  }
}
