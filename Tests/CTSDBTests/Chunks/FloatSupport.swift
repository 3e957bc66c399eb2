import CTSDB
import TestSupport

/// Bytes in a heap buffer of exactly their size, so that the address sanitizer sees a read behind them.
func withExactBytes<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<UInt8>?, Int) throws -> Result) rethrows -> Result
{
  guard !bytes.isEmpty else { return try body(nil, 0) }
  let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  defer { copy.deallocate() }
  copy.initialize(from: bytes, count: bytes.count)
  return try body(copy, bytes.count)
}

/// The samples of a chunk, decoded `batch` at a time, or the status of the first call that failed.
func decodeXOR(_ bytes: [UInt8], batch: Int = 65535) -> (status: tsdb_status, samples: [FloatSample]) {
  withExactBytes(bytes) { src, size in
    var cursor = tsdb_xor_cursor()
    var status = tsdb_xor_cursor_init(&cursor, src, size)
    var samples: [FloatSample] = []
    let room = max(1, min(batch, Int(cursor.count)))
    var times = [Int64](repeating: 0, count: room)
    var values = [Double](repeating: 0, count: room)
    while status == TSDB_OK {
      var count = 0
      status = tsdb_xor_decode(&cursor, src, size, &times, &values, room, &count)
      if status != TSDB_OK || count == 0 { break }
      for index in 0..<count { samples.append(FloatSample(times[index], values[index])) }
    }
    return (status, samples)
  }
}

func decodeXOR2(_ bytes: [UInt8], batch: Int = 65535) -> (status: tsdb_status, samples: [FloatSample]) {
  withExactBytes(bytes) { src, size in
    var cursor = tsdb_xor2_cursor()
    var status = tsdb_xor2_cursor_init(&cursor, src, size)
    var samples: [FloatSample] = []
    let room = max(1, min(batch, Int(cursor.count)))
    var times = [Int64](repeating: 0, count: room)
    var values = [Double](repeating: 0, count: room)
    var starts = [Int64](repeating: 0, count: room)
    while status == TSDB_OK {
      var count = 0
      status = tsdb_xor2_decode(&cursor, src, size, &times, &values, &starts, room, &count)
      if status != TSDB_OK || count == 0 { break }
      for index in 0..<count { samples.append(FloatSample(times[index], values[index], start: starts[index])) }
    }
    return (status, samples)
  }
}

/// Appends all samples, `batch` a call, into a destination of `capacity` bytes (by default: the bound).
func encodeXOR(
  _ samples: [FloatSample], batch: Int = 65535, capacity: Int? = nil, reopened: Bool = false
) -> (status: tsdb_status, bytes: [UInt8]) {
  let capacity = capacity ?? tsdb_xor_bound(samples.count)
  let dst = UnsafeMutablePointer<UInt8>.allocate(capacity: max(capacity, 1))
  defer { dst.deallocate() }
  dst.initialize(repeating: 0xEE, count: max(capacity, 1))
  var appender = tsdb_xor_appender()
  var (size, appended) = (0, 0)
  var status = tsdb_xor_appender_init(&appender, dst, capacity, &size)
  if reopened { appender.leading_bits = 0 }
  let times = samples.map(\.timestampMs)
  let values = samples.map { Double(bitPattern: $0.valueBits) }
  var limits = tsdb_append_limits_none()
  var done = 0
  while status == TSDB_OK, done < samples.count {
    let count = min(batch, samples.count - done)
    status = times[done...].withUnsafeBufferPointer { times in
      values[done...].withUnsafeBufferPointer { values in
        tsdb_xor_append(
          &appender, dst, capacity, times.baseAddress, values.baseAddress, count, &limits, &appended, &size)
      }
    }
    done += appended
  }
  return (status, Array(UnsafeBufferPointer(start: dst, count: status == TSDB_ERR_CAPACITY ? 0 : size)))
}

func encodeXOR2(
  _ samples: [FloatSample], batch: Int = 65535, capacity: Int? = nil
) -> (status: tsdb_status, bytes: [UInt8]) {
  let capacity = capacity ?? tsdb_xor2_bound(samples.count)
  let dst = UnsafeMutablePointer<UInt8>.allocate(capacity: max(capacity, 1))
  defer { dst.deallocate() }
  dst.initialize(repeating: 0xEE, count: max(capacity, 1))
  var appender = tsdb_xor2_appender()
  var (size, appended) = (0, 0)
  var status = tsdb_xor2_appender_init(&appender, dst, capacity, &size)
  let times = samples.map(\.timestampMs)
  let values = samples.map { Double(bitPattern: $0.valueBits) }
  let starts = samples.map(\.startMs)
  var limits = tsdb_append_limits_none()
  var done = 0
  while status == TSDB_OK, done < samples.count {
    let count = min(batch, samples.count - done)
    status = times[done...].withUnsafeBufferPointer { times in
      values[done...].withUnsafeBufferPointer { values in
        starts[done...].withUnsafeBufferPointer { starts in
          tsdb_xor2_append(
            &appender, dst, capacity, times.baseAddress, values.baseAddress, starts.baseAddress, count, &limits,
            &appended, &size)
        }
      }
    }
    done += appended
  }
  return (status, Array(UnsafeBufferPointer(start: dst, count: status == TSDB_ERR_CAPACITY ? 0 : size)))
}

/// Samples of all kinds: steady and wild times, equal, growing and random values, stale markers and other NaNs, starts that
/// come and go.
func randomSamples(_ random: inout SplitMix64, count: Int) -> [FloatSample] {
  let steadiness = random.below(4)
  let sameness = random.below(4)
  let withStarts = random.below(3)
  let edges: [Int64] = [
    1, -1, 4095, 4096, -4096, -4097, 8191, 8192, 8193, -8191, -8192, 65535, 65536, 65537, -65535, -65536, 524_287,
    524_288, 524_289, -524_287, -524_288, -524_289, .max, .min,
  ]
  var time: Int64 = random.below(4) == 0 ? Int64(bitPattern: random.next()) : 1_700_000_000_000
  var step: Int64 = 15_000
  var value = Double(random.below(1000))
  var start: Int64 = withStarts == 2 ? time &- 5000 : 0
  return (0..<count).map { _ in
    if random.below(4) < steadiness {
      switch random.below(8) {
      case 0: step &+= edges[random.below(edges.count)]
      case 1: step = Int64(bitPattern: random.next())
      case 2: step = 15_000
      default: step = 15_000 + Int64(random.below(41)) - 20
      }
    }
    time = time &+ step
    if random.below(4) < sameness {
      switch random.below(12) {
      case 0: value = staleMarker
      case 1: value = Double(bitPattern: random.next())
      case 2:
        value =
          [0, -0.0, .infinity, -.infinity, .greatestFiniteMagnitude, .nan, .leastNonzeroMagnitude][random.below(7)]
      case 3, 4: value = random.unit()
      default: value = value.magnitude < 1e15 ? value.rounded() + Double(random.below(1000)) : 7
      }
    }
    if withStarts > 0, random.below(16) == 0 {
      start = random.below(3) == 0 ? 0 : random.below(4) == 0 ? Int64(bitPattern: random.next()) : time &- 100
    }
    return FloatSample(time, value, start: start)
  }
}

func hex(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
