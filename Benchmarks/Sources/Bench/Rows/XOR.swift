// Rows of XOR chunks (see targets.tsv): the micro chunks of the measurements that the targets come from.
internal import CTSDB
import CSnappy

let xorRows: [Row] = FloatShape.allCases.flatMap { shape in
  [
    Row(name: "xor_decode_\(shape.rawValue)", unit: "ns/sample", peer: snappyDecoding(shape)) { decodeRun(shape) },
    Row(name: "xor_encode_\(shape.rawValue)", unit: "ns/sample", peer: snappyEncoding(shape)) { encodeRun(shape) },
  ]
}

/// What the values and times of a micro chunk look like.
enum FloatShape: String, CaseIterable, Sendable {
  /// Integers that grow by 0…999 a step.
  case counter
  /// A random walk of doubles around 40, σ 0.05 a step.
  case gauge
  /// One value.
  case const
  /// A counter whose every timestamp is off by up to 20 ms.
  case jitter
}

/// 2000 chunks of 120 samples, 15 s apart.
struct MicroChunks {
  static let samplesPerChunk = 120
  let chunkCount: Int
  var timestampsMs: [Int64] = []
  var values: [Double] = []

  init(_ shape: FloatShape) {
    chunkCount = benchSize.pick(2000, toy: 20)
    // FNV-1a of the shape's name, so that each shape has numbers of its own.
    var random = SplitMix64(
      seed: shape.rawValue.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 } ^ 42)
    for _ in 0..<chunkCount {
      let start: Int64 = 1_767_225_600_000 + Int64(random.below(9000))
      var value = shape == .gauge ? 40 : Double(random.below(1_000_000))
      for sample in 0..<Self.samplesPerChunk {
        let late = shape == .jitter ? Int64(random.below(41)) - 20 : 0
        timestampsMs.append(start + 15_000 * Int64(sample) + late)
        values.append(value)
        switch shape {
        case .counter, .jitter: value += Double(random.below(1000))
        case .gauge: value += 0.05 * random.normal()
        case .const: break
        }
      }
    }
  }
}

/// splitmix64 with the distributions of the data sets.
struct SplitMix64 {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func below(_ bound: UInt64) -> UInt64 { next() % bound }
  mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
  /// (Sum of four uniforms − 2)·√3.
  mutating func normal() -> Double { (uniform() + uniform() + uniform() + uniform() - 2) * 3.0.squareRoot() }
}

private func encodeRun(_ shape: FloatShape) -> Workload {
  let data = MicroChunks(shape)
  let samples = MicroChunks.samplesPerChunk
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: tsdb_xor_bound(samples))
  return Workload(unitsPerRun: Double(data.chunkCount * samples)) {
    var total = 0
    data.timestampsMs.withUnsafeBufferPointer { timestamps in
      data.values.withUnsafeBufferPointer { values in
        for chunk in 0..<data.chunkCount {
          total += encode(
            timestamps.baseAddress! + chunk * samples, values.baseAddress! + chunk * samples, samples, into: bytes)
        }
      }
    }
    blackHole(total)
  }
}

/// One chunk; its size.
private func encode(
  _ timestamps: UnsafePointer<Int64>, _ values: UnsafePointer<Double>, _ count: Int,
  into bytes: UnsafeMutablePointer<UInt8>
) -> Int {
  var appender = tsdb_xor_appender()
  var limits = tsdb_append_limits_none()
  var size = 0
  var appended = 0
  let capacity = tsdb_xor_bound(count)
  guard tsdb_xor_appender_init(&appender, bytes, capacity, &size) == TSDB_OK,
    tsdb_xor_append(&appender, bytes, capacity, timestamps, values, count, &limits, &appended, &size) == TSDB_OK,
    appended == count
  else { fatalError("encode a micro chunk") }
  return size
}

private func decodeRun(_ shape: FloatShape) -> Workload {
  let data = MicroChunks(shape)
  let samples = MicroChunks.samplesPerChunk
  // All chunks one behind the other, as in a segment.
  var offsets = [0]
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: data.chunkCount * tsdb_xor_bound(samples))
  for chunk in 0..<data.chunkCount {
    let size = data.timestampsMs.withUnsafeBufferPointer { timestamps in
      data.values.withUnsafeBufferPointer { values in
        encode(
          timestamps.baseAddress! + chunk * samples, values.baseAddress! + chunk * samples, samples,
          into: bytes + offsets[chunk])
      }
    }
    offsets.append(offsets[chunk] + size)
  }
  // Aligned as FloatColumns aligns its columns.
  func column<Element>(of: Element.Type) -> UnsafeMutablePointer<Element> {
    UnsafeMutableRawPointer.allocate(byteCount: 8 * samples, alignment: 64).bindMemory(to: of, capacity: samples)
  }
  let timestamps = column(of: Int64.self)
  let values = column(of: Double.self)
  return Workload(unitsPerRun: Double(data.chunkCount * samples)) {
    for chunk in 0..<data.chunkCount {
      let src = bytes + offsets[chunk]
      let size = offsets[chunk + 1] - offsets[chunk]
      var cursor = tsdb_xor_cursor()
      var count = 0
      guard tsdb_xor_cursor_init(&cursor, src, size) == TSDB_OK,
        tsdb_xor_decode(&cursor, src, size, timestamps, values, samples, &count) == TSDB_OK, count == samples
      else { fatalError("decode a micro chunk") }
    }
    blackHole(timestamps)
  }
}

// libsnappy over the same samples: timestamps and values of a chunk, 16 bytes a sample, compressed and back.

/// A chunk's columns one behind the other, and room for what snappy makes of them.
private func snappyInputs(_ shape: FloatShape) -> (columns: [[UInt8]], room: Int) {
  let data = MicroChunks(shape)
  let samples = MicroChunks.samplesPerChunk
  let columns = (0..<data.chunkCount).map { chunk in
    let part = chunk * samples..<(chunk + 1) * samples
    return data.timestampsMs[part].withUnsafeBytes(Array.init) + data.values[part].withUnsafeBytes(Array.init)
  }
  return (columns, snappy_max_compressed_length(16 * samples))
}

private func snappyPack(_ column: [UInt8], into packed: UnsafeMutablePointer<CChar>, _ room: Int) -> Int {
  var size = room
  let status = column.withUnsafeBytes { bytes in
    snappy_compress(bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, packed, &size)
  }
  guard status == SNAPPY_OK else { fatalError("snappy") }
  return size
}

private func snappyEncoding(_ shape: FloatShape) -> Peer {
  Peer(name: "libsnappy") {
    let (columns, room) = snappyInputs(shape)
    let packed = UnsafeMutablePointer<CChar>.allocate(capacity: room)
    return Workload(unitsPerRun: Double(columns.count * MicroChunks.samplesPerChunk)) {
      var total = 0
      for column in columns { total += snappyPack(column, into: packed, room) }
      blackHole(total)
    }
  }
}

private func snappyDecoding(_ shape: FloatShape) -> Peer {
  Peer(name: "libsnappy") {
    let (columns, room) = snappyInputs(shape)
    let packed = UnsafeMutablePointer<CChar>.allocate(capacity: room * columns.count)
    var sizes: [Int] = []
    for (chunk, column) in columns.enumerated() { sizes.append(snappyPack(column, into: packed + chunk * room, room)) }
    let size = 16 * MicroChunks.samplesPerChunk
    let output = UnsafeMutablePointer<CChar>.allocate(capacity: size)
    return Workload(unitsPerRun: Double(columns.count * MicroChunks.samplesPerChunk)) {
      for chunk in columns.indices {
        var length = size
        guard snappy_uncompress(packed + chunk * room, sizes[chunk], output, &length) == SNAPPY_OK else {
          fatalError("snappy")
        }
      }
      blackHole(output)
    }
  }
}
