// How much slower this machine is than the one that limits and targets were measured on: three yardsticks that are nobody's
// code here. See the header of targets.tsv.
import CSnappy
import CZstd
import Glibc

/// The yardsticks' speeds there, GB/s of uncompressed bytes.
private let referenceSpeeds = (snappy: 4.30, zstd: 2.68, memcpy: 54.4)

/// The remote-write body of performance.md, row 6: a protobuf WriteRequest of 2000 series × 10 labels × 1 sample (553 kB).
func remoteWriteBody() -> [UInt8] {
  func varint(_ value: UInt64, into bytes: inout [UInt8]) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }
  func field(_ number: UInt8, _ content: [UInt8], into bytes: inout [UInt8]) {
    bytes.append(number << 3 | 2)
    varint(UInt64(content.count), into: &bytes)
    bytes += content
  }
  func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
  var body: [UInt8] = []
  for series in 0..<2000 {
    let job = ["node", "api", "db", "cache", "ingress"][series % 5]
    let labels: [(String, String)] = [
      ("__name__", "http_request_duration_seconds_bucket"),
      ("cluster", "bench-eu-west-1"),
      ("container", "application"),
      ("env", series % 5 == 0 ? "staging" : "production"),
      ("handler", "/api/v1/resource/\(series % 40)"),
      ("instance", "10.0.\(series / 250).\(series % 250):9100"),
      ("job", job),
      ("le", ["0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"][series % 8]),
      ("namespace", "team-\(padded(series % 50, 2))"),
      ("pod", "\(job)-\(padded(series &* 7919 % 100_000, 5))-\(padded(series &* 104_729 % 1_000_000, 6))"),
    ]
    var message: [UInt8] = []
    for (name, value) in labels {
      var label: [UInt8] = []
      field(1, Array(name.utf8), into: &label)
      field(2, Array(value.utf8), into: &label)
      field(1, label, into: &message)
    }
    var sample: [UInt8] = [1 << 3 | 1]
    withUnsafeBytes(of: Double(series * 37 % 9973).bitPattern.littleEndian) { sample += $0 }
    sample.append(2 << 3)
    varint(1_767_225_600_000, into: &sample)
    field(2, sample, into: &message)
    field(1, message, into: &body)
  }
  return body
}

/// libsnappy's decompression of the body.
func snappyDecode(of body: [UInt8]) -> Workload {
  var size = snappy_max_compressed_length(body.count)
  let packed = UnsafeMutablePointer<CChar>.allocate(capacity: size)
  _ = body.withUnsafeBytes { snappy_compress($0.baseAddress, $0.count, packed, &size) }
  let output = UnsafeMutablePointer<CChar>.allocate(capacity: body.count)
  let packedSize = size
  return Workload(unitsPerRun: Double(body.count)) {
    var length = body.count
    guard snappy_uncompress(packed, packedSize, output, &length) == SNAPPY_OK else { fatalError("snappy") }
  }
}

/// libzstd's decompression of the body, compressed at level 1.
func zstdDecode(of body: [UInt8]) -> Workload {
  let capacity = ZSTD_compressBound(body.count)
  let packed = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
  let packedSize = body.withUnsafeBytes { ZSTD_compress(packed, capacity, $0.baseAddress, $0.count, 1) }
  let output = UnsafeMutableRawPointer.allocate(byteCount: body.count, alignment: 16)
  let context = ZSTD_createDCtx()
  let size = body.count
  return Workload(unitsPerRun: Double(size)) {
    guard ZSTD_decompressDCtx(context, output, size, packed, packedSize) == size else { fatalError("zstd") }
  }
}

/// memcpy of 256 kB, both ends in the second-level cache.
func memcpyInCache() -> Workload {
  let size = 256 * 1024
  let source = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
  let target = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
  memset(source, 0x5a, size)
  return Workload(unitsPerRun: Double(size)) {
    memcpy(target, source, size)
    blackHole(target)
  }
}

/// The yardsticks, to be measured in the same rounds as the rows.
final class MachineFactor {
  let snappy: Measurement
  let zstd: Measurement
  let memcpy: Measurement

  init() {
    let body = remoteWriteBody()
    snappy = Measurement(snappyDecode(of: body))
    zstd = Measurement(zstdDecode(of: body))
    memcpy = Measurement(memcpyInCache())
  }

  var all: [Measurement] { [snappy, zstd, memcpy] }

  /// Above 1: slower than the reference machine. Costs there times this are costs to be expected here.
  var value: Double {
    let ratios = [
      snappy.minimum * referenceSpeeds.snappy, zstd.minimum * referenceSpeeds.zstd,
      memcpy.minimum * referenceSpeeds.memcpy,
    ]
    return exp(ratios.map { log($0) }.reduce(0, +) / 3)
  }
}
