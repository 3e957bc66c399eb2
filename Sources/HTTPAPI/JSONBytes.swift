// JSON as bytes: what the C core writes, put one behind the other.
internal import CTSDB
internal import PromQL
internal import TSModel

/// A growing piece of JSON.
struct JSONBytes: Sendable {
  /// What has been written and not taken.
  private(set) var bytes: [UInt8] = []

  /// Hands over what has been written.
  mutating func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  /// How many bytes there are.
  var count: Int { bytes.count }

  mutating func append(_ text: StaticString) {
    unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(raw text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func append(raw more: [UInt8]) { bytes += more }

  /// A string, escaped as Go does: for HTML, too.
  mutating func append(string text: String) throws {
    var text = text
    try text.withUTF8 { text in
      try unsafe fill(upTo: tsdb_json_string_bound(text.count), "write a string") { room, size in
        unsafe tsdb_json_string(text.baseAddress, text.count, true, room.baseAddress, room.count, &size)
      }
    }
  }

  /// A label set as an object.
  mutating func append(labels set: LabelBytes) throws {
    try unsafe set.withUnsafeBufferPointer { set in
      try unsafe fill(upTo: tsdb_json_labels_bound(set.count), "write labels") { room, size in
        unsafe tsdb_json_labels(set.baseAddress, set.count, room.baseAddress, room.count, &size)
      }
    }
  }

  /// Milliseconds as seconds: a whole number, or three decimals.
  mutating func append(timestampMs: Int64) throws {
    try unsafe fill(upTo: Int(TSDB_JSON_TIMESTAMP_BOUND), "write a time") { room, size in
      unsafe tsdb_json_timestamp(timestampMs, room.baseAddress, room.count, &size)
    }
  }

  /// A sample's value, with its quotation marks.
  mutating func append(value: Double) throws {
    try unsafe fill(upTo: Int(TSDB_JSON_POINT_BOUND), "write a value") { room, size in
      unsafe tsdb_json_value(value, room.baseAddress, room.count, &size)
    }
  }

  /// A number as Go writes it in JSON.
  mutating func append(number: Double) throws { try append(number, TSDB_FLOAT_JSON) }

  /// A number without an exponent.
  mutating func append(plainNumber: Double) throws { try append(plainNumber, TSDB_FLOAT_PLAIN) }

  private mutating func append(_ number: Double, _ format: tsdb_float_format) throws {
    try unsafe fill(upTo: Int(TSDB_FLOAT_PLAIN_BOUND), "write a number") { room, size in
      unsafe tsdb_float_text(number, format, room.baseAddress, room.count, &size)
    }
  }

  /// A histogram of `pool`.
  mutating func append(histogram index: Int32, of pool: HistogramPool) throws {
    try unsafe pool.withView(index) { bytes in
      let view = unsafe bytes.assumingMemoryBound(to: tsdb_histogram_view.self)
      try unsafe fill(upTo: tsdb_json_histogram_bound(view), "write a histogram") { room, size in
        unsafe tsdb_json_histogram(view, room.baseAddress, room.count, &size)
      }
    }
  }

  /// The first step of a row that has a point; their number where none has one.
  static func firstPoint(of row: UnsafeBufferPointer<Double>) -> Int {
    unsafe row.firstIndex { !tsdb_is_absent($0) } ?? row.count
  }

  /// Points of a row from `step` on, `times` being the text of all steps' times; as many as are written at a time.
  mutating func append(
    points row: UnsafeBufferPointer<Double>, times: [UInt8], step: inout Int, isFirst: inout Bool
  ) throws {
    try unsafe times.withUnsafeBufferPointer { times in
      try unsafe fill(upTo: Self.roomBytes, "write points") { room, size in
        unsafe tsdb_json_points(
          row.baseAddress, times.baseAddress, row.count, &step, &isFirst, room.baseAddress, room.count, &size)
      }
    }
  }

  /// Samples from `index` on, as many as are written at a time.
  mutating func append(
    samples values: [Double], timesMs: [Int64], index: inout Int, isFirst: inout Bool
  ) throws {
    precondition(values.count == timesMs.count, "\(values.count) values at \(timesMs.count) times")
    try unsafe fill(upTo: Self.roomBytes, "write samples") { room, size in
      unsafe tsdb_json_samples(
        timesMs, values, values.count, &index, &isFirst, room.baseAddress, room.count, &size)
    }
  }

  /// The text of all steps' times, for `append(points:)`.
  static func times(of grid: StepGrid) throws -> [UInt8] {
    guard grid.count > 0 else { return [] }
    var text = [UInt8](repeating: 0, count: grid.count * Int(TSDB_JSON_TIME_SIZE))
    var steps = tsdb_step_grid(first_ms: grid.startMs, step_ms: grid.stepMs, count: grid.count)
    try check(unsafe tsdb_json_times(&steps, &text), "write times")
    return text
  }

  /// Room that rows are written into at a time.
  private static let roomBytes = 32 << 10

  /// Lets `body` write up to `count` bytes behind what there is.
  private mutating func fill(
    upTo count: Int, _ what: StaticString, _ body: (UnsafeMutableBufferPointer<UInt8>, inout Int) -> tsdb_status
  ) throws {
    try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, count)) { room in
      var size = 0
      try Self.check(unsafe body(room, &size), what)
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(rebasing: room[..<size]))
    }
  }

  private static func check(_ status: tsdb_status, _ what: StaticString) throws {
    guard status != TSDB_OK else { return }
    throw APIFailure("\(what): \(unsafe String(cString: tsdb_status_text(status)))")
  }
}

/// A fault of ours.
struct APIFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
