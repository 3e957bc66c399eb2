// meta.json between bytes and BlockMeta, as Go's encoding/json reads it and as Prometheus and Thanos write it.
internal import TSModel

extension BlockMeta {
  /// Reads the bytes of a `meta.json`. Throws `.malformed` for what is no JSON or has the wrong shape, `.version` for any
  /// version but 1. Keys that nobody knows are ignored, but for those in `extensions`.
  public init(json: [UInt8]) throws(StorageError) {
    var meta = BlockMeta(ulid: Self.zeroULID, minTimeMs: 0, maxTimeExclusiveMs: 0)
    var version = 0
    do throws(JSONError) {
      try meta.read(try JSONValue(parsing: json), &version)
    } catch {
      throw StorageError(.malformed, error.message, cause: error)
    }
    guard version == Self.version else { throw StorageError(.version, "unexpected meta file version \(version)") }
    if let version = meta.thanos?.version, version != 0, version != 1 {
      throw StorageError(.version, "unexpected meta file Thanos section version \(version)")
    }
    self = meta
  }

  /// The file as Prometheus writes it: tabs, no line end at the end, and without what Thanos added.
  public func prometheusJSON() -> [UInt8] {
    Array(JSONValue.object(ownMembers).indentedText().utf8)
  }

  /// The file as Thanos writes it: tabs, a line end at the end, and always with a section `thanos`.
  public func thanosJSON() -> [UInt8] {
    let section = JSONValue.Member("thanos", (thanos ?? ThanosMeta()).json)
    return Array((JSONValue.object(ownMembers + [section]).indentedText() + "\n").utf8)
  }

  private static var zeroULID: ULID { ULID(timeMs: 0, randomBytes: []) }

  private mutating func read(_ document: JSONValue, _ version: inout Int) throws(JSONError) {
    for member in try document.foldedMembers("meta.json") {
      let value = member.value
      switch member.key {
      case "ulid": try value.read(into: &ulid, "ulid")
      case "mintime": try value.read(into: &minTimeMs, "minTime")
      case "maxtime": try value.read(into: &maxTimeExclusiveMs, "maxTime")
      case "stats": try stats.read(value)
      case "compaction": try compaction.read(value)
      case "version": try value.read(into: &version, "version")
      case "thanos":
        guard value != .null else { continue }
        var section = thanos ?? ThanosMeta(version: 0)
        try section.read(value)
        thanos = section
      default: continue
      }
    }
  }

  private var ownMembers: [JSONValue.Member] {
    [
      .init("ulid", .string(ulid.description)),
      .init("minTime", .integer(minTimeMs)),
      .init("maxTime", .integer(maxTimeExclusiveMs)),
      .init("stats", stats.json),
      .init("compaction", compaction.json),
      .init("version", .integer(Self.version)),
    ]
  }
}

extension BlockMeta.Stats {
  fileprivate mutating func read(_ json: JSONValue) throws(JSONError) {
    for member in try json.foldedMembers("stats") {
      let value = member.value
      switch member.key {
      case "numsamples": try value.read(into: &sampleCount, "stats.numSamples")
      case "numfloatsamples": try value.read(into: &floatSampleCount, "stats.numFloatSamples")
      case "numhistogramsamples": try value.read(into: &histogramSampleCount, "stats.numHistogramSamples")
      case "numseries": try value.read(into: &seriesCount, "stats.numSeries")
      case "numchunks": try value.read(into: &chunkCount, "stats.numChunks")
      case "numtombstones": try value.read(into: &tombstoneCount, "stats.numTombstones")
      default: continue
      }
    }
  }

  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = []
    members.append("numSamples", unlessZero: sampleCount)
    members.append("numFloatSamples", unlessZero: floatSampleCount)
    members.append("numHistogramSamples", unlessZero: histogramSampleCount)
    members.append("numSeries", unlessZero: seriesCount)
    members.append("numChunks", unlessZero: chunkCount)
    members.append("numTombstones", unlessZero: tombstoneCount)
    return .object(members)
  }
}

extension BlockMeta.Compaction {
  fileprivate mutating func read(_ json: JSONValue) throws(JSONError) {
    for member in try json.foldedMembers("compaction") {
      let value = member.value
      switch member.key {
      case "level": try value.read(into: &level, "compaction.level")
      case "sources": sources = try value.ulids("compaction.sources")
      case "deletable": try value.read(into: &isDeletable, "compaction.deletable")
      case "parents":
        parents = []
        for element in try value.elements("compaction.parents") { parents.append(try BlockMeta.Parent(json: element)) }
      case "failed": try value.read(into: &isFailed, "compaction.failed")
      case "hints": hints = try value.strings("compaction.hints")
      default: continue
      }
    }
  }

  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [.init("level", .integer(level))]
    members.append("sources", unlessEmpty: sources.map { .string($0.description) })
    if isDeletable { members.append(.init("deletable", .bool(true))) }
    members.append("parents", unlessEmpty: parents.map(\.json))
    if isFailed { members.append(.init("failed", .bool(true))) }
    members.append("hints", unlessEmpty: hints.map { .string($0) })
    return .object(members)
  }
}

extension BlockMeta.Parent {
  fileprivate init(json: JSONValue) throws(JSONError) {
    self.init(ulid: ULID(timeMs: 0, randomBytes: []), minTimeMs: 0, maxTimeExclusiveMs: 0)
    for member in try json.foldedMembers("compaction.parents") {
      switch member.key {
      case "ulid": try member.value.read(into: &ulid, "compaction.parents.ulid")
      case "mintime": try member.value.read(into: &minTimeMs, "compaction.parents.minTime")
      case "maxtime": try member.value.read(into: &maxTimeExclusiveMs, "compaction.parents.maxTime")
      default: continue
      }
    }
  }

  fileprivate var json: JSONValue {
    .object([
      .init("ulid", .string(ulid.description)),
      .init("minTime", .integer(minTimeMs)),
      .init("maxTime", .integer(maxTimeExclusiveMs)),
    ])
  }
}

extension ThanosMeta {
  fileprivate mutating func read(_ json: JSONValue) throws(JSONError) {
    for member in try json.foldedMembers("thanos") {
      let value = member.value
      switch member.key {
      case "version": try value.read(into: &version, "thanos.version")
      case "labels": try readLabels(value)
      case "downsample":
        for member in try value.foldedMembers("thanos.downsample") where member.key == "resolution" {
          try member.value.read(into: &resolutionMs, "thanos.downsample.resolution")
        }
      case "source": try value.read(into: &source, "thanos.source")
      case "segment_files": segmentFiles = try value.strings("thanos.segment_files")
      case "files":
        files = []
        for element in try value.elements("thanos.files") { files.append(try File(json: element)) }
      case "rewrites":
        rewrites = []
        for element in try value.elements("thanos.rewrites") { rewrites.append(try Rewrite(json: element)) }
      case "index_stats":
        for member in try value.foldedMembers("thanos.index_stats") {
          switch member.key {
          case "series_max_size": try member.value.read(into: &seriesSizeBytesMax, "thanos.index_stats.series_max_size")
          case "chunk_max_size": try member.value.read(into: &chunkSizeBytesMax, "thanos.index_stats.chunk_max_size")
          default: continue
          }
        }
      case "extensions": extensions = value == .null ? nil : value
      case "upload_time":
        try value.read(into: &uploadTime, "thanos.upload_time")
        guard isRFC3339(uploadTime) else {
          throw JSONError(
            "cannot read \(JSONValue.quoted(uploadTime)) of field thanos.upload_time as a time of RFC 3339")
        }
      default: continue
      }
    }
  }

  /// Labels of several objects, one after the other, become one map, as in Go; null empties it.
  private mutating func readLabels(_ json: JSONValue) throws(JSONError) {
    guard let members = try json.map("thanos.labels") else {
      labels = nil
      return
    }
    var all: [JSONValue.Member] = (labels ?? []).map { .init($0.name, .string($0.value)) }
    all += members
    var merged: [Labels.Label] = []
    for member in try JSONValue.object(all).map("thanos.labels") ?? [] {
      var value = ""
      try member.value.read(into: &value, "thanos.labels")
      merged.append(Labels.Label(name: member.key, value: value))
    }
    labels = merged
  }

  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = []
    members.append("version", unlessZero: version)
    members.append(.init("labels", labels.map { .object($0.map { .init($0.name, .string($0.value)) }) } ?? .null))
    members.append(.init("downsample", .object([.init("resolution", .integer(resolutionMs))])))
    members.append(.init("source", .string(source)))
    members.append("segment_files", unlessEmpty: segmentFiles.map { .string($0) })
    members.append("files", unlessEmpty: files.map(\.json))
    members.append("rewrites", unlessEmpty: rewrites.map(\.json))
    var indexStats: [JSONValue.Member] = []
    indexStats.append("series_max_size", unlessZero: seriesSizeBytesMax)
    indexStats.append("chunk_max_size", unlessZero: chunkSizeBytesMax)
    members.append(.init("index_stats", .object(indexStats)))
    if let extensions { members.append(.init("extensions", extensions)) }
    members.append(.init("upload_time", .string(uploadTime)))
    return .object(members)
  }
}

extension ThanosMeta.File {
  fileprivate init(json: JSONValue) throws(JSONError) {
    self.init()
    for member in try json.foldedMembers("thanos.files") {
      switch member.key {
      case "rel_path": try member.value.read(into: &relativePath, "thanos.files.rel_path")
      case "size_bytes": try member.value.read(into: &sizeBytes, "thanos.files.size_bytes")
      case "hash":
        guard member.value != .null else {
          digest = nil
          continue
        }
        var found = digest ?? Digest()
        for member in try member.value.foldedMembers("thanos.files.hash") {
          switch member.key {
          case "hashfunc": try member.value.read(into: &found.function, "thanos.files.hash.hashFunc")
          case "value": try member.value.read(into: &found.value, "thanos.files.hash.value")
          default: continue
          }
        }
        digest = found
      default: continue
      }
    }
  }

  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = [.init("rel_path", .string(relativePath))]
    members.append("size_bytes", unlessZero: sizeBytes)
    if let digest {
      members.append(
        .init("hash", .object([.init("hashFunc", .string(digest.function)), .init("value", .string(digest.value))])))
    }
    return .object(members)
  }
}

extension ThanosMeta.Rewrite {
  fileprivate init(json: JSONValue) throws(JSONError) {
    self.init()
    for member in try json.foldedMembers("thanos.rewrites") {
      switch member.key {
      case "sources": sources = try member.value.ulids("thanos.rewrites.sources")
      case "deletions_applied": deletions = try member.value.elements("thanos.rewrites.deletions_applied")
      case "relabels_applied": relabelings = try member.value.elements("thanos.rewrites.relabels_applied")
      default: continue
      }
    }
  }

  fileprivate var json: JSONValue {
    var members: [JSONValue.Member] = []
    members.append("sources", unlessEmpty: sources.map { .string($0.description) })
    members.append("deletions_applied", unlessEmpty: deletions)
    members.append("relabels_applied", unlessEmpty: relabelings)
    return .object(members)
  }
}

extension JSONValue {
  fileprivate func strings(_ field: String) throws(JSONError) -> [String] {
    var strings: [String] = []
    for element in try elements(field) {
      var string = ""
      try element.read(into: &string, field)
      strings.append(string)
    }
    return strings
  }

  fileprivate func ulids(_ field: String) throws(JSONError) -> [ULID] {
    var ulids: [ULID] = []
    for element in try elements(field) {
      var ulid = ULID(timeMs: 0, randomBytes: [])
      try element.read(into: &ulid, field)
      ulids.append(ulid)
    }
    return ulids
  }

  fileprivate func read(into target: inout ULID, _ field: String) throws(JSONError) {
    if case .null = self { return }
    var text = ""
    try read(into: &text, field)
    guard text.utf8.count == 26 else { throw JSONError("ulid: bad data size when unmarshaling (\(field))") }
    guard let ulid = ULID(text) else {
      throw JSONError("ulid: bad data characters when unmarshaling (\(field): \(JSONValue.quoted(text)))")
    }
    target = ulid
  }
}

extension [JSONValue.Member] {
  fileprivate mutating func append(_ key: String, unlessZero value: some BinaryInteger) {
    if value != 0 { append(.init(key, .integer(value))) }
  }

  fileprivate mutating func append(_ key: String, unlessEmpty elements: [JSONValue]) {
    if !elements.isEmpty { append(.init(key, .array(elements))) }
  }
}

/// Whether `text` looks like `2006-01-02T15:04:05.999Z` or with an offset `+07:00`: RFC 3339, without a calendar.
private func isRFC3339(_ text: String) -> Bool {
  var rest = Array(text.utf8)[...]
  func matches(_ pattern: String) -> Bool {
    for wanted in pattern.utf8 {
      guard let byte = rest.popFirst() else { return false }
      let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
      guard wanted == UInt8(ascii: "0") ? isDigit : byte == wanted else { return false }
    }
    return true
  }
  guard matches("0000-00-00T00:00:00") else { return false }
  if rest.first == UInt8(ascii: ".") {
    rest.removeFirst()
    guard matches("0") else { return false }
    rest = rest.drop { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
  }
  switch rest.first {
  case UInt8(ascii: "Z"): return rest.count == 1
  case UInt8(ascii: "+"): return matches("+00:00") && rest.isEmpty
  case UInt8(ascii: "-"): return matches("-00:00") && rest.isEmpty
  default: return false
  }
}
