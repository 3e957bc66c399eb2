// Messages whose fields come in any order, which protobuf allows: windows must be those of a slow and obvious reader.
import CTSDB
import TestSupport
import Testing

/// A series as a message has it.
private struct ReadSeries: Equatable, CustomStringConvertible {
  var labels: [String] = []
  var chunks: [String] = []

  var description: String { "\(labels.joined(separator: ",")) \(chunks.joined(separator: ","))" }
}

/// A field: its number, and the value of a varint or the bytes of what has a length.
private struct Field {
  var number: Int
  var value: UInt64 = 0
  var bytes: [UInt8]?
}

/// The fields of a whole message.
private func fields(_ bytes: [UInt8]) -> [Field] {
  var at = 0
  func varint() -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }
  var found: [Field] = []
  while at < bytes.count {
    let tag = varint()
    var field = Field(number: Int(tag >> 3))
    switch tag & 7 {
    case 0: field.value = varint()
    case 1: at += 8
    case 5: at += 4
    default:
      let length = Int(varint())
      field.bytes = Array(bytes[at..<(at + length)])
      at += length
    }
    found.append(field)
  }
  return found
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func slowLabel(_ bytes: [UInt8]) -> (name: String, value: String) {
  var (name, value) = ("", "")
  for field in fields(bytes) {
    guard let bytes = field.bytes else { continue }
    if field.number == 1 { name = text(bytes) }
    if field.number == 2 { value = text(bytes) }
  }
  return (name, value)
}

private func slowChunk(_ bytes: [UInt8]) -> String {
  var (minTime, maxTime, type) = (Int64(0), Int64(0), UInt64(0))
  var data: [UInt8] = []
  for field in fields(bytes) {
    switch (field.number, field.bytes) {
    case (1, nil): minTime = Int64(bitPattern: field.value)
    case (2, nil): maxTime = Int64(bitPattern: field.value)
    case (3, let raw?):
      // A message that is repeated is merged with the one before.
      for field in fields(raw) {
        if field.number == 1, field.bytes == nil { type = field.value }
        if field.number == 2, let bytes = field.bytes { data = bytes }
      }
    default: break
    }
  }
  return "\(minTime)…\(maxTime) \(type + 1) \(data)"
}

private func slowSeries(_ bytes: [UInt8]) -> ReadSeries {
  var series = ReadSeries()
  var labels: [String: String] = [:]
  for field in fields(bytes) {
    guard let bytes = field.bytes else { continue }
    if field.number == 1 {
      let (name, value) = slowLabel(bytes)
      labels[name] = value
    }
    if field.number == 2 { series.chunks.append(slowChunk(bytes)) }
  }
  // In order, of several of one name the last, without empty values.
  series.labels = labels.filter { !$0.key.isEmpty && !$0.value.isEmpty }.sorted { $0.key < $1.key }.map {
    "\($0)=\($1)"
  }
  return series
}

private func slowMessage(_ bytes: [UInt8]) -> [ReadSeries] {
  var found: [ReadSeries] = []
  for field in fields(bytes) {
    guard let bytes = field.bytes else { continue }
    if field.number == 1 { found.append(slowSeries(bytes)) }
    if field.number == 4 {
      for inner in fields(bytes) where inner.number == 1 {
        if let bytes = inner.bytes { found.append(slowSeries(bytes)) }
      }
    }
  }
  return found
}

/// What the core reads from messages that come one after the other; nil where it refuses one.
private func read(_ messages: [[UInt8]]) -> [ReadSeries]? {
  let read = WireWindowOfTest(capacity: 2000)
  // Labels and chunks stay in the messages: these must stay.
  var memory: [UnsafeMutablePointer<UInt8>] = []
  defer { for bytes in memory { bytes.deallocate() } }
  for message in messages {
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, message.count))
    bytes.initialize(from: message, count: message.count)
    memory.append(bytes)
    var notes = tsdb_wire_notes()
    guard tsdb_series_response_scan(bytes, message.count, &read.window, &notes) == TSDB_OK else { return nil }
  }
  let window = read.window
  var all: [ReadSeries] = []
  for index in 0..<window.series_count {
    guard let labels = read.labels(index) else { return nil }
    var series = ReadSeries(labels: labels)
    for chunk in Int(window.chunk_offsets[index])..<Int(window.chunk_offsets[index + 1]) {
      let data = Array(UnsafeBufferPointer(start: window.data[chunk], count: Int(window.sizes[chunk])))
      let times = "\(window.min_times_ms[chunk])…\(window.max_times_ms[chunk])"
      series.chunks.append("\(times) \(window.encodings[chunk]) \(data)")
    }
    all.append(series)
  }
  return all
}

private func lengthed(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
  var size = bytes.count
  var field = [number << 3 | 2]
  while size >= 0x80 {
    field.append(UInt8(size & 0x7F) | 0x80)
    size >>= 7
  }
  return field + [UInt8(size)] + bytes
}

private func label(_ name: String, _ value: String) -> [UInt8] {
  lengthed(1, lengthed(1, Array(name.utf8)) + lengthed(2, Array(value.utf8)))
}

private func chunk(_ time: UInt8, _ data: [UInt8]) -> [UInt8] {
  lengthed(2, [0x08, time, 0x10, time + 1] + lengthed(3, [0x08, 0] + lengthed(2, data)))
}

/// A field that nobody knows: a varint, eight bytes, four bytes, or some with a length.
private func unknown(_ kind: UInt64) -> [UInt8] {
  switch kind % 4 {
  case 0: [15 << 3, 5]
  case 1: [15 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]
  case 2: [15 << 3 | 5, 1, 2, 3, 4]
  default: lengthed(15, [0x0A, 1, 0x0A])
  }
}

@Suite struct SeriesFieldOrderTests {
  private func expectAsSlow(_ messages: [[UInt8]], _ comment: Comment? = nil) {
    #expect(read(messages) == messages.flatMap { slowMessage($0) }, comment)
  }

  /// The label after a chunk has its own strings, not those of the label before it in the series before.
  @Test func aChunkBeforeALabel() {
    let first = label("a", "1") + label("b", "2")
    let second = chunk(3, [0, 1, 9]) + label("b", "2")
    expectAsSlow([lengthed(1, first), lengthed(1, second)])
    expectAsSlow([lengthed(4, lengthed(1, first) + lengthed(1, second))])
    #expect(read([lengthed(1, first), lengthed(1, second)])?.last?.labels == ["b=2"])
  }

  @Test func chunksBetweenLabels() {
    let first = label("a", "1") + label("b", "2") + label("c", "3") + chunk(1, [0, 1, 9])
    let second = label("a", "1") + chunk(3, [0, 1, 9]) + label("c", "3") + chunk(4, [0, 1, 8])
    expectAsSlow([lengthed(1, first), lengthed(1, second), lengthed(1, first)])
    expectAsSlow([lengthed(4, lengthed(1, first) + lengthed(1, second) + lengthed(1, first))])
  }

  @Test(arguments: UInt64(0)..<4) func anUnknownFieldBetweenLabels(kind: UInt64) {
    let first = label("a", "1") + unknown(kind) + label("b", "2") + label("c", "3")
    let second = label("a", "1") + label("b", "2") + unknown(kind) + label("c", "3")
    let third = unknown(kind) + label("b", "2") + label("c", "3")
    expectAsSlow([lengthed(1, first), lengthed(1, second), lengthed(1, third), lengthed(1, first)])
    expectAsSlow([lengthed(4, lengthed(1, first) + unknown(kind) + lengthed(1, third) + lengthed(1, second))])
  }

  /// The raw chunk comes in two parts: what the second does not say stays.
  @Test func aChunkInParts() {
    let parts = lengthed(3, [0x08, 2] + lengthed(2, [7])) + lengthed(3, lengthed(2, [8, 9]))
    let message = lengthed(1, lengthed(2, [0x10, 5, 0x08, 4] + parts) + label("a", "1"))
    #expect(read([message])?.first?.chunks == ["4…5 3 [8, 9]"])
    expectAsSlow([message])
  }

  @Test func anyOrderIsReadAsTheSlowReaderDoes() {
    var random = SplitMix64(seed: 31)
    let names = ["__name__", "a", "b", "instance", "job", String(repeating: "n", count: 140)]
    let values = ["", "1", "2", "eleven chars", String(repeating: "v", count: 70), String(repeating: "w", count: 200)]
    for round in 0..<3000 {
      var messages: [[UInt8]] = []
      for _ in 0..<Int(1 + random.next() % 4) {
        var series: [[UInt8]] = []
        for _ in 0..<Int(1 + random.next() % 4) {
          var parts: [[UInt8]] = []
          for name in names where random.next() % 4 != 0 {
            let value = values[Int(random.next() % 6)]
            parts.append(label(name, value))
            if random.next() % 9 == 0 {
              // A label the other way round.
              parts.append(lengthed(1, lengthed(2, Array(value.utf8)) + lengthed(1, Array(name.utf8))))
            }
          }
          for _ in 0..<Int(random.next() % 3) { parts.append(chunk(UInt8(random.next() % 100), [0, 1, 9])) }
          if random.next() % 3 == 0 { parts.append(unknown(random.next())) }
          // A few changes of place, or none.
          for _ in 0..<Int(random.next() % 4) where !parts.isEmpty {
            let (from, to) = (Int(random.next() % UInt64(parts.count)), Int(random.next() % UInt64(parts.count)))
            parts.swapAt(from, to)
          }
          series.append(lengthed(1, parts.flatMap { $0 }))
        }
        let all = series.flatMap { $0 }
        messages.append(random.next() % 2 == 0 ? lengthed(4, all) : all)
      }
      expectAsSlow(messages, "round \(round)")
    }
  }
}
