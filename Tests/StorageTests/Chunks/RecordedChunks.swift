// Chunks and samples of recorded blocks: the dump says what each chunk holds, the segment file has its bytes.
import Foundation
import Storage
import TSModel
import TestSupport

/// One sample of a dump.
enum RecordedSample: Equatable {
  case float(timestampMs: Int64, bits: UInt64, startTimestampMs: Int64)
  case histogram(timestampMs: Int64, Histogram, startTimestampMs: Int64)

  var timestampMs: Int64 {
    switch self {
    case .float(let timestampMs, _, _), .histogram(let timestampMs, _, _): timestampMs
    }
  }
}

/// One chunk of a dump with its bytes.
struct RecordedChunk {
  let encoding: ChunkEncoding
  let minTimeMs: Int64
  let maxTimeMs: Int64
  let resetHeader: String?
  let bytes: [UInt8]
  let samples: [RecordedSample]
  /// Of aggregate chunks: the dump's samples by aggregate.
  let aggregates: [String: [RecordedSample]]
}

/// One series of a dump.
struct RecordedSeries {
  let labels: [String: String]
  let chunks: [RecordedChunk]

  var name: String { labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",") }

  /// All series of a block with its dump (JSON lines, perhaps compressed).
  static func all(block: String, dump: String) throws -> [RecordedSeries] {
    var segments: [Int: [UInt8]] = [:]
    return try textLines(dump).map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
      let samples = try (object["samples"] as? [[Any]] ?? []).map(sample)
      var next = 0
      let chunks = try (object["chunks"] as? [[String: Any]] ?? []).map { chunk -> RecordedChunk in
        let count = number(chunk["samples"]).intValue
        // Some of Thanos' dumps are shortened.
        let own = next + count <= samples.count ? Array(samples[next..<next + count]) : []
        next += count
        var found: (UInt8, [UInt8]) = (0, [])
        if let ref = (chunk["ref"] as? String).flatMap({ UInt64($0) }) {
          let segment = Int(ref >> 32)
          if segments[segment] == nil {
            let digits = String(segment + 1)
            segments[segment] = try readFile(
              "\(block)/chunks/\(String(repeating: "0", count: 6 - digits.count))\(digits)")
          }
          found = chunkRecord(segments[segment] ?? [], at: Int(ref & 0xFFFF_FFFF))
        }
        return RecordedChunk(
          encoding: ChunkEncoding(rawValue: found.0), minTimeMs: number(chunk["min"]).int64Value,
          maxTimeMs: number(chunk["max"]).int64Value, resetHeader: chunk["reset_header"] as? String, bytes: found.1,
          samples: own, aggregates: try (chunk["aggr"] as? [String: [[Any]]] ?? [:]).mapValues { try $0.map(sample) })
      }
      return RecordedSeries(labels: object["labels"] as? [String: String] ?? [:], chunks: chunks)
    }
  }
}

/// Encoding and data of the chunk record at `offset` of a segment.
func chunkRecord(_ segment: [UInt8], at offset: Int) -> (UInt8, [UInt8]) {
  var (length, shift, position) = (0, 0, offset)
  while true {
    length |= Int(segment[position] & 0x7F) << shift
    shift += 7
    position += 1
    if segment[position - 1] < 0x80 { break }
  }
  return (segment[position], Array(segment[position + 1..<position + 1 + length]))
}

/// All chunk records of a segment file, in order.
func chunkRecords(_ segment: [UInt8]) -> [(UInt8, [UInt8])] {
  var position = 8
  var records: [(UInt8, [UInt8])] = []
  while position < segment.count {
    let record = chunkRecord(segment, at: position)
    records.append(record)
    var length = record.1.count
    repeat {
      position += 1
      length >>= 7
    } while length > 0
    position += 1 + record.1.count + 4
  }
  return records
}

private func number(_ value: Any?) -> NSNumber { value as? NSNumber ?? 0 }

private func bits(_ text: Any?) -> UInt64 {
  let text = text as? String ?? ""
  if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) ?? 0 }
  return (Double(text) ?? .nan).bitPattern
}

private func double(_ text: Any?) -> Double { Double(bitPattern: bits(text)) }

private func sample(_ parts: [Any]) throws -> RecordedSample {
  let timestampMs = number(parts[0]).int64Value
  let start = parts.count > 2 ? number((parts[2] as? [String: Any])?["st"]).int64Value : 0
  guard let object = parts[1] as? [String: Any] else {
    return .float(timestampMs: timestampMs, bits: bits(parts[1]), startTimestampMs: start)
  }
  return .histogram(timestampMs: timestampMs, histogram(object), startTimestampMs: start)
}

private func histogram(_ object: [String: Any]) -> Histogram {
  func spans(_ key: String) -> [Histogram.Span] {
    (object[key] as? [[NSNumber]] ?? []).map { Histogram.Span(offset: $0[0].int32Value, length: $0[1].uint32Value) }
  }
  func ints(_ key: String) -> [Int64] { (object[key] as? [NSNumber] ?? []).map(\.int64Value) }
  func doubles(_ key: String) -> [Double] { (object[key] as? [String] ?? []).map { double($0) } }
  let counts: Histogram.Counts =
    object["kind"] as? String == "int"
    ? .int(
      count: number(object["count"]).uint64Value, zeroCount: number(object["zero_count"]).uint64Value,
      positive: ints("positive_buckets"), negative: ints("negative_buckets"))
    : .float(
      count: double(object["count"]), zeroCount: double(object["zero_count"]), positive: doubles("positive_buckets"),
      negative: doubles("negative_buckets"))
  let hints: [String: Histogram.ResetHint] = [
    "unknown": .unknown, "reset": .reset, "not_reset": .notReset, "gauge": .gauge,
  ]
  return Histogram(
    schema: number(object["schema"]).int32Value, zeroThreshold: double(object["zero_threshold"]),
    sum: double(object["sum"]), resetHint: hints[object["reset_hint"] as? String ?? ""] ?? .unknown,
    positiveSpans: spans("positive_spans"), negativeSpans: spans("negative_spans"),
    customValues: doubles("custom_values"), counts: counts)
}

extension [UInt8] {
  /// A copy in a heap buffer of exactly this size, so that the address sanitizer sees a read beyond it.
  func withExactCopy<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: self)
    return try body(UnsafeRawBufferPointer(buffer).bytes)
  }
}
