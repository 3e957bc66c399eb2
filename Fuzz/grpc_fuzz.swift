// The framing of gRPC's messages, its headers and its compression, fed by a fuzzer: what comes in one piece and what comes in many must
// give the same messages, or the same refusal.
// sources: Sources/Transport/GRPC/GRPCFraming.swift Sources/Transport/GRPC/GRPCStatus.swift Sources/Transport/GRPC/GRPCCompression.swift
// sources: Sources/Transport/GRPC/GRPCMetadata.swift Sources/Transport/GRPC/GRPCTimeout.swift Sources/Transport/GRPC/Base64.swift
// sources: Sources/Transport/HTTP/HTTPHeaders.swift Sources/Transport/TransportError.swift Sources/Transport/Compression/Gzip.swift
// sources: Sources/Transport/Compression/SnappyFraming.swift Sources/Transport/Compression/SnappyBlock.swift
// sources: Sources/Transport/Compression/CRC32C.swift
// libraries: z snappy

private let limitBytes = 1 << 16

/// The messages in `parts`, decompressed, and how it ended.
private func messages(_ parts: [[UInt8]], _ encoding: GRPCCompression, inBatches: Bool) -> (
  all: [[UInt8]], error: String?
) {
  var deframer = GRPCDeframer(maxMessageBytes: limitBytes)
  var all: [[UInt8]] = []
  do {
    for part in parts {
      deframer.push(part)
      if inBatches {
        while let batch = try deframer.nextBatch() {
          let plain = try batch.decompressed(encoding, limitBytes: limitBytes)
          for range in plain { all.append(Array(plain.bytes[range])) }
        }
      } else {
        while let frame = try deframer.next() {
          all.append(try GRPCCompression.message(of: frame, encoding: encoding, limitBytes: limitBytes))
        }
      }
    }
    try deframer.finish()
    return (all, nil)
  } catch {
    return (all, "\(error)")
  }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGRPC(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let first = bytes.first else { return 0 }
  let encoding = GRPCCompression.allCases[Int(first) % GRPCCompression.allCases.count]
  let body = Array(bytes.dropFirst())
  let whole = messages([body], encoding, inBatches: false)
  let step = Int(first >> 4) + 1
  let pieces = stride(from: 0, to: body.count, by: step).map { Array(body[$0..<min($0 + step, body.count)]) }
  let inPieces = messages(pieces, encoding, inBatches: false)
  let inBatches = messages([body], encoding, inBatches: true)
  precondition(whole.error == inPieces.error && whole.all == inPieces.all, "pieces")
  // A batch with a bad message among good ones is refused as a whole.
  precondition(whole.error != nil || (inBatches.error == nil && whole.all == inBatches.all), "batches")

  let text = String(decoding: body, as: UTF8.self)
  if let timeout = GRPCTimeout.parse(text) {
    precondition(GRPCTimeout.parse(GRPCTimeout.format(timeout)) != nil, "time")
  }
  if let decoded = Base64.decoded(text[...]) {
    precondition(Base64.decoded(Base64.encoded(decoded, padded: false)[...]) == decoded, "base64")
  }
  return 0
}
