// Configuration in YAML, fed by a fuzzer: each document is a configuration or is refused with words. The first byte says what it is to be.
// module Locking: Sources/Locking/*.swift
// module TSModel: Sources/TSModel/*.swift Sources/TSModel/*/*.swift
// module Transport: Sources/Transport/Client/HTTPClientOptions.swift Sources/Transport/HTTP/HTTPHeaders.swift
// sources: Sources/ComponentSupport/Flags/*.swift Sources/ComponentSupport/YAML/*.swift Sources/ComponentSupport/Configuration/*.swift
// objects: Sources/CLibraries/RE2/re2_shim.cpp
// libraries: yaml re2 stdc++
import TSModel

private func read(_ kind: UInt8, _ yaml: [UInt8]) throws {
  switch kind % 8 {
  case 0: _ = try YAMLDocument(yaml).root.map(walk)
  case 1: _ = try ObjectStoreConfig(yaml)
  case 2: _ = try TracingConfig(yaml)
  case 3: _ = try RequestLoggingConfig(yaml)
  case 4: _ = try HTTPClientConfig(yaml)
  case 5: _ = try WebConfig(yaml)
  case 6: _ = try EndpointConfig(yaml, flags: EndpointClientConfig())
  default: _ = try RelabelConfig.rules(yaml, allowed: kind > 127 ? RelabelConfig.selectorActions : nil, strict: kind & 8 == 0)
  }
}

/// How many nodes there are: every one is looked at.
private func walk(_ node: YAMLNode) -> Int {
  node.elements.reduce(1) { $0 + walk($1) }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzYAML(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let first = bytes.first else { return 0 }
  do { try read(first, Array(bytes.dropFirst())) } catch {
    guard let refusal = error as? ConfigurationError else { preconditionFailure("an error of another kind: \(error)") }
    precondition(!refusal.message.isEmpty, "refused without a word")
  }
  return 0
}
