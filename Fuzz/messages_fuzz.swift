// Every message of StoreAPI, fed by a fuzzer: bytes are refused, or are a message that says the same after another round. The first byte
// says which message.
// module Locking: Sources/Locking/*.swift
// module TSModel: Sources/TSModel/*.swift Sources/TSModel/*/*.swift
// module StoreAPI: Sources/StoreAPI/[A-RT-Z]*.swift Sources/StoreAPI/Series*.swift Sources/StoreAPI/St*.swift
// sources: Tests/StoreAPITests/Messages/AllMessages.swift
// objects: Sources/CLibraries/RE2/re2_shim.cpp
// libraries: re2 stdc++
import TSModel

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessages(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let first = bytes.first else { return 0 }
  let message = allMessages[Int(first) % allMessages.count]
  do {
    let once = try message.again(Array(bytes.dropFirst()))
    let twice = try message.again(once)
    precondition(once == twice, message.name)
  } catch {
    precondition(error is ModelError, "an error of another kind")
  }
  return 0
}
