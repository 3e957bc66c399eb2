// Strings by number. Series carry label names and values as ids into such a table; only where labels leave the process do
// they become strings.

/// A table of distinct strings, each known by its id: 0 up to `count`.
///
/// In the table of one index, ids compare as their strings do, bytewise. A table never changes once it can be seen.
public protocol SymbolTable: AnyObject, Sendable {
  /// How many strings there are; ids are below it.
  var count: Int { get }

  /// Calls `body` with the bytes of string `id`, valid only during the call; nil, without a call, where there is none.
  func withSymbol<Result>(_ id: UInt32, _ body: (UnsafeRawBufferPointer) -> Result) -> Result?

  /// String `id`, with invalid UTF-8 repaired; nil where there is none.
  func string(_ id: UInt32) -> String?
}

extension SymbolTable {
  /// See the protocol: by way of `withSymbol`.
  public func string(_ id: UInt32) -> String? {
    unsafe withSymbol(id) { bytes in unsafe String(decoding: bytes, as: UTF8.self) }
  }
}
