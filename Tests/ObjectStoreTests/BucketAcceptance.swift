// What every bucket promises. A store's suite calls `checkBucket` with a function that makes an empty bucket; each promise is
// checked in one that nothing else has touched.
import ObjectStore
import TestSupport
import Testing

/// A promise of the protocol, by its name.
enum BucketPromise: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case objectIsWhatWasPut, missingObjectIsNotFound, rangeEndsWithTheObject, folderListsObjectsAndFolders
  case recursionListsObjectsOnly, prefixIsAFolder, namesComeByTheirBytes, uploadReplaces, uploadOfAFile
  case deletedObjectIsGone, deletingNothingIsNoError, emptiedFolderIsGone, uploadIfAbsentWinsOnce
  case uploadIfMatchNeedsTheVersion, namesThatLeadElsewhereAreRefused, sizeLimitHolds, visitorEndsTheWalk
  case readersSeeWholeObjects, manyWritersLeaveOneWinner

  var testDescription: String { rawValue }
}

/// Checks one promise over the empty bucket that `make` gives.
func checkBucket(_ promise: BucketPromise, _ bucket: any Bucket) async throws {
  switch promise {
  case .objectIsWhatWasPut:
    for count in [0, 1, 100, 70_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      try await bucket.upload("a/\(count)", bytes: bytes)
      #expect(try await bucket.get("a/\(count)") == bytes)
      #expect(try await bucket.getVersioned("a/\(count)", byteCountMax: 1 << 20).bytes == bytes)
      #expect(try await bucket.exists("a/\(count)"))
      #expect(try await bucket.attributes("a/\(count)").sizeBytes == Int64(count))
      #expect(try await bucket.attributes("a/\(count)").modifiedMs > 1_600_000_000_000)
    }
  case .missingObjectIsNotFound:
    try await bucket.upload("a/b", bytes: [1])
    for name in ["b", "a", "a/c", "a/b/c", "A/b"] {
      #expect(try await !bucket.exists(name), "\(name)")
      await expectError(.notFound, name) { _ = try await bucket.get(name) }
      await expectError(.notFound, name) { _ = try await bucket.getVersioned(name, byteCountMax: 1) }
      await expectError(.notFound, name) { _ = try await bucket.getRange(name, offset: 0, byteCount: 1) }
      await expectError(.notFound, name) { _ = try await bucket.attributes(name) }
    }
  case .rangeEndsWithTheObject:
    try await bucket.upload("x", bytes: Array("0123456789".utf8))
    func range(_ offset: Int64, _ count: Int?) async throws -> String {
      String(decoding: try await bucket.getRange("x", offset: offset, byteCount: count), as: UTF8.self)
    }
    #expect(try await range(0, 4) == "0123")
    #expect(try await range(4, 4) == "4567")
    #expect(try await range(8, 4) == "89")
    #expect(try await range(3, nil) == "3456789")
    #expect(try await range(3, 0) == "")
    #expect(try await range(10, 1) == "")
    #expect(try await range(.max, .max) == "")
    await expectError(.argument, "negative offset") { _ = try await range(-1, 1) }
    await expectError(.argument, "negative count") { _ = try await range(0, -1) }
  case .folderListsObjectsAndFolders:
    try await fill(bucket)
    #expect(try await names(bucket, "") == ["a/", "b/", "c", "e-f", "e/"])
    #expect(try await names(bucket, "a/") == ["a/x", "a/y/"])
    #expect(try await names(bucket, "a") == ["a/x", "a/y/"])
    #expect(try await names(bucket, "a/y") == ["a/y/1", "a/y/2"])
    let entries = try await bucket.entries(prefix: "a")
    #expect(entries.map(\.isFolder) == [false, true])
    #expect(entries.map { String($0.baseName) } == ["x", "y"])
    #expect(entries[0].attributes?.sizeBytes ?? 3 == 3)
  case .recursionListsObjectsOnly:
    try await fill(bucket)
    #expect(
      try await names(bucket, "", recursive: true) == ["a/x", "a/y/1", "a/y/2", "b/z/w/1", "c", "e-f", "e/1"])
    #expect(try await names(bucket, "b", recursive: true) == ["b/z/w/1"])
  case .prefixIsAFolder:
    try await fill(bucket)
    for prefix in ["d", "a/x", "a/y/3", "e-", "a/y/1"] {
      #expect(try await names(bucket, prefix).isEmpty, "\(prefix)")
      #expect(try await names(bucket, prefix, recursive: true).isEmpty, "\(prefix)")
    }
  case .namesComeByTheirBytes:
    let names = ["z", "Z", "10", "9", "ü", "a b", "a/b", "a-b", "a.b", "a0", "\u{1F426}", "名"]
    for name in names { try await bucket.upload(name, bytes: [1]) }
    let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    #expect(try await ObjectStoreTests.names(bucket, "", recursive: true) == sorted)
    #expect(try await ObjectStoreTests.names(bucket, "") == sorted.map { $0 == "a/b" ? "a/" : $0 })
  case .uploadReplaces:
    try await bucket.upload("a", bytes: Array(repeating: 1, count: 1000))
    try await bucket.upload("a", bytes: [2])
    #expect(try await bucket.get("a") == [2])
    #expect(try await names(bucket, "") == ["a"])
  case .uploadOfAFile:
    let folder = try TemporaryFolder("bucket")
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try writeFile(folder.file("source"), bytes)
    try await bucket.upload("a/b", .file(folder.file("source")))
    #expect(try await bucket.get("a/b") == bytes)
    await expectError(.notFound, "no file") { try await bucket.upload("a/c", .file(folder.file("none"))) }
    await expectError(.io, "a folder") { try await bucket.upload("a/c", .file(folder.path)) }
    #expect(try await names(bucket, "", recursive: true) == ["a/b"])
  case .deletedObjectIsGone:
    try await fill(bucket)
    try await bucket.delete("a/y/1")
    #expect(try await !bucket.exists("a/y/1"))
    #expect(try await names(bucket, "a/y") == ["a/y/2"])
    await expectError(.notFound, "deleted") { _ = try await bucket.get("a/y/1") }
  case .deletingNothingIsNoError:
    try await fill(bucket)
    for name in ["a/y", "a/y/3", "d", "d/1", "c/1"] { try await bucket.delete(name) }
    #expect(try await names(bucket, "", recursive: true).count == 7)
  case .emptiedFolderIsGone:
    try await fill(bucket)
    try await bucket.delete("b/z/w/1")
    #expect(try await names(bucket, "") == ["a/", "c", "e-f", "e/"])
    try await bucket.upload("b", bytes: [1])
    #expect(try await bucket.get("b") == [1])
  case .uploadIfAbsentWinsOnce:
    try await bucket.upload("lock", bytes: [1], condition: .ifAbsent)
    await expectError(.precondition, "present") { try await bucket.upload("lock", bytes: [2], condition: .ifAbsent) }
    #expect(try await bucket.get("lock") == [1])
    try await bucket.delete("lock")
    try await bucket.upload("lock", bytes: [3], condition: .ifAbsent)
    #expect(try await bucket.get("lock") == [3])
  case .uploadIfMatchNeedsTheVersion:
    try await bucket.upload("state", bytes: [1])
    let first = try await bucket.getVersioned("state", byteCountMax: 10).version
    try await bucket.upload("state", bytes: [2], condition: .ifMatch(first))
    await expectError(.precondition, "changed") {
      try await bucket.upload("state", bytes: [3], condition: .ifMatch(first))
    }
    #expect(try await bucket.get("state") == [2])
    let second = try await bucket.getVersioned("state", byteCountMax: 10).version
    #expect(first != second)
    try await bucket.delete("state")
    await expectError(.precondition, "gone") {
      try await bucket.upload("state", bytes: [3], condition: .ifMatch(second))
    }
    #expect(try await !bucket.exists("state"))
  case .namesThatLeadElsewhereAreRefused:
    let long = String(repeating: "x", count: 200)
    for name in [
      "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b",
      Array(repeating: long, count: 6).joined(separator: "/"), String(repeating: "x", count: 256),
    ] {
      await expectError(.argument, name) { _ = try await bucket.get(name) }
      await expectError(.argument, name) { _ = try await bucket.getRange(name, offset: 0, byteCount: 1) }
      await expectError(.argument, name) { _ = try await bucket.exists(name) }
      await expectError(.argument, name) { _ = try await bucket.attributes(name) }
      await expectError(.argument, name) { try await bucket.upload(name, bytes: [1]) }
      await expectError(.argument, name) { try await bucket.delete(name) }
      #expect(bucket.localPath(name) == nil, "\(name)")
    }
    for prefix in ["/", "..", "../", "a//", "a/../"] {
      await expectError(.argument, prefix) { _ = try await bucket.entries(prefix: prefix) }
    }
    #expect(try await names(bucket, "", recursive: true).isEmpty)
  case .sizeLimitHolds:
    try await bucket.upload("a", bytes: [1, 2, 3])
    #expect(try await bucket.get("a", byteCountMax: 3) == [1, 2, 3])
    await expectError(.size, "larger") { _ = try await bucket.get("a", byteCountMax: 2) }
    await expectError(.size, "larger") { _ = try await bucket.getVersioned("a", byteCountMax: 2) }
  case .visitorEndsTheWalk:
    try await fill(bucket)
    var seen: [String] = []
    await #expect(throws: TestSupportError.self) {
      try await bucket.iterate(prefix: "", recursive: true) { entry in
        seen.append(entry.name)
        if seen.count == 2 { throw TestSupportError("enough") }
      }
    }
    #expect(seen == ["a/x", "a/y/1"])
  case .readersSeeWholeObjects:
    try await bucket.upload("a/x", bytes: Array(repeating: 0, count: 200_000))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 1...2 {
        group.addTask {
          for round in 0..<10 {
            let value = UInt8(truncatingIfNeeded: writer * 100 + round)
            try await bucket.upload("a/x", bytes: Array(repeating: value, count: 200_000))
          }
        }
      }
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<20 {
            let bytes = try await bucket.get("a/x")
            #expect(bytes == Array(repeating: bytes[0], count: 200_000))
            #expect(try await names(bucket, "", recursive: true) == ["a/x"])
          }
        }
      }
      try await group.waitForAll()
    }
  case .manyWritersLeaveOneWinner:
    let winners = await withTaskGroup(of: Bool.self) { group in
      for writer in 0..<16 {
        group.addTask {
          do {
            try await bucket.upload("once/only", bytes: [UInt8(writer)], condition: .ifAbsent)
            return true
          } catch { return false }
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(winners == 1)
    // A counter that every writer raises by reading, adding and writing where nobody was faster.
    try await bucket.upload("counter", bytes: [0])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          var done = 0
          while done < 10 {
            let read = try await bucket.getVersioned("counter", byteCountMax: 10)
            do {
              try await bucket.upload("counter", bytes: [read.bytes[0] + 1], condition: .ifMatch(read.version))
              done += 1
            } catch let error as BucketError {
              guard error.code == .precondition else { throw error }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await bucket.get("counter") == [40])
  }
}

/// Names that `iterate` visits.
func names(_ bucket: any Bucket, _ prefix: String, recursive: Bool = false) async throws -> [String] {
  try await bucket.entries(prefix: prefix, recursive: recursive).map(\.name)
}

private func fill(_ bucket: any Bucket) async throws {
  for name in ["a/x", "a/y/1", "a/y/2", "b/z/w/1", "c", "e/1", "e-f"] {
    try await bucket.upload(name, bytes: Array("xyz".utf8))
  }
}

/// Checks that `body` throws a `BucketError` of `code`.
func expectError(_ code: BucketError.Code, _ about: String, _ body: () async throws -> Void) async {
  do {
    try await body()
    Issue.record("\(about): no error")
  } catch let error as BucketError {
    #expect(error.code == code, "\(about): \(error)")
  } catch {
    Issue.record("\(about): \(error)")
  }
}
