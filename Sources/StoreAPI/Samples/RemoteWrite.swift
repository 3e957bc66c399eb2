// Remote write 1 and 2: messages, unpacked from snappy, into a batch and out of one. docs/formats/remote-write.md.
internal import CTSDB
public import TSModel

extension SampleBatch {
  /// What is wrong with a message of samples.
  static func malformed(_ status: tsdb_status, _ what: String) -> ModelError {
    let text = unsafe String(cString: tsdb_status_text(status))
    return ModelError(status == TSDB_ERR_SIZE ? .size : .malformed, "read \(what): \(text)")
  }

  /// Lets `body` run until no array is full any more.
  func growing(_ what: String, _ body: () -> tsdb_status) throws {
    while true {
      switch body() {
      case TSDB_OK: return
      case TSDB_ERR_CAPACITY: try growFull()
      case let status: throw Self.malformed(status, what)
      }
    }
  }

  /// Appends the series and metadata of a `prometheus.WriteRequest`. Throws `ModelError` where it is none, `BudgetExceeded`.
  public func append(remoteWrite message: [UInt8]) throws {
    let bytes = unsafe try message.withUnsafeBytes { unsafe try copy($0) }
    var position = 0
    try growing("a remote write request of \(message.count) bytes") {
      unsafe tsdb_remote_write_read(bytes, message.count, &position, &samples)
    }
  }

  /// Appends the series of an `io.prometheus.write.v2.Request`. Throws as `append(remoteWrite:)` does, also for numbers that are none
  /// of a symbol.
  public func append(remoteWriteV2 message: [UInt8]) throws {
    let bytes = unsafe try message.withUnsafeBytes { unsafe try copy($0) }
    let what = "a remote write 2 request of \(message.count) bytes"
    var count = 0
    var status = unsafe tsdb_remote_write_v2_symbols(bytes, message.count, nil, 0, &count)
    guard status == TSDB_OK || status == TSDB_ERR_CAPACITY else { throw Self.malformed(status, what) }
    let memory = unsafe try block(count * MemoryLayout<tsdb_bytes_view>.stride)
    let symbols = unsafe memory.bindMemory(to: tsdb_bytes_view.self)
    unsafe status = tsdb_remote_write_v2_symbols(bytes, message.count, symbols.baseAddress, count, &count)
    guard status == TSDB_OK else { throw Self.malformed(status, what) }
    var position = 0
    try growing(what) {
      unsafe tsdb_remote_write_v2_read(bytes, message.count, &position, symbols.baseAddress, count, &samples)
    }
  }

  /// The series of `range` and, with `withMetadata`, all metadata of families as a `prometheus.WriteRequest`. Labels must be in order
  /// (`normalizeLabels`).
  public func remoteWrite(_ range: Range<Int>, withMetadata: Bool = false) throws(ModelError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= seriesCount, "series \(range) of \(seriesCount)")
    let size = unsafe tsdb_remote_write_size(&samples, range.lowerBound, range.count, withMetadata)
    return unsafe try Self.written(size) { bytes, written in
      unsafe tsdb_remote_write_write(
        &samples, range.lowerBound, range.count, withMetadata, bytes.baseAddress, bytes.count, &written)
    }
  }

  /// The series of `range` with their metadata as an `io.prometheus.write.v2.Request`. Labels must be in order.
  public func remoteWriteV2(_ range: Range<Int>) throws(ModelError) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= seriesCount, "series \(range) of \(seriesCount)")
    let referenceCount = unsafe tsdb_remote_write_v2_reference_count(&samples, range.lowerBound, range.count)
    // As many strings as references, or one.
    var bucketCount = 4
    while bucketCount < 2 * (referenceCount + 1) { bucketCount *= 2 }
    let references = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: referenceCount)
    let strings = UnsafeMutableBufferPointer<tsdb_bytes_view>.allocate(capacity: referenceCount + 1)
    let buckets = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: bucketCount)
    defer {
      unsafe references.deallocate()
      unsafe strings.deallocate()
      unsafe buckets.deallocate()
    }
    var symbols = unsafe tsdb_wire_symbols()
    unsafe symbols.strings = strings.baseAddress
    unsafe symbols.capacity = strings.count
    unsafe symbols.buckets = buckets.baseAddress
    unsafe symbols.bucket_count = buckets.count
    unsafe symbols.seed = UInt64.random(in: .min ... .max)
    unsafe tsdb_wire_symbols_clear(&symbols)
    let status = unsafe tsdb_remote_write_v2_number(
      &samples, range.lowerBound, range.count, &symbols, references.baseAddress, references.count)
    guard status == TSDB_OK else { throw Self.malformed(status, "labels to be written") }
    let size = unsafe tsdb_remote_write_v2_size(
      &samples, range.lowerBound, range.count, &symbols, references.baseAddress)
    return unsafe try Self.written(size) { bytes, written in
      unsafe tsdb_remote_write_v2_write(
        &samples, range.lowerBound, range.count, &symbols, references.baseAddress, bytes.baseAddress, bytes.count,
        &written)
    }
  }

  /// What `body` writes into `size` bytes.
  static func written(
    _ size: Int, _ body: (UnsafeMutableBufferPointer<UInt8>, inout Int) -> tsdb_status
  ) throws(ModelError) -> [UInt8] {
    var status = TSDB_OK
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, written in
      unsafe status = body(bytes, &written)
      if status != TSDB_OK { written = 0 }
    }
    guard status == TSDB_OK else {
      throw ModelError(.argument, "write series: \(unsafe String(cString: tsdb_status_text(status)))")
    }
    return bytes
  }
}
