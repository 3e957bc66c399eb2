// What a span is known by, inside the process and on the way to the next one.

/// The 16 bytes that all spans of a trace share. All zero means none.
public struct TraceID: Hashable, Sendable, CustomStringConvertible {
  /// The first eight bytes, big-endian.
  public var high: UInt64
  /// The last eight bytes, big-endian.
  public var low: UInt64

  /// An id of these halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The id in 32 hexadecimal digits, or nil where `text` is not that, or all zeros.
  public init?(hex text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 32, let high = number(hex: bytes[..<16]), let low = number(hex: bytes[16...]),
      high | low != 0
    else { return nil }
    self.init(high: high, low: low)
  }

  /// 32 hexadecimal digits.
  public var description: String { hexText(high) + hexText(low) }

  /// 16 bytes.
  public var bytes: [UInt8] { bigEndianBytes(high) + bigEndianBytes(low) }
}

/// The 8 bytes of a span. All zero means none.
public struct SpanID: Hashable, Sendable, CustomStringConvertible {
  /// The bytes, big-endian.
  public var value: UInt64

  /// An id of this value.
  public init(_ value: UInt64) { self.value = value }

  /// The id in 16 hexadecimal digits, or nil where `text` is not that, or all zeros.
  public init?(hex text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, let value = number(hex: bytes[...]), value != 0 else { return nil }
    self.init(value)
  }

  /// 16 hexadecimal digits.
  public var description: String { hexText(value) }

  /// 8 bytes.
  public var bytes: [UInt8] { bigEndianBytes(value) }
}

/// What a child needs to know of its parent.
public struct SpanContext: Hashable, Sendable {
  /// The trace.
  public var traceID: TraceID
  /// The span.
  public var spanID: SpanID
  /// Whether the trace is recorded.
  public var isSampled: Bool
  /// Whether the span is another process'.
  public var isRemote: Bool
  /// What other systems want to be carried on, as it came (W3C `tracestate`).
  public var traceState: String

  /// A context of these parts.
  public init(traceID: TraceID, spanID: SpanID, isSampled: Bool, isRemote: Bool = false, traceState: String = "") {
    self.traceID = traceID
    self.spanID = spanID
    self.isSampled = isSampled
    self.isRemote = isRemote
    self.traceState = traceState
  }

  /// Reads the field `traceparent` of W3C Trace Context, and `tracestate` beside it. Nil where the former is not as it
  /// should be; versions above 00 may have more behind the flags.
  public init?(traceparent: String, tracestate: String = "") {
    let parts = trimmed(traceparent).split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0].utf8.count == 2, parts[3].utf8.count == 2,
      let version = number(hex: Array(parts[0].utf8)[...]), version != 0xFF, version != 0 || parts.count == 4,
      let traceID = TraceID(hex: parts[1]), let spanID = SpanID(hex: parts[2]),
      let flags = number(hex: Array(parts[3].utf8)[...])
    else { return nil }
    // 512 bytes are what every participant must carry; longer ones are dropped whole.
    self.init(
      traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, isRemote: true,
      traceState: tracestate.utf8.count <= 512 ? tracestate : "")
  }

  /// The field `traceparent` for a request to the next process.
  public var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }
}

/// Lower-case digits only, as W3C Trace Context demands.
private func number(hex digits: ArraySlice<UInt8>) -> UInt64? {
  guard digits.count <= 16 else { return nil }
  var value: UInt64 = 0
  for digit in digits {
    switch digit {
    case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
    case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
    default: return nil
    }
  }
  return value
}

private func hexText(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}

private func bigEndianBytes(_ value: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
}
