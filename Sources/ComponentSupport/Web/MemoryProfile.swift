// Where the memory of the process is, in the form of pprof's profiles: one sample a mapping, by the kernel's own
// figures.
//
//   Profile   1 sample_type {1 type, 2 unit}  2 sample {1 location_id, 2 value}
//             4 location {1 id, 4 line {1 function_id}}  5 function {1 id, 2 name}
//             6 string_table  9 time_nanos  14 default_sample_type
//
// All texts are indices of string_table, whose first entry is empty.
internal import TSModel

/// Resident memory by mapping.
struct MemoryProfile: Equatable {
  /// Mappings of one name.
  struct Entry: Equatable {
    /// The file, `[heap]`, `[stack]` …, or `anonymous`.
    var name: String
    /// Bytes in RAM.
    var residentBytes: Int64
    /// Bytes in RAM that no file backs.
    var anonymousBytes: Int64
  }

  /// The largest first.
  private(set) var entries: [Entry]

  /// Reads the text of /proc/PID/smaps: lines `ADDRESS-ADDRESS PERMISSIONS OFFSET DEVICE INODE  NAME`, each followed by
  /// lines `Key:  123 kB`.
  init(smaps: [UInt8]) {
    var sums: [String: Entry] = [:]
    var name = ""
    for line in smaps.split(separator: 0x0A) {
      let words = line.split(separator: 0x20, maxSplits: 5)
      guard let first = words.first else { continue }
      if first.last != 0x3A {
        let given = words.count == 6 ? String(decoding: words[5].drop { $0 == 0x20 }, as: UTF8.self) : ""
        name = given.isEmpty ? "anonymous" : given
        continue
      }
      guard words.count >= 2, let kibibytes = Int64(String(decoding: words[1], as: UTF8.self)), kibibytes < 1 << 50
      else { continue }
      var entry = sums[name] ?? Entry(name: name, residentBytes: 0, anonymousBytes: 0)
      switch String(decoding: first, as: UTF8.self) {
      case "Rss:": entry.residentBytes &+= kibibytes << 10
      case "Anonymous:": entry.anonymousBytes &+= kibibytes << 10
      default: continue
      }
      sums[name] = entry
    }
    entries = sums.values.filter { $0.residentBytes > 0 }.sorted {
      ($1.residentBytes, $0.name) < ($0.residentBytes, $1.name)
    }
  }

  /// The profile's message, to be compressed by gzip.
  func encoded(timeNs: Int64) -> [UInt8] {
    var texts = ["", "resident_space", "inuse_space", "bytes"]
    var writer = ProtobufWriter(capacity: 4096)
    for type in 1...2 {
      writer.message(field: 1) {
        $0.int64(field: 1, Int64(type))
        $0.int64(field: 2, 3)
      }
    }
    for (index, entry) in entries.enumerated() {
      let id = UInt64(index + 1)
      writer.message(field: 2) {
        $0.packed(field: 1, [id])
        $0.packed(field: 2, [UInt64(bitPattern: entry.residentBytes), UInt64(bitPattern: entry.anonymousBytes)])
      }
      writer.message(field: 4) {
        $0.uint64(field: 1, id)
        $0.message(field: 4) { $0.uint64(field: 1, id) }
      }
      writer.message(field: 5) {
        $0.uint64(field: 1, id)
        $0.int64(field: 2, Int64(texts.count))
      }
      texts.append(entry.name)
    }
    for text in texts { writer.string(field: 6, text, always: true) }
    writer.int64(field: 9, timeNs)
    writer.int64(field: 14, 2)
    return writer.bytes
  }

  /// The same for people.
  var text: String {
    let sum = entries.reduce((resident: Int64(0), anonymous: Int64(0))) {
      ($0.resident &+ $1.residentBytes, $0.anonymous &+ $1.anonymousBytes)
    }
    var lines = ["resident bytes, of them without a file, mapping", "\(sum.resident) \(sum.anonymous) all"]
    lines += entries.map { "\($0.residentBytes) \($0.anonymousBytes) \($0.name)" }
    return lines.map { $0 + "\n" }.joined()
  }
}
