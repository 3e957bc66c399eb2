// Rows of CRC32C (see targets.tsv).
internal import CTSDB

let crcRows: [Row] = [
  Row(name: "crc32c_300b", unit: "ns/byte") {
    // As large as a usual chunk, one behind the other, as in a segment: 600 kB.
    let inputSize = 300
    let inputCount = benchSize.pick(2000, toy: 20)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: inputSize * inputCount)
    for index in 0..<(inputSize * inputCount) { bytes[index] = UInt8(truncatingIfNeeded: index &* 167 &+ index >> 8) }
    return Workload(unitsPerRun: Double(inputSize * inputCount)) {
      var sum: UInt32 = 0
      for input in 0..<inputCount { sum ^= tsdb_crc32c(0, bytes + input * inputSize, inputSize) }
      blackHole(sum)
    }
  }
]
