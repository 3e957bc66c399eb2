// Queries, fed by a fuzzer: each is refused, or printed in a form that is read as the same. The first byte says what of the language is enabled.
// module Locking: Sources/Locking/*.swift
// module TSModel: Sources/TSModel/*.swift Sources/TSModel/*/*.swift
// sources: Sources/PromQL/Parser/*.swift Sources/PromQL/Functions/NumberText.swift
// objects: Sources/CLibraries/RE2/re2_shim.cpp
// libraries: re2 stdc++
import TSModel

private func options(_ byte: UInt8) -> ParserOptions {
  var options = ParserOptions()
  options.experimentalFunctions = byte & 1 != 0
  options.extendedRangeSelectors = byte & 2 != 0
  options.durationExpressions = byte & 4 != 0
  options.binopFillModifiers = byte & 8 != 0
  options.extendedFunctions = byte & 16 != 0
  options.extras = byte & 32 != 0
  return options
}

private func contains(_ text: String, _ word: StaticString) -> Bool {
  let word = word.withUTF8Buffer { Array($0) }
  var rest = Array(text.utf8)[...]
  while rest.count >= word.count {
    if rest.starts(with: word) { return true }
    rest = rest.dropFirst()
  }
  return false
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzQueries(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeBufferPointer(start: data, count: count)
  guard let first = bytes.first else { return 0 }
  let options = options(first)
  let query = String(decoding: bytes.dropFirst(), as: UTF8.self)
  guard let expression = try? Expression(parsing: query, options: options) else { return 0 }
  _ = expression.jsonText
  // Indents can make it much longer.
  guard let once = try? expression.formatted(sizeMax: 1 << 20) else { return 0 }
  guard let again = try? Expression(parsing: once, options: options) else {
    preconditionFailure("not read again: \(once)")
  }
  // As in Prometheus, whole milliseconds are printed of a duration that is a number, kept in seconds (of centuries the last may be lost), and an
  // infinite number has a sign, which is an operator when it is read behind another one.
  if contains(once, "ms") || contains(once, "Inf") { return 0 }
  precondition((try? again.formatted(sizeMax: 1 << 20)) == once, "printed otherwise: \(once)")
  return 0
}
