import CMapping
import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite(.serialized) struct MappedFileTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder("mapped") }

  @Test func readsWhatIsThere() throws {
    let path = folder.file("data")
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try writeFile(path, bytes)
    let readers: [any RangeReader] = [try MappedFile(path: path), try FileReader(path: path)]
    for reader in readers {
      #expect(reader.byteCount == 10_000 && reader.name == path)
      #expect(try reader.region(offset: 5000, count: 100).withUnsafeBytes { Array($0) } == Array(bytes[5000..<5100]))
      #expect(try reader.region(offset: 10_000, count: 0).count == 0)
      for (offset, count) in [(10_000, 1), (0, 10_001), (-1, 1), (1, -1), (.max, 1), (1, .max)] {
        #expect(throws: StorageError.self) { try reader.region(offset: offset, count: count) }
      }
      #expect(try !reader.region(offset: 0, count: 1).hasFault)
    }
  }

  @Test func errorsTellWhy() throws {
    func failure(_ make: () throws -> Void) -> StorageError? {
      do { try make() } catch { return error as? StorageError }
      return nil
    }
    let missing = failure { _ = try MappedFile(path: folder.file("nothing")) }
    #expect(missing?.code == .notFound && missing?.message.hasSuffix("no such file or directory") == true)
    let directory = failure { _ = try MappedFile(path: folder.path) }
    #expect(directory?.message == "read \(folder.path): is a directory, not a file")
    try writeFile(folder.file("empty"), [])
    let empty = failure { _ = try MappedFile(path: folder.file("empty")) }
    #expect(empty?.code == .truncated && empty?.message.hasSuffix("the file is empty") == true)
    #expect(try FileReader(path: folder.file("empty")).byteCount == 0)
    if getuid() != 0 {
      try writeFile(folder.file("secret"), [1])
      #expect(chmod(folder.file("secret"), 0) == 0)
      #expect(failure { _ = try MappedFile(path: folder.file("secret")) }?.code == .permission)
    }
    let large = failure { _ = try FileReader.contents(of: "/proc/self/maps", byteCountMax: -1) }
    #expect(large?.code == .size)
  }

  @Test func aFileCutShortIsMarkedAndReadsAsZeros() throws {
    let path = folder.file("data")
    try writeFile(path, [UInt8](repeating: 0xAB, count: 64 * 4096))
    let file = try MappedFile(path: path)
    let other = try MappedFile(path: path)
    let region = try file.region(offset: 0, count: file.byteCount)
    #expect(!region.hasFault)
    #expect(truncate(path, 4096) == 0)
    region.withUnsafeBytes { bytes in
      #expect(bytes[0] == 0xAB)
      for page in 1..<64 { #expect(bytes[page * 4096 + 17] == 0) }
    }
    #expect(region.hasFault && file.hasFault)
    // The other mapping of the same file has not been touched, but the file is shorter than it was.
    #expect(other.hasFault)
  }

  @Test func aCutWithinAPageIsNoticedWithoutASignal() throws {
    let path = folder.file("data")
    try writeFile(path, [UInt8](repeating: 0xAB, count: 1000))
    let file = try MappedFile(path: path)
    #expect(!file.hasFault)
    #expect(truncate(path, 999) == 0)
    #expect(file.hasFault)
  }

  @Test func manyMappingsFaultOnManyThreadsAtOnce() async throws {
    let paths = (0..<16).map { folder.file("file\($0)") }
    for path in paths { try writeFile(path, [UInt8](repeating: 1, count: 16 * 4096)) }
    await withTaskGroup(of: Int.self) { group in
      for (number, path) in paths.enumerated() {
        group.addTask {
          var faults = 0
          for round in 0..<20 {
            guard let file = try? MappedFile(path: path),
              let region = try? file.region(offset: 0, count: file.byteCount)
            else { continue }
            if round == 10 { truncate(path, 4096) }
            let sum = region.withUnsafeBytes { bytes in bytes.reduce(0) { $0 + Int($1) } }
            if file.hasFault { faults += 1 } else if sum != region.count { faults += 1000 }
          }
          return number == 0 ? faults : faults
        }
      }
      for await faults in group { #expect(faults == 1) }
    }
  }

  @Test func slotsAreReused() throws {
    let path = folder.file("data")
    try writeFile(path, [1, 2, 3])
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    for _ in 0..<100_000 {
      var map = mapping()
      #expect(mapping_create(descriptor, 3, &map) == 0)
      mapping_destroy(map)
    }
    var map = mapping()
    #expect(mapping_create(descriptor, 0, &map) == EINVAL)
  }
}
