// What a bucket is asked for and how it answers, as Thanos' metrics tell it.
public import Observability

/// A bucket whose calls are counted and timed: `thanos_objstore_bucket_*`.
public final class InstrumentedBucket: Bucket {
  private let bucket: any Bucket
  private let metrics: BucketMetrics

  /// `bucket` with its calls counted in `registry` under its name. Failures that the program expects and handles do not
  /// count as such: an object that is not there, a condition that does not hold, work that was cancelled.
  public init(_ bucket: any Bucket, registry: MetricsRegistry) {
    self.bucket = bucket
    self.metrics = BucketMetrics(registry, bucket: bucket.name)
  }

  /// What errors, logs and metrics call it.
  public var name: String { bucket.name }

  /// The whole object. See `Bucket`.
  public func get(_ name: String, byteCountMax: Int) async throws(BucketError) -> [UInt8] {
    try await measured(metrics.get) { () throws(BucketError) in
      try await bucket.get(name, byteCountMax: byteCountMax)
    } transferred: {
      $0.count
    }
  }

  /// The whole object with its version. See `Bucket`.
  public func getVersioned(_ name: String, byteCountMax: Int) async throws(BucketError) -> VersionedObject {
    try await measured(metrics.get) { () throws(BucketError) in
      try await bucket.getVersioned(name, byteCountMax: byteCountMax)
    } transferred: {
      $0.bytes.count
    }
  }

  /// A part of the object. See `Bucket`.
  public func getRange(_ name: String, offset: Int64, byteCount: Int?) async throws(BucketError) -> [UInt8] {
    try await measured(metrics.getRange) { () throws(BucketError) in
      try await bucket.getRange(name, offset: offset, byteCount: byteCount)
    } transferred: {
      $0.count
    }
  }

  /// Visits what lies below a folder. See `Bucket`.
  public func iterate(
    prefix: String, recursive: Bool, _ visit: (BucketEntry) async throws -> Void
  ) async throws {
    let watch = Stopwatch()
    metrics.iterate.calls.add(1)
    // What the visitor throws is no failure of the bucket.
    var visitorFailed = false
    do {
      try await bucket.iterate(prefix: prefix, recursive: recursive) { entry in
        do { try await visit(entry) } catch {
          visitorFailed = true
          throw error
        }
      }
    } catch {
      if !visitorFailed, !(error is CancellationError), (error as? BucketError)?.isExpected != true {
        metrics.iterate.failures.add(1)
      }
      throw error
    }
    metrics.iterate.seconds.observe(watch.elapsed)
  }

  /// Whether there is such an object. See `Bucket`.
  public func exists(_ name: String) async throws(BucketError) -> Bool {
    try await measured(metrics.exists) { () throws(BucketError) in try await bucket.exists(name) }
  }

  /// Size and time of an object. See `Bucket`.
  public func attributes(_ name: String) async throws(BucketError) -> ObjectAttributes {
    try await measured(metrics.attributes) { () throws(BucketError) in try await bucket.attributes(name) }
  }

  /// Puts an object. See `Bucket`.
  public func upload(
    _ name: String, _ content: UploadContent, condition: UploadCondition
  ) async throws(BucketError) {
    try await measured(metrics.upload) { () throws(BucketError) in
      try await bucket.upload(name, content, condition: condition)
    }
    metrics.lastUpload.setToCurrentTime()
    // The length of a file is what it was a moment ago; nothing is read for a metric.
    if case .bytes(let bytes) = content { metrics.upload.transferred?.observe(Double(bytes.count)) }
    if case .file(let path) = content, let size = await LocalFile.sizeBytes(of: path) {
      metrics.upload.transferred?.observe(Double(size))
    }
  }

  /// Deletes an object. See `Bucket`.
  public func delete(_ name: String) async throws(BucketError) {
    try await measured(metrics.delete) { () throws(BucketError) in try await bucket.delete(name) }
  }

  /// Where an object lies on this machine. See `Bucket`.
  public func localPath(_ name: String) -> String? { bucket.localPath(name) }

  private func measured<Value>(
    _ operation: BucketMetrics.Operation, _ call: () async throws(BucketError) -> Value,
    transferred: ((Value) -> Int)? = nil
  ) async throws(BucketError) -> Value {
    let watch = Stopwatch()
    operation.calls.add(1)
    do throws(BucketError) {
      let value = try await call()
      operation.seconds.observe(watch.elapsed)
      if let transferred {
        let byteCount = transferred(value)
        operation.fetchedBytes?.add(byteCount)
        operation.transferred?.observe(Double(byteCount))
      }
      return value
    } catch {
      if !error.isExpected { operation.failures.add(1) }
      throw error
    }
  }
}

extension BucketError {
  /// Whether a caller that is in order can meet it.
  fileprivate var isExpected: Bool { code == .notFound || code == .precondition || code == .cancelled }
}

/// The metrics of one bucket. All of them are there from the start, at zero.
private struct BucketMetrics: Sendable {
  struct Operation: Sendable {
    var calls: Counter
    var failures: Counter
    var seconds: Histogram
    var fetchedBytes: Counter?
    var transferred: Histogram?
  }

  let iterate, get, getRange, exists, upload, delete, attributes: Operation
  let lastUpload: Gauge

  init(_ registry: MetricsRegistry, bucket: String) {
    let labels = ["bucket", "operation"]
    let calls = registry.counter(
      "thanos_objstore_bucket_operations_total", "Calls to the bucket, whether they succeed or not.", labels: labels)
    let failures = registry.counter(
      "thanos_objstore_bucket_operation_failures_total", "Calls to the bucket that failed unexpectedly.",
      labels: labels)
    let seconds = registry.histogram(
      "thanos_objstore_bucket_operation_duration_seconds", "How long calls to the bucket took that succeeded.",
      labels: labels, buckets: [0.001, 0.01, 0.1, 0.3, 0.6, 1, 3, 6, 9, 20, 30, 60, 90, 120])
    let fetched = registry.counter(
      "thanos_objstore_bucket_operation_fetched_bytes_total", "Bytes read from the bucket.", labels: labels)
    let transferred = registry.histogram(
      "thanos_objstore_bucket_operation_transferred_bytes", "Bytes read or written by one call to the bucket.",
      labels: labels, buckets: MetricBuckets.exponential(start: 32768, factor: 2, count: 16))
    lastUpload =
      registry.gauge(
        "thanos_objstore_bucket_last_successful_upload_time",
        "When the last upload succeeded, seconds since the Unix epoch; 0 where none did.", labels: ["bucket"]
      ).with(bucket)
    func operation(_ name: String, reads: Bool = false, writes: Bool = false) -> Operation {
      Operation(
        calls: calls.with(bucket, name), failures: failures.with(bucket, name), seconds: seconds.with(bucket, name),
        fetchedBytes: reads ? fetched.with(bucket, name) : nil,
        transferred: reads || writes ? transferred.with(bucket, name) : nil)
    }
    iterate = operation("iter")
    get = operation("get", reads: true)
    getRange = operation("get_range", reads: true)
    exists = operation("exists")
    upload = operation("upload", writes: true)
    delete = operation("delete")
    attributes = operation("attributes")
  }
}
