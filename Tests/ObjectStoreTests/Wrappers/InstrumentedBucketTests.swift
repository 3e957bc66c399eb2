// What the metrics of a bucket count.
import ObjectStore
import Observability
import TestSupport
import Testing

@Suite struct InstrumentedBucketTests {
  private let registry = MetricsRegistry()
  private let bucket: InstrumentedBucket

  init() { bucket = InstrumentedBucket(MemoryBucket(name: "m"), registry: registry) }

  private func text() -> String { String(decoding: registry.exposition(), as: UTF8.self) }

  private func value(_ name: String, _ operation: String) -> String? {
    let start = "\(name){bucket=\"m\",operation=\"\(operation)\"} "
    return text().split(separator: "\n").first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
  }

  @Test func allOperationsAreThereFromTheStart() {
    for operation in ["iter", "get", "get_range", "exists", "upload", "delete", "attributes"] {
      #expect(value("thanos_objstore_bucket_operations_total", operation) == "0")
      #expect(value("thanos_objstore_bucket_operation_failures_total", operation) == "0")
      #expect(value("thanos_objstore_bucket_operation_duration_seconds_count", operation) == "0")
    }
    #expect(text().contains("thanos_objstore_bucket_last_successful_upload_time{bucket=\"m\"} 0\n"))
  }

  @Test func callsBytesAndUnexpectedFailuresAreCounted() async throws {
    try await bucket.upload("a", bytes: Array(repeating: 1, count: 100))
    _ = try await bucket.get("a")
    _ = try await bucket.getRange("a", offset: 0, byteCount: 10)
    await expectError(.notFound, "b") { _ = try await bucket.get("b") }
    await expectError(.argument, "..") { _ = try await bucket.get("..") }
    _ = try await bucket.entries(prefix: "")
    await #expect(throws: TestSupportError.self) {
      try await bucket.iterate(prefix: "", recursive: false) { _ in throw TestSupportError("enough") }
    }
    #expect(value("thanos_objstore_bucket_operations_total", "get") == "3")
    #expect(value("thanos_objstore_bucket_operation_failures_total", "get") == "1")
    #expect(value("thanos_objstore_bucket_operation_duration_seconds_count", "get") == "1")
    #expect(value("thanos_objstore_bucket_operation_fetched_bytes_total", "get") == "100")
    #expect(value("thanos_objstore_bucket_operation_fetched_bytes_total", "get_range") == "10")
    #expect(value("thanos_objstore_bucket_operation_transferred_bytes_sum", "upload") == "100")
    #expect(value("thanos_objstore_bucket_operations_total", "iter") == "2")
    #expect(value("thanos_objstore_bucket_operation_failures_total", "iter") == "0")
    #expect(!text().contains("thanos_objstore_bucket_last_successful_upload_time{bucket=\"m\"} 0\n"))
  }
}
