import CTSDB
import Foundation
import TestSupport
import Testing

/// A sample, with its labels as text.
private struct ReadSample: Equatable {
  var labels: String
  var timestampMs: Int64
  var valueBits: UInt64
  var flags: UInt8
}

/// What a text gave: samples, metadata, and where and why it stopped.
private struct Outcome: Equatable {
  var samples: [ReadSample] = []
  var metadata: [String] = []
  var status = TSDB_OK
  var reason = TSDB_EXPOSITION_ACCEPTED
  var position = 0
  var lineCount = 0

  /// Samples without their flags, metadata and the reason, as text.
  var text: [String] {
    samples.map { "\($0.labels) \($0.timestampMs) \(Double(bitPattern: $0.valueBits))" } + metadata
      + (status == TSDB_OK ? [] : ["! \(reason.rawValue)"])
  }
}

/// How much room the columns have at first.
private struct Room {
  var samples = 64, series = 64, blobs = 1 << 14, labels = 64, metadata = 64
}

/// Reads in memory of exactly the said sizes. Where an array is full, `clears` empties the columns and goes on, else it is made larger.
private func outcome(
  _ bytes: [UInt8], _ format: tsdb_exposition_format, options: UInt32 = 0, room: Room = Room(), clears: Bool = false
) -> Outcome {
  let source = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
  source.update(from: bytes, count: bytes.count)
  defer { source.deallocate() }
  var columns = tsdb_exposition()
  var offsets = [UInt32](repeating: 0, count: 1)
  var (series, times, values, flags) = ([UInt32](), [Int64](), [Double](), [UInt8]())
  var (blobs, labels, metadata) = ([UInt8](), [tsdb_exposition_label](), [tsdb_exposition_metadata]())
  func resize<Element>(_ array: inout [Element], _ count: Int, _ filler: Element) {
    array += Array(repeating: filler, count: max(0, count - array.count))
  }
  var room = room
  var result = Outcome()
  func take() {
    for sample in 0..<columns.sample_count {
      let at = Int(series[sample])
      let blob = Array(blobs[Int(offsets[at])..<Int(offsets[at + 1])])
      result.samples.append(
        ReadSample(
          labels: labelsText(blob), timestampMs: times[sample], valueBits: values[sample].bitPattern,
          flags: flags[sample]))
    }
    for entry in metadata[..<columns.metadata_count] {
      result.metadata.append("\(entry.kind) \(entry.type) \(plain(entry.name, true)) \(plain(entry.text, true))")
    }
    tsdb_exposition_clear(&columns)
    offsets[0] = 0
  }
  while true {
    resize(&series, room.samples, 0)
    resize(&times, room.samples, 0)
    resize(&values, room.samples, 0)
    resize(&flags, room.samples, 0)
    resize(&offsets, room.series + 1, 0)
    resize(&blobs, room.blobs, 0)
    resize(&labels, room.labels, tsdb_exposition_label())
    resize(&metadata, room.metadata, tsdb_exposition_metadata())
    (columns.sample_capacity, columns.series_capacity) = (room.samples, room.series)
    (columns.blob_capacity, columns.label_capacity) = (room.blobs, room.labels)
    columns.metadata_capacity = room.metadata
    result.status = series.withUnsafeMutableBufferPointer { series in
      times.withUnsafeMutableBufferPointer { times in
        values.withUnsafeMutableBufferPointer { values in
          flags.withUnsafeMutableBufferPointer { flags in
            offsets.withUnsafeMutableBufferPointer { offsets in
              blobs.withUnsafeMutableBufferPointer { blobs in
                labels.withUnsafeMutableBufferPointer { labels in
                  metadata.withUnsafeMutableBufferPointer { metadata in
                    (columns.series, columns.timestamps_ms) = (series.baseAddress, times.baseAddress)
                    (columns.values, columns.flags) = (values.baseAddress, flags.baseAddress)
                    (columns.blob_offsets, columns.blobs) = (offsets.baseAddress, blobs.baseAddress)
                    (columns.labels, columns.metadata) = (labels.baseAddress, metadata.baseAddress)
                    return tsdb_exposition_read(format, options, source, bytes.count, &result.position, &columns)
                  }
                }
              }
            }
          }
        }
      }
    }
    if result.status != TSDB_ERR_CAPACITY { break }
    #expect(columns.wanted > 0)
    if clears, columns.sample_count + columns.metadata_count > 0 {
      take()
      continue
    }
    switch columns.full {
    case TSDB_EXPOSITION_SAMPLES: room.samples += columns.wanted
    case TSDB_EXPOSITION_SERIES: room.series += columns.wanted
    case TSDB_EXPOSITION_BLOBS: room.blobs += columns.wanted
    case TSDB_EXPOSITION_LABELS: room.labels += columns.wanted
    default: room.metadata += columns.wanted
    }
  }
  take()
  result.reason = columns.reason
  result.lineCount = columns.line_count
  return result
}

private func labelsText(_ blob: [UInt8]) -> String {
  blob.withUnsafeBufferPointer { bytes in
    let view = tsdb_bytes_view(bytes: bytes.baseAddress, size: bytes.count)
    var (position, name, value, text) = (0, tsdb_bytes_view(), tsdb_bytes_view(), [String]())
    while tsdb_label_blob_next(view, &position, &name, &value) {
      text.append("\(plain(name, nil))=\(plain(value, nil))")
    }
    #expect(position == bytes.count)
    return text.joined(separator: ",")
  }
}

/// A text as it is, or without its escapes.
private func plain(_ view: tsdb_bytes_view, _ hasQuotes: Bool?) -> String {
  var bytes = Array(UnsafeBufferPointer(start: view.bytes, count: view.size))
  if let hasQuotes {
    var size = 0
    if view.size > 0 { #expect(tsdb_exposition_unescape(view, hasQuotes, &bytes, 0, &size) == TSDB_ERR_CAPACITY) }
    #expect(tsdb_exposition_unescape(view, hasQuotes, &bytes, bytes.count, &size) == TSDB_OK)
    bytes.removeLast(bytes.count - size)
  }
  return String(decoding: bytes, as: UTF8.self)
}

private let sampleText = #"""
  # HELP http_requests_total Requests: \\ and\nlines.
  # TYPE http_requests_total counter
  http_requests_total{method="post",code="200"} 1027 1395066363000
  http_requests_total{method="post",code="200"} 1028 1395066364000
  	http_requests_total { method = "post" , code = "400" , }  3	1395066363000

  # a remark
  #another
  msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
  metric_without_timestamp_and_labels 12.47
  metric_without_timestamp_and_labels  13
  {"http.requests","my label"="é"a="b"} -Inf
  a-5
  nothing{empty="",} NaN 0

  """#

private let openMetricsText = ##"""
  # TYPE foo_seconds counter
  # UNIT foo_seconds seconds
  # HELP foo_seconds A "text" with \"quotes\"
  foo_seconds_total{b="2",a="1"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.78
  foo_seconds_total{b="2",a="1"} 18 1520879608
  foo_seconds_total{b="2",a="1"} 19
  # TYPE "my.metric" info
  {"my.metric","k.1"="v"} 1 -0.5 # {} 1
  # EOF

  """##

@Suite struct ExpositionTests {
  @Test func prometheusText() {
    let result = outcome(Array(sampleText.utf8), TSDB_EXPOSITION_TEXT)
    #expect(
      result.text == [
        "__name__=http_requests_total,code=200,method=post 1395066363000 1027.0",
        "__name__=http_requests_total,code=200,method=post 1395066364000 1028.0",
        "__name__=http_requests_total,code=400,method=post 1395066363000 3.0",
        "__name__=msdos_file_access_time_seconds,error=Cannot find file:\n\"FILE.TXT\",path=C:\\DIR\\FILE.TXT 0 1458255915.0",
        "__name__=metric_without_timestamp_and_labels 0 12.47",
        "__name__=metric_without_timestamp_and_labels 0 13.0",
        "__name__=http.requests,a=b,my label=é 0 -inf", "__name__=a 0 -5.0", "__name__=nothing 0 nan(0x1)",
        "1 0 http_requests_total Requests: \\ and\nlines.", "0 1 http_requests_total counter",
      ])
    #expect(result.samples.map(\.flags) == [1, 3, 1, 0, 0, 2, 0, 0, 1])
    #expect(result.position == sampleText.utf8.count && result.lineCount == 14)
  }

  @Test func openMetrics() {
    let result = outcome(Array(openMetricsText.utf8), TSDB_EXPOSITION_OPENMETRICS)
    #expect(
      result.text == [
        "__name__=foo_seconds_total,a=1,b=2 1520879607789 17.0",
        "__name__=foo_seconds_total,a=1,b=2 1520879608000 18.0",
        "__name__=foo_seconds_total,a=1,b=2 0 19.0", "__name__=my.metric,k.1=v -500 1.0", "0 1 foo_seconds counter",
        "2 0 foo_seconds seconds", "1 0 foo_seconds A \"text\" with \"quotes\"", "0 6 my.metric info",
      ])
    #expect(result.samples.map(\.flags) == [5, 3, 2, 5])
  }

  /// Whole lines at the front give what they give in the whole text; a line that is cut is refused or another one, never more.
  @Test(arguments: [TSDB_EXPOSITION_TEXT, TSDB_EXPOSITION_OPENMETRICS])
  func everyTruncation(format: tsdb_exposition_format) {
    let bytes = Array((format == TSDB_EXPOSITION_TEXT ? sampleText : openMetricsText).utf8)
    let whole = outcome(bytes, format)
    for length in 0...bytes.count {
      let result = outcome(Array(bytes[..<length]), format)
      let lines = bytes[..<length].count { $0 == 10 }
      #expect(result.lineCount == lines || result.lineCount == lines + 1)
      if length == 0 || bytes[length - 1] == 10 {
        #expect(result.status == TSDB_OK && result.lineCount == lines)
        #expect(whole.samples.starts(with: result.samples))
      } else if format == TSDB_EXPOSITION_OPENMETRICS {
        #expect(whole.samples.starts(with: result.samples))
      } else {
        #expect(whole.samples.starts(with: result.samples.dropLast()))
      }
    }
  }

  @Test(arguments: [TSDB_EXPOSITION_TEXT, TSDB_EXPOSITION_OPENMETRICS])
  func destinationsThatAreTooSmallAreGoneOnWith(format: tsdb_exposition_format) {
    let bytes = Array((format == TSDB_EXPOSITION_TEXT ? sampleText : openMetricsText).utf8)
    var whole = outcome(bytes, format)
    // Over two calls the same series is not told.
    for index in whole.samples.indices { whole.samples[index].flags &= ~2 }
    for clears in [false, true] {
      for small in 0..<40 {
        for array in 0..<5 {
          var room = Room()
          switch array {
          case 0: room.samples = small
          case 1: room.series = small
          case 2: room.blobs = 3 * small
          case 3: room.labels = small
          default: room.metadata = small
          }
          var result = outcome(bytes, format, room: room, clears: clears)
          for index in result.samples.indices { result.samples[index].flags &= ~2 }
          #expect(result == whole)
        }
      }
    }
  }

  @Test func changedBytesNeverTrap() {
    var random = SplitMix64(seed: 8)
    for (text, format) in [(sampleText, TSDB_EXPOSITION_TEXT), (openMetricsText, TSDB_EXPOSITION_OPENMETRICS)] {
      let bytes = Array(text.utf8)
      for position in bytes.indices {
        for bit in 0..<8 {
          var changed = bytes
          changed[position] ^= 1 << bit
          let result = outcome(changed, format)
          #expect(result.status == TSDB_OK || result.status == TSDB_ERR_MALFORMED)
        }
        var changed = bytes
        changed[position] = UInt8(truncatingIfNeeded: random.next())
        changed[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        _ = outcome(changed, format)
      }
    }
  }

  @Test(arguments: [
    ("a 1\r", TSDB_EXPOSITION_BAD_VALUE), ("a 1 2\r", TSDB_EXPOSITION_BAD_TIMESTAMP), ("\r", TSDB_EXPOSITION_NO_SERIES),
    ("# TYPE a counter\r", TSDB_EXPOSITION_BAD_TYPE), ("a 1_0", TSDB_EXPOSITION_BAD_VALUE),
    ("a 0x1p3", TSDB_EXPOSITION_BAD_VALUE), ("a 1e400", TSDB_EXPOSITION_BAD_VALUE),
    ("a +NaN", TSDB_EXPOSITION_BAD_VALUE),
    ("a 1 -5", TSDB_EXPOSITION_BAD_TIMESTAMP), ("a 1 1.5", TSDB_EXPOSITION_BAD_TIMESTAMP),
    ("a 1 9223372036854775808", TSDB_EXPOSITION_BAD_TIMESTAMP), ("a 1 2 3", TSDB_EXPOSITION_TRAILING_TEXT),
    ("a 1 # {} 3", TSDB_EXPOSITION_BAD_TIMESTAMP), ("a", TSDB_EXPOSITION_NO_VALUE),
    ("a{", TSDB_EXPOSITION_NO_LABEL_NAME),
    (#"{b="1"} 1"#, TSDB_EXPOSITION_NO_METRIC_NAME), (#"a{"b"} 1"#, TSDB_EXPOSITION_DUPLICATE_LABEL),
    (#"a{b="1",,} 1"#, TSDB_EXPOSITION_NO_LABEL_NAME), (#"a{b="1",b="1"} 1"#, TSDB_EXPOSITION_DUPLICATE_LABEL),
    (#"a{"\n"="1","\n"="2"} 1"#, TSDB_EXPOSITION_DUPLICATE_LABEL), (#"a{b="\"} 1"#, TSDB_EXPOSITION_OPEN_QUOTES),
    ("# TYPE a", TSDB_EXPOSITION_BAD_TYPE), ("# TYPE a unknown", TSDB_EXPOSITION_BAD_TYPE),
    ("# HELP", TSDB_EXPOSITION_ACCEPTED), ("# HELP a", TSDB_EXPOSITION_ACCEPTED),
    ("# UNIT a b", TSDB_EXPOSITION_ACCEPTED),
    ("# HELP 9", TSDB_EXPOSITION_NO_METADATA_NAME), ("#", TSDB_EXPOSITION_ACCEPTED), (" \t", TSDB_EXPOSITION_ACCEPTED),
    ("# EOF", TSDB_EXPOSITION_ACCEPTED), (" # TYPE a untyped", TSDB_EXPOSITION_ACCEPTED),
    ("a 1 9223372036854775807", TSDB_EXPOSITION_ACCEPTED), ("a\t1\t2\t", TSDB_EXPOSITION_ACCEPTED),
    (#"a{b="1"c="2"}3"#, TSDB_EXPOSITION_ACCEPTED),
  ])
  func linesOfPrometheusText(line: String, reason: tsdb_exposition_reason) {
    for text in [line, line + "\n", "up 1\n" + line + "\nup 2\n"] {
      #expect(outcome(Array(text.utf8), TSDB_EXPOSITION_TEXT).reason == reason)
    }
  }

  @Test(arguments: [
    ("a 1\n", TSDB_EXPOSITION_ACCEPTED), ("a 1", TSDB_EXPOSITION_NO_LINE_FEED),
    ("a 1 \n", TSDB_EXPOSITION_TRAILING_TEXT),
    ("a 1 2\r\n", TSDB_EXPOSITION_BAD_TIMESTAMP), (" a 1\n", TSDB_EXPOSITION_NO_SERIES),
    ("a {b=\"1\"} 1\n", TSDB_EXPOSITION_BAD_VALUE), ("a 1 9223372036854775.807\n", TSDB_EXPOSITION_ACCEPTED),
    ("a 1 9223372036854775.808\n", TSDB_EXPOSITION_BAD_TIMESTAMP),
    ("a 1 9999999999999999\n", TSDB_EXPOSITION_BAD_TIMESTAMP),
    ("a 1 2 # {\"x\"} 1\n", TSDB_EXPOSITION_NO_EQUALS_SIGN), ("a 1 2 # {\n", TSDB_EXPOSITION_NO_EXEMPLAR_VALUE),
    ("a 1 2 # {b=\"\u{7F}\"} 1 x\n", TSDB_EXPOSITION_BAD_EXEMPLAR_TIMESTAMP),
    ("a 1 2 # {b=\"1\"} x\n", TSDB_EXPOSITION_NO_EXEMPLAR_VALUE), ("a 1 2 #{} 1\n", TSDB_EXPOSITION_TRAILING_TEXT),
    ("# EOF\n# EOF\n", TSDB_EXPOSITION_AFTER_END), ("# TYPE a\n", TSDB_EXPOSITION_NO_METADATA_BLANK),
    ("# TYPE a-b counter\n", TSDB_EXPOSITION_NO_METADATA_BLANK),
    ("a{b=\"1\"c=\"2\"} 3\n", TSDB_EXPOSITION_NO_SEPARATOR),
  ])
  func linesOfOpenMetrics(text: String, reason: tsdb_exposition_reason) {
    #expect(outcome(Array(text.utf8), TSDB_EXPOSITION_OPENMETRICS).reason == reason)
  }

  /// Bytes that are no UTF-8, in a value and in a help text, and the borders of what is.
  @Test func onlyUTF8IsTaken() {
    var random = SplitMix64(seed: 12)
    let borders: [UInt8] = [
      0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5,
    ]
    for round in 0..<20_000 {
      let count = Int(random.next() % 5) + (round % 7 == 0 ? 9 : 0)
      let text = (0..<count).map { _ in borders[Int(random.next() % UInt64(borders.count))] }
      let isValid = String(validating: text, as: UTF8.self) != nil
      let value = outcome(Array("a{b=\"".utf8) + text + Array("\"} 1\n".utf8), TSDB_EXPOSITION_TEXT)
      #expect(value.reason == (isValid ? TSDB_EXPOSITION_ACCEPTED : TSDB_EXPOSITION_NOT_UTF8))
      let help = outcome(Array("# HELP a ".utf8) + text + [10], TSDB_EXPOSITION_OPENMETRICS)
      #expect(help.reason == value.reason)
    }
  }

  /// Many labels in any order, with and without escapes in their names.
  @Test func labelsAreSorted() {
    var random = SplitMix64(seed: 4)
    for count in [0, 1, 2, 3, 10, 31, 32, 33, 34, 100, 500] {
      var names = Set<String>()
      while names.count < count { names.insert("\"l\\\\\(1000 + random.next() % 9000)\"") }
      let parts = names.shuffled(using: &random).map { "\($0)=\"v\"" } + ["__name__=\"m\""]
      let result = outcome(
        Array("{\(parts.shuffled(using: &random).joined(separator: ","))} 1\n".utf8), TSDB_EXPOSITION_TEXT)
      let wanted =
        ["__name__=m"] + names.sorted().map { $0.dropFirst().dropLast().replacing("\\\\", with: "\\") + "=v" }
      #expect(result.samples.map(\.labels) == [wanted.joined(separator: ",")])
    }
  }

  @Test func argumentsAreChecked() {
    var columns = tsdb_exposition()
    var position = 1
    #expect(tsdb_exposition_read(TSDB_EXPOSITION_TEXT, 0, nil, 0, &position, &columns) == TSDB_ERR_ARGUMENT)
    position = 0
    #expect(tsdb_exposition_read(TSDB_EXPOSITION_TEXT, 0, nil, 0, &position, &columns) == TSDB_OK)
    tsdb_exposition_clear(&columns)
  }

  /// docs/formats/exposition.md.
  @Test func thePagesExample() throws {
    let page = String(decoding: try readFile(Fixtures.repository + "/docs/formats/exposition.md"), as: UTF8.self)
    let parts = page.components(separatedBy: "```")
    let text = try #require(parts.first { $0.hasPrefix("openmetrics\n") }).dropFirst("openmetrics\n".count)
    let example = try #require(parts.first { $0.hasPrefix("example\n") })
    let blob = example.split(separator: "\n").dropFirst().flatMap { line in
      line.prefix { $0 != "#" }.split(separator: " ").flatMap { group in
        stride(from: 0, to: group.count, by: 2).compactMap { UInt8(group.dropFirst($0).prefix(2), radix: 16) }
      }
    }
    let result = outcome(Array(text.utf8), TSDB_EXPOSITION_OPENMETRICS)
    #expect(result.samples.map(\.labels) == Array(repeating: labelsText(blob), count: 2))
    #expect(result.samples.map(\.timestampMs) == [1500, 2500] && result.samples.map(\.flags) == [1, 3])
    #expect(result.samples.map { Double(bitPattern: $0.valueBits) } == [17, 18.5])
    #expect(result.metadata == ["0 1 http_requests counter"])
  }
}
