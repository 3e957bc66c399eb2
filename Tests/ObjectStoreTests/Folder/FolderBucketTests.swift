// What only a bucket in a folder has to promise: nothing outside of it is reached, and what lies in it is as Thanos leaves it.
import Foundation
import ObjectStore
import TestSupport
import Testing

@Suite struct FolderBucketTests {
  private let outside: TemporaryFolder
  private let root: String
  private let bucket: FolderBucket

  init() throws {
    outside = try TemporaryFolder("bucket")
    root = outside.file("bucket")
    bucket = FolderBucket(path: root)
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    try writeFile(outside.file("secret"), Array("secret".utf8))
    try FileManager.default.createDirectory(atPath: outside.file("other"), withIntermediateDirectories: true)
    try writeFile(outside.file("other/x"), Array("other".utf8))
  }

  private func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: root + "/" + name, withDestinationPath: target)
  }

  @Test func linksThatLeadOutAreNeitherReadNorListed() async throws {
    try link("file", to: "../secret")
    try link("absolute", to: outside.file("secret"))
    try link("folder", to: "../other")
    try link("up", to: "..")
    try link("nothing", to: "none")
    try link("circle", to: "circle")
    for name in ["file", "absolute", "folder/x", "up/secret", "up/bucket/file"] {
      await expectError(.permission, name) { _ = try await bucket.get(name) }
      await expectError(.permission, name) { _ = try await bucket.exists(name) }
      await expectError(.permission, name) { _ = try await bucket.attributes(name) }
      #expect(bucket.localPath(name) == nil, "\(name)")
    }
    await expectError(.notFound, "nothing") { _ = try await bucket.get("nothing") }
    await expectError(.permission, "circle") { _ = try await bucket.get("circle") }
    for prefix in ["folder", "up", "up/other"] {
      await expectError(.permission, prefix) { _ = try await bucket.entries(prefix: prefix) }
    }
    #expect(try await bucket.entries(prefix: "").isEmpty)
    await expectError(.permission, "folder/new") { try await bucket.upload("folder/new", bytes: [1]) }
    await expectError(.permission, "folder/x") { try await bucket.delete("folder/x") }
    #expect(try readFile(outside.file("other/x")) == Array("other".utf8))
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside.file("other")) == ["x"])
  }

  @Test func uploadOverALinkReplacesTheLink() async throws {
    try link("file", to: "../secret")
    try await bucket.upload("file", bytes: [1])
    #expect(try await bucket.get("file") == [1])
    #expect(try readFile(outside.file("secret")) == Array("secret".utf8))
    try link("other", to: "../secret")
    try await bucket.delete("other")
    #expect(try readFile(outside.file("secret")) == Array("secret".utf8))
  }

  @Test func linksThatStayInsideAreFollowed() async throws {
    try await bucket.upload("a/b/x", bytes: [7])
    try link("short", to: "a/b")
    try link("direct", to: root + "/a/b/x")
    #expect(try await bucket.get("short/x") == [7])
    #expect(try await bucket.get("direct") == [7])
    #expect(try await bucket.entries(prefix: "").map(\.name) == ["a/", "direct", "short/"])
    #expect(try await bucket.entries(prefix: "short").map(\.name) == ["short/x"])
    #expect(try await bucket.entries(prefix: "", recursive: true).map(\.name) == ["a/b/x", "direct"])
    try await bucket.upload("short/y", bytes: [8])
    #expect(try await bucket.get("a/b/y") == [8])
  }

  @Test func rootMayBeALink() async throws {
    try await bucket.upload("a/x", bytes: [1])
    try FileManager.default.createSymbolicLink(atPath: outside.file("link"), withDestinationPath: root)
    let linked = FolderBucket(path: outside.file("link"))
    #expect(try await linked.get("a/x") == [1])
    #expect(try await linked.entries(prefix: "").map(\.name) == ["a/"])
  }

  @Test func localPathOfABlockWithForeignLinksIsNone() async throws {
    try await bucket.upload("a/index", bytes: [1])
    #expect(bucket.localPath("a") == root + "/a")
    #expect(bucket.localPath("a/index") == root + "/a/index")
    #expect(bucket.localPath("none") == root + "/none")
    try link("a/chunks", to: "../../other")
    #expect(bucket.localPath("a") == nil)
  }

  @Test func emptyFoldersAreNoObjects() async throws {
    for name in ["empty", "full/empty/deep", "deep/er"] {
      try FileManager.default.createDirectory(atPath: root + "/" + name, withIntermediateDirectories: true)
    }
    try await bucket.upload("full/x", bytes: [1])
    #expect(try await bucket.entries(prefix: "").map(\.name) == ["full/"])
    #expect(try await bucket.entries(prefix: "full").map(\.name) == ["full/x"])
  }

  @Test func deletingRemovesEmptiedFoldersButNotTheRoot() async throws {
    try await bucket.upload("a/b/c/x", bytes: [1])
    try await bucket.upload("a/y", bytes: [1])
    try await bucket.delete("a/b/c/x")
    #expect(!FileManager.default.fileExists(atPath: root + "/a/b"))
    #expect(FileManager.default.fileExists(atPath: root + "/a"))
    try await bucket.delete("a/y")
    #expect(!FileManager.default.fileExists(atPath: root + "/a"))
    #expect(FileManager.default.fileExists(atPath: root))
  }

  @Test func whatACrashLeftIsHiddenAndGoesWithItsFolder() async throws {
    try await bucket.upload("a/x", bytes: [1])
    let left = root + "/a/.apus-upload-1234"
    try writeFile(left, [1, 2])
    #expect(try await bucket.entries(prefix: "", recursive: true).map(\.name) == ["a/x"])
    await expectError(.argument, "reserved") { _ = try await bucket.get("a/.apus-upload-1234") }
    try await bucket.delete("a/x")
    #expect(FileManager.default.fileExists(atPath: left), "a young one may still be written")
    #expect(try await bucket.entries(prefix: "").isEmpty)
    try await bucket.upload("a/x", bytes: [1])
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: left)
    try await bucket.delete("a/x")
    #expect(!FileManager.default.fileExists(atPath: root + "/a"))
  }

  @Test func failedUploadLeavesNothing() async throws {
    try await bucket.upload("a/x", bytes: [1])
    await expectError(.notFound, "source") { try await bucket.upload("a/y", .file(root + "/none")) }
    await expectError(.precondition, "present") { try await bucket.upload("a/x", bytes: [2], condition: .ifAbsent) }
    await expectError(.argument, "folder") { try await bucket.upload("a", bytes: [2]) }
    await expectError(.argument, "object") { try await bucket.upload("a/x/y", bytes: [2]) }
    #expect(try FileManager.default.subpathsOfDirectory(atPath: root).sorted() == ["a", "a/x"])
  }

  @Test func devicesAndPipesAreNoObjects() async throws {
    #expect(mkfifo(root + "/pipe", 0o666) == 0)
    #expect(try await bucket.entries(prefix: "").isEmpty)
    #expect(try await !bucket.exists("pipe"))
    await expectError(.notFound, "pipe") { _ = try await bucket.get("pipe") }
  }

  @Test func readOnlyFolderIsServed() async throws {
    // The superuser may write everywhere: /proc is read-only even for it.
    let proc = FolderBucket(path: "/proc/sys/kernel/random")
    #expect(try await proc.exists("uuid"))
    #expect(try await proc.entries(prefix: "").map(\.name).contains("uuid"))
    do {
      try await proc.upload("new/x", bytes: [1])
      Issue.record("no error")
    } catch { #expect(error.code == .permission || error.code == .notFound || error.code == .io, "\(error)") }
    try await bucket.upload("a/x", bytes: [1])
    _ = try runProcess("/bin/chmod", ["-R", "a-w", root])
    #expect(try await bucket.get("a/x") == [1])
    #expect(try await bucket.entries(prefix: "", recursive: true).map(\.name) == ["a/x"])
  }

  @Test func folderThatIsNotThereIsEmpty() async throws {
    let none = FolderBucket(path: outside.file("none"))
    #expect(try await none.entries(prefix: "").isEmpty)
    #expect(try await !none.exists("a"))
    try await none.delete("a/b")
    #expect(!FileManager.default.fileExists(atPath: outside.file("none")))
  }

  @Test func longListsComeWhole() async throws {
    for number in 0..<1100 {
      let folder = root + "/f\(number)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try writeFile(folder + "/x", [1])
    }
    let expected = (0..<1100).map { "f\($0)/" }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    #expect(try await bucket.entries(prefix: "").map(\.name) == expected)
    #expect(try await bucket.entries(prefix: "", recursive: true).map(\.name) == expected.map { $0 + "x" })
  }
}
