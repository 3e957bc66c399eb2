// `apus tools wal dump`: every record of a head's logs, as JSON lines. docs/formats/wal.md.
internal import ComponentSupport
internal import Storage
internal import TSModel

enum WALDumpCommand {
  static let spec = CommandSpec(
    "dump", "Print every record of a write-ahead log, one a line: checkpoint, segments, then out-of-order samples.",
    arguments: [WALCommands.folder])

  static func run(_ command: ParsedCommand) throws -> Int32 {
    let head = try HeadFolder(path: command.text("folder") ?? "")
    var output = OutputStream.standardOutput()
    var damageCount = 0
    for log in try head.logs() {
      var reader = WALReader(log.segments)
      while let event = try reader.next() {
        switch event {
        case .damage(let damage):
          damageCount += 1
          printError("apus: \(damage)\n")
        case .record(let place):
          if let error = reader.decode() {
            damageCount += 1
            printError("apus: \(place.path), offset \(place.offset): \(error)\n")
            continue
          }
          output.buffer.appendRecord(reader.record, log: log.name, segment: place.segmentNumber)
          try output.drain()
        }
      }
    }
    try output.flush()
    return damageCount == 0 ? 0 : 1
  }
}

extension TextBuffer {
  /// A record with its entries, and a line's end.
  mutating func appendRecord(_ record: WALRecord, log: String, segment: Int) {
    append("{\"log\":")
    appendJSON(log)
    append(",\"segment\":")
    append(segment)
    append(",\"type\":\"")
    append(record.type.description)
    append("\",\"record_bytes\":")
    append(record.bytes.count)
    append(",\"entries\":[")
    for index in 0..<record.count {
      append(index == 0 ? "{\"ref\":" : ",{\"ref\":")
      append(record.seriesRefs[index])
      appendEntry(record, index)
      append(UInt8(ascii: "}"))
    }
    append("]}\n")
  }

  private mutating func appendEntry(_ record: WALRecord, _ index: Int) {
    switch record.type {
    case .series:
      appendLabels(record.labelPairs(at: index))
    case .tombstones:
      append(",\"mint\":")
      append(record.timestampsMs[index])
      append(",\"maxt\":")
      append(record.maxTimesMs[index])
    case .mmapMarkers:
      append(",\"mmap_ref\":")
      append(record.markedChunkRefs[index])
    case .metadata:
      let (unit, help) = record.unitAndHelp(at: index)
      append(",\"type\":")
      append(UInt64(record.metricType(at: index)))
      append(",\"unit\":")
      appendJSON(unit)
      append(",\"help\":")
      appendJSON(help)
    case let type where type.isHistograms:
      append(",\"t\":")
      append(record.timestampsMs[index])
      append(",\"st\":")
      append(record.startTimestampsMs[index])
      append(",\"h\":")
      appendHistogram(record.histogram(at: index))
    default:
      append(",\"t\":")
      append(record.timestampsMs[index])
      append(",\"v\":")
      appendDumped(record.values[index])
      if record.type == .exemplars {
        appendLabels(record.labelPairs(at: index))
      } else if record.startTimestampsMs[index] != 0 {
        append(",\"st\":")
        append(record.startTimestampsMs[index])
      }
    }
  }

  private mutating func appendLabels(_ labels: [Labels.Label]) {
    append(",\"labels\":{")
    for (index, label) in labels.enumerated() {
      if index > 0 { append(UInt8(ascii: ",")) }
      appendJSON(label.name)
      append(UInt8(ascii: ":"))
      appendJSON(label.value)
    }
    append(UInt8(ascii: "}"))
  }
}
