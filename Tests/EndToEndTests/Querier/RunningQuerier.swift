// `apus query` over stores, started as a user starts it.
import Foundation
import TestSupport

/// A querier that asks stores at these addresses.
final class RunningQuerier: RunningServer {
  init(_ endpoints: [String], flags: [String] = []) throws {
    let folder = try TemporaryFolder("querier")
    try super.init(["query"] + endpoints.map { "--endpoint=\($0)" } + flags, folder: folder)
  }

  var url: String { "http://\(http)" }

  /// Waits until it knows `count` stores that answer.
  func waitForStores(_ count: Int) throws {
    let end = Date() + 30
    var stores = ""
    while Date() < end {
      stores = try get("/api/v1/stores")
      if stores.components(separatedBy: "\"lastError\":null").count - 1 >= count { return }
      usleep(50_000)
    }
    throw TestSupportError("the querier does not know \(count) stores after 30 s: \(stores)\n\(log)")
  }
}

extension RunningStore {
  /// A store over a bucket's folder where it lies; nothing in it is written.
  convenience init(bucket: String, flags: [String] = []) throws {
    try self.init(blocks: Fixtures.blocks(in: bucket), flags: flags)
  }
}
