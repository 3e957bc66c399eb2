// Rows of CRC32C (see targets.tsv).
internal import CTSDB
import Glibc

/// As large as a usual chunk, one behind the other, as in a segment: 600 kB.
private let inputSize = 300

private func inputs() -> (bytes: UnsafeMutablePointer<UInt8>, count: Int) {
  let inputCount = benchSize.pick(2000, toy: 20)
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: inputSize * inputCount)
  for index in 0..<(inputSize * inputCount) { bytes[index] = UInt8(truncatingIfNeeded: index &* 167 &+ index >> 8) }
  return (bytes, inputCount)
}

private let copying = Peer(name: "memcpy") {
  let (bytes, inputCount) = inputs()
  let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: inputSize)
  return Workload(unitsPerRun: Double(inputSize * inputCount)) {
    for input in 0..<inputCount {
      memcpy(copy, bytes + input * inputSize, inputSize)
      blackHole(copy)
    }
  }
}

let crcRows: [Row] = [
  Row(name: "crc32c_300b", unit: "ns/byte", peer: copying) {
    let (bytes, inputCount) = inputs()
    return Workload(unitsPerRun: Double(inputSize * inputCount)) {
      var sum: UInt32 = 0
      for input in 0..<inputCount { sum ^= tsdb_crc32c(0, bytes + input * inputSize, inputSize) }
      blackHole(sum)
    }
  }
]
