// Messages that arrive together, handed on together.
import Testing

@testable import Transport

@Suite struct GRPCBatchTests {
  /// Each would unpack to the limit: they are not unpacked together.
  @Test func compressedMessagesComeOneByOne() throws {
    let limit = 10_000
    var frames: [UInt8] = []
    for _ in 0..<20 {
      GRPCFraming.append(
        try GRPCCompression.gzip.encode([UInt8](repeating: 0, count: limit)), compressed: true, to: &frames)
    }
    var deframer = GRPCDeframer(maxMessageBytes: limit)
    deframer.push(frames)
    var count = 0
    while let batch = try deframer.nextBatch() {
      #expect(try batch.decompressed(.gzip, limitBytes: limit).bytes.count <= limit + GRPCFraming.prefixBytes)
      count += 1
    }
    #expect(count == 20)
  }
}
