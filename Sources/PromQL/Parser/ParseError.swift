// Why a text is no query.

/// What is wrong with a query's text, in Prometheus' words, and where. Of several faults it is the first.
public struct ParseError: Error, Sendable, CustomStringConvertible {
  /// What is wrong.
  public var message: String
  /// The part of the text that is wrong.
  public var position: PositionRange
  /// Line and column where that begins, `1:6`, or `unknown position` in an empty text.
  public var place: String

  init(_ message: String, at position: PositionRange, in bytes: [UInt8]) {
    self.message = message
    self.position = position
    place = position.lineAndColumn(in: bytes)
  }

  /// As Prometheus says it: `1:6: parse error: unexpected end of input`.
  public var description: String { "\(place): parse error: \(message)" }
}
