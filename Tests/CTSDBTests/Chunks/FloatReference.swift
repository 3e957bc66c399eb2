// A slow and obvious encoder and decoder of float chunks, written from docs/formats/chunks.md, to compare the core with.

struct FloatSample: Equatable, CustomStringConvertible {
  var timestampMs: Int64
  var valueBits: UInt64
  var startMs: Int64 = 0

  init(_ timestampMs: Int64, _ value: Double, start startMs: Int64 = 0) {
    (self.timestampMs, valueBits, self.startMs) = (timestampMs, value.bitPattern, startMs)
  }

  var description: String { "(\(timestampMs), \(String(valueBits, radix: 16)), \(startMs))" }
}

let staleBits: UInt64 = 0x7FF0_0000_0000_0002
let staleMarker = Double(bitPattern: staleBits)

/// Bits one by one, most significant first.
struct BitSink {
  var bytes: [UInt8] = []
  var bitCount = 0

  mutating func put(_ value: UInt64, _ count: Int) {
    for bit in stride(from: count - 1, through: 0, by: -1) {
      if bitCount % 8 == 0 { bytes.append(0) }
      if value >> UInt64(bit) & 1 == 1 { bytes[bitCount / 8] |= 0x80 >> UInt8(bitCount % 8) }
      bitCount += 1
    }
  }

  mutating func put(_ text: String) {
    for character in text where character != " " { put(character == "1" ? 1 : 0, 1) }
  }

  mutating func putUvarint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      put(rest & 0x7F | 0x80, 8)
      rest >>= 7
    }
    put(rest, 8)
  }

  mutating func putVarint(_ value: Int64) { putUvarint(UInt64(bitPattern: value << 1 ^ value >> 63)) }

  mutating func putVarbitInt(_ value: Int64) {
    if value == 0 { return put("0") }
    for (prefix, width) in varbitWidths where value >= -(1 << (width - 1) - 1) && value <= 1 << (width - 1) {
      put(prefix)
      return put(UInt64(bitPattern: value), width)
    }
    put("11111111")
    put(UInt64(bitPattern: value), 64)
  }

  mutating func putVarbitUint(_ value: UInt64) {
    if value == 0 { return put("0") }
    for (prefix, width) in varbitWidths where value < 1 << UInt64(width) {
      put(prefix)
      return put(value, width)
    }
    put("11111111")
    put(value, 64)
  }
}

let varbitWidths: [(prefix: String, width: Int)] = [
  ("10", 3), ("110", 6), ("1110", 9), ("11110", 12), ("111110", 18), ("1111110", 25), ("11111110", 56),
]

struct EndOfBits: Error {}

/// Bits one by one; throws where they end.
struct BitSource {
  let bytes: [UInt8]
  var position = 0
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func take(_ count: Int) throws -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<count {
      guard position < bytes.count * 8 else { throw EndOfBits() }
      value = value << 1 | UInt64(bytes[position / 8] >> UInt8(7 - position % 8) & 1)
      position += 1
    }
    return value
  }

  mutating func takeUvarint() throws -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      let byte = try take(8)
      value |= (byte & 0x7F) << UInt64(7 * index)
      if byte < 0x80 { return value }
    }
    throw EndOfBits()
  }

  mutating func takeVarint() throws -> Int64 {
    let value = try takeUvarint()
    return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
  }

  /// The ones before the next zero, at most `most`; the zero is read too unless there are `most`.
  mutating func takeOnes(_ most: Int) throws -> Int {
    for count in 0..<most where try take(1) == 0 { return count }
    return most
  }

  mutating func takeRange(_ width: Int) throws -> Int64 {
    let pattern = Int64(bitPattern: try take(width))
    return pattern > 1 << (width - 1) ? pattern - 1 << width : pattern
  }

  mutating func takeVarbitInt() throws -> Int64 {
    let ones = try takeOnes(8)
    if ones == 0 { return 0 }
    return ones == 8 ? Int64(bitPattern: try take(64)) : try takeRange(varbitWidths[ones - 1].width)
  }
}

/// Which window an appender starts with: none, or (0, 0) if it was opened on a chunk that has none yet.
struct ReferenceWindow {
  var leading: Int?
  var trailing = 0

  /// Writes `reuse` or `new`, the window if it is new, and the bits.
  mutating func put(_ changed: UInt64, into sink: inout BitSink, reuse: String, new: String) {
    let zerosBefore = min(changed.leadingZeroBitCount, 31)
    let zerosBehind = changed.trailingZeroBitCount
    if let leading, zerosBefore >= leading, zerosBehind >= trailing {
      sink.put(reuse)
      sink.put(changed >> UInt64(trailing), 64 - leading - trailing)
      return
    }
    (leading, trailing) = (zerosBefore, zerosBehind)
    let significant = 64 - zerosBefore - zerosBehind
    sink.put(new)
    sink.put(UInt64(zerosBefore), 5)
    sink.put(UInt64(significant % 64), 6)
    sink.put(changed >> UInt64(zerosBehind), significant)
  }

  mutating func take(new: Bool, from source: inout BitSource) throws -> UInt64 {
    if new {
      leading = Int(try source.take(5))
      let significant = Int(try source.take(6))
      trailing = 64 - leading! - (significant == 0 ? 64 : significant)
    }
    return try source.take(64 - (leading ?? 0) - trailing) << UInt64(trailing)
  }
}

func referenceXOR(_ samples: [FloatSample], reopened: Bool = false) -> [UInt8] {
  var sink = BitSink()
  sink.put(UInt64(samples.count), 16)
  var window = ReferenceWindow(leading: reopened ? 0 : nil)
  var delta: Int64 = 0
  for (index, sample) in samples.enumerated() {
    guard index > 0 else {
      sink.putVarint(sample.timestampMs)
      sink.put(sample.valueBits, 64)
      continue
    }
    let next = sample.timestampMs &- samples[index - 1].timestampMs
    if index == 1 {
      sink.putUvarint(UInt64(bitPattern: next))
    } else {
      let dod = next &- delta
      let bits = UInt64(bitPattern: dod)
      switch dod {
      case 0: sink.put("0")
      case -8191...8192:
        sink.put("10")
        sink.put(bits, 14)
      case -65535...65536:
        sink.put("110")
        sink.put(bits, 17)
      case -524_287...524_288:
        sink.put("1110")
        sink.put(bits, 20)
      default:
        sink.put("1111")
        sink.put(bits, 64)
      }
    }
    delta = next
    let changed = sample.valueBits ^ samples[index - 1].valueBits
    if changed == 0 { sink.put("0") } else { window.put(changed, into: &sink, reuse: "10", new: "11") }
  }
  return sink.bytes
}

func referenceDecodeXOR(_ bytes: [UInt8]) throws -> [FloatSample] {
  var source = BitSource(bytes)
  var samples: [FloatSample] = []
  var window = ReferenceWindow(leading: 0)
  var (time, delta): (Int64, Int64) = (0, 0)
  var value: UInt64 = 0
  for index in 0..<Int(try source.take(16)) {
    switch index {
    case 0:
      time = try source.takeVarint()
      value = try source.take(64)
    case 1: delta = Int64(bitPattern: try source.takeUvarint())
    default:
      switch try source.takeOnes(4) {
      case 0: break
      case 1: delta &+= try source.takeRange(14)
      case 2: delta &+= try source.takeRange(17)
      case 3: delta &+= try source.takeRange(20)
      default: delta &+= Int64(bitPattern: try source.take(64))
      }
    }
    if index > 0 {
      time &+= delta
      if try source.take(1) == 1 { value ^= try window.take(new: try source.take(1) == 1, from: &source) }
    }
    samples.append(FloatSample(time, Double(bitPattern: value)))
    samples[index].valueBits = value
  }
  return samples
}

func referenceXOR2(_ samples: [FloatSample]) -> [UInt8] {
  var sink = BitSink()
  sink.put(UInt64(samples.count), 16)
  sink.put(0, 8)
  var window = ReferenceWindow(leading: nil)
  var (delta, difference): (Int64, Int64) = (0, 0)
  var (baseline, firstChange): (UInt64, Int) = (0, 0)
  for (index, sample) in samples.enumerated() {
    let isStale = sample.valueBits == staleBits
    let changed = sample.valueBits ^ baseline
    func putValue(_ window: inout ReferenceWindow) {
      if isStale { return sink.put("111") }
      if changed == 0 { return sink.put("0") }
      window.put(changed, into: &sink, reuse: "10", new: "110")
    }
    if index == 0 {
      sink.putVarint(sample.timestampMs)
      sink.put(sample.valueBits, 64)
      if sample.startMs != 0 {
        sink.bytes[2] |= 0x80
        sink.putVarint(sample.timestampMs &- sample.startMs)
      }
      baseline = isStale ? 0 : sample.valueBits
      continue
    }
    let previous = samples[index - 1]
    let next = sample.timestampMs &- previous.timestampMs
    let dod = next &- delta
    delta = next
    switch (index, dod) {
    case (1, _):
      sink.putUvarint(UInt64(bitPattern: next))
      putValue(&window)
    case (_, 0):
      if isStale {
        sink.put("11111")
      } else if changed == 0 {
        sink.put("0")
      } else {
        window.put(changed, into: &sink, reuse: "10 0", new: "10 1")
      }
    case (_, -4096...4095):
      sink.put("110")
      sink.put(UInt64(bitPattern: dod), 13)
      putValue(&window)
    case (_, -524_288...524_287):
      sink.put("1110")
      sink.put(UInt64(bitPattern: dod), 20)
      putValue(&window)
    default:
      sink.put("11110")
      sink.put(UInt64(bitPattern: dod), 64)
      putValue(&window)
    }
    if !isStale { baseline = sample.valueBits }
    let newDifference = previous.timestampMs &- sample.startMs
    if firstChange > 0 {
      sink.putVarbitInt(newDifference &- difference)
      difference = newDifference
    } else if sample.startMs != previous.startMs || index == 127 {
      firstChange = index
      sink.bytes[2] |= UInt8(index)
      sink.putVarbitInt(newDifference)
      difference = newDifference
    }
  }
  return sink.bytes
}
