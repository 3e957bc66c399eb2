// A slow and obvious decoder of histogram chunks: bits as an array of Bool, one sample after the other, wrapping arithmetic.
// It shares nothing with the core.

/// One sample as the reference reads it.
struct ReferenceSample: Equatable {
  var timestampMs: Int64 = 0
  var startTimestampMs: Int64 = 0
  /// Integers, or the bits of doubles.
  var count: UInt64 = 0
  var zeroCount: UInt64 = 0
  var sumBits: UInt64 = 0
  /// Absolute, positive ones first; integers, or the bits of doubles.
  var buckets: [UInt64] = []
}

struct ReferenceChunk {
  var schema: Int64 = 0
  var zeroThreshold = 0.0
  var spans: [[(offset: Int64, length: UInt64)]] = [[], []]
  var bounds: [Double] = []
  var samples: [ReferenceSample] = []
}

/// Anything that cannot be read.
struct ReferenceError: Error {}

private struct Bits {
  let bits: [Bool]
  var position = 0

  init(_ bytes: ArraySlice<UInt8>) { bits = bytes.flatMap { byte in (0..<8).map { byte & (0x80 >> UInt8($0)) != 0 } } }

  mutating func bit() throws -> Bool {
    guard position < bits.count else { throw ReferenceError() }
    position += 1
    return bits[position - 1]
  }

  mutating func number(_ width: Int) throws -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<width { value = value << 1 | (try bit() ? 1 : 0) }
    return value
  }

  mutating func width() throws -> Int {
    var ones = 0
    while ones < 8, try bit() { ones += 1 }
    return [0, 3, 6, 9, 12, 18, 25, 56, 64][ones]
  }

  mutating func uint() throws -> UInt64 { try number(try width()) }

  mutating func int() throws -> Int64 {
    let width = try width()
    let pattern = try number(width)
    if width == 0 { return 0 }
    if width == 64 { return Int64(bitPattern: pattern) }
    return pattern > 1 << UInt64(width - 1) ? Int64(pattern) - (1 << Int64(width)) : Int64(pattern)
  }

  mutating func varint() throws -> Int64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      let byte = try number(8)
      if index == 9 && byte > 1 { throw ReferenceError() }
      value |= (byte & 0x7F) << UInt64(7 * index)
      if byte < 0x80 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
    }
    throw ReferenceError()
  }

  mutating func xor(_ previous: UInt64, _ window: inout (Int, Int)) throws -> UInt64 {
    guard try bit() else { return previous }
    if try bit() {
      let leading = Int(try number(5))
      var significant = Int(try number(6))
      if significant == 0 { significant = 64 }
      guard leading + significant <= 64 else { throw ReferenceError() }
      window = (leading, 64 - leading - significant)
    }
    return previous ^ (try number(64 - window.0 - window.1) << UInt64(window.1))
  }
}

/// Decodes a chunk of encoding 2, 3, 5 or 6 whose schema needs no reduction.
func referenceDecode(_ bytes: [UInt8], encoding: UInt8) throws -> ReferenceChunk {
  guard bytes.count >= 3 else { throw ReferenceError() }
  let isFloat = encoding == 3 || encoding == 6
  let hasStarts = encoding >= 5
  let count = (Int(bytes[0]) << 8 | Int(bytes[1])) & (hasStarts ? 0x3FFF : 0xFFFF)
  var chunk = ReferenceChunk()
  if count == 0 { return chunk }
  var bits = Bits(bytes[3...])
  let threshold = try bits.number(8)
  chunk.zeroThreshold =
    threshold == 0 ? 0 : threshold == 255 ? Double(bitPattern: try bits.number(64)) : powerOfTwo(Int(threshold) - 244)
  chunk.schema = try bits.int()
  guard chunk.schema == -53 || (-9...8).contains(chunk.schema) else { throw ReferenceError() }
  var bucketCounts = [0, 0]
  for side in 0..<2 {
    let spanCount = try bits.uint()
    guard spanCount <= UInt64(bits.bits.count) else { throw ReferenceError() }
    for _ in 0..<spanCount {
      let length = try bits.uint()
      let offset = try bits.int()
      guard length <= UInt64(bits.bits.count), Int64(Int32.min)...Int64(Int32.max) ~= offset else {
        throw ReferenceError()
      }
      bucketCounts[side] += Int(length)
      guard bucketCounts[side] <= bits.bits.count else { throw ReferenceError() }
      chunk.spans[side].append((offset, length))
    }
  }
  if chunk.schema == -53 {
    let boundCount = try bits.uint()
    guard boundCount <= UInt64(bits.bits.count) else { throw ReferenceError() }
    for _ in 0..<boundCount {
      let code = try bits.uint()
      chunk.bounds.append(code == 0 ? Double(bitPattern: try bits.number(64)) : Double(code - 1) / 1000)
    }
  }
  guard bucketCounts[0] + bucketCounts[1] <= bits.bits.count - bits.position else { throw ReferenceError() }
  try decodeSamples(&bits, &chunk, count: count, bucketCounts, isFloat: isFloat, startHeader: hasStarts ? bytes[2] : 0)
  return chunk
}

private func powerOfTwo(_ exponent: Int) -> Double {
  (0..<abs(exponent)).reduce(1) { value, _ in exponent < 0 ? value / 2 : value * 2 }
}

private func decodeSamples(
  _ bits: inout Bits, _ chunk: inout ReferenceChunk, count: Int, _ bucketCounts: [Int], isFloat: Bool,
  startHeader: UInt8
) throws {
  let buckets = bucketCounts[0] + bucketCounts[1]
  // What is stored of a bucket: its difference to its neighbour, or the bits of its count; and its last step or window.
  var stored = [UInt64](repeating: 0, count: buckets)
  var steps = stored
  var windows = [(Int, Int)](repeating: (0, 0), count: buckets)
  var (timeStep, countStep, zeroStep): (Int64, UInt64, UInt64) = (0, 0, 0)
  var (sumWindow, countWindow, zeroWindow) = ((0, 0), (0, 0), (0, 0))
  var sample = ReferenceSample()
  var startDifference: Int64 = 0
  var wasStale = false
  for index in 0..<count {
    let previousMs = sample.timestampMs
    if index == 0 {
      sample.timestampMs = try bits.int()
      sample.count = try isFloat ? bits.number(64) : bits.uint()
      sample.zeroCount = try isFloat ? bits.number(64) : bits.uint()
      sample.sumBits = try bits.number(64)
    } else {
      timeStep &+= try bits.int()
      sample.timestampMs &+= timeStep
      if isFloat {
        sample.count = try bits.xor(sample.count, &countWindow)
        sample.zeroCount = try bits.xor(sample.zeroCount, &zeroWindow)
      } else {
        countStep &+= UInt64(bitPattern: try bits.int())
        sample.count &+= countStep
        zeroStep &+= UInt64(bitPattern: try bits.int())
        sample.zeroCount &+= zeroStep
      }
      sample.sumBits = try bits.xor(sample.sumBits, &sumWindow)
    }
    let isStale = sample.sumBits == 0x7FF0_0000_0000_0002
    if wasStale && !isStale { throw ReferenceError() }
    wasStale = isStale
    if !isStale {
      for bucket in 0..<buckets {
        if index == 0 {
          stored[bucket] = try isFloat ? bits.number(64) : UInt64(bitPattern: bits.int())
        } else if isFloat {
          stored[bucket] = try bits.xor(stored[bucket], &windows[bucket])
        } else {
          steps[bucket] &+= UInt64(bitPattern: try bits.int())
          stored[bucket] &+= steps[bucket]
        }
      }
    }
    let changeIndex = Int(startHeader & 0x7F)
    if index == 0, startHeader & 0x80 != 0 {
      sample.startTimestampMs = sample.timestampMs &- (try bits.varint())
    } else if index > 0, changeIndex > 0, index >= changeIndex {
      let code = try bits.int()
      startDifference = index == changeIndex ? code : startDifference &+ code
      sample.startTimestampMs = previousMs &- startDifference
    }
    var out = sample
    if isStale {
      (out.count, out.zeroCount, out.buckets) = (0, 0, [])
    } else if isFloat {
      out.buckets = stored
    } else {
      for range in [0..<bucketCounts[0], bucketCounts[0]..<buckets] {
        var total: UInt64 = 0
        for bucket in range {
          total &+= stored[bucket]
          out.buckets.append(total)
        }
      }
    }
    chunk.samples.append(out)
  }
}
