// Every kind of bucket against the promises of the protocol.
import ObjectStore
import Observability
import TestSupport
import Testing

@Suite struct AcceptanceTests {
  @Test(arguments: BucketPromise.allCases) func memoryBucket(keeps promise: BucketPromise) async throws {
    try await checkBucket(promise, MemoryBucket())
  }

  @Test(arguments: BucketPromise.allCases) func folderBucket(keeps promise: BucketPromise) async throws {
    let folder = try TemporaryFolder("bucket")
    // The folder itself need not exist before the first upload.
    try await checkBucket(promise, FolderBucket(path: folder.file("deep/bucket/")))
  }

  @Test(arguments: BucketPromise.allCases) func prefixedBucket(keeps promise: BucketPromise) async throws {
    let whole = MemoryBucket()
    try await whole.upload("tenants/b/a", bytes: [9])
    try await whole.upload("tenants/a-b", bytes: [9])
    try await checkBucket(promise, PrefixedBucket(whole, prefix: "/tenants/a/"))
    #expect(try await names(whole, "", recursive: true).filter { !$0.hasPrefix("tenants/a/") }.count == 2)
  }

  @Test(arguments: BucketPromise.allCases) func instrumentedBucket(keeps promise: BucketPromise) async throws {
    try await checkBucket(promise, InstrumentedBucket(MemoryBucket(), registry: MetricsRegistry()))
  }
}
