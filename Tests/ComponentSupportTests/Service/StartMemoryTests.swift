// What is given back of a process' memory once it is ready.
import Foundation
import TestSupport
import Testing

@testable import ComponentSupport

@Suite struct StartMemoryTests {
  @Test(
    arguments: [
      ("7f00-8f00 r-xp 00000000 fe:00 12   /lib/libc.so.6", 0x7f00..<0x8f00),
      ("7f00-8f00 r--p 00000000 fe:00 12 /a b (deleted)", 0x7f00..<0x8f00),
      ("7f00-8f00 rw-p 00000000 fe:00 12 /lib/libc.so.6", nil), ("7f00-8f00 r--s 00000000 fe:00 12 /index", nil),
      ("7f00-8f00 r--p 00000000 00:00 0 ", nil), ("7f00-8f00 r-xp 00000000 00:00 0 [vdso]", nil),
      ("8f00-7f00 r-xp 00000000 fe:00 12 /x", nil), ("", nil), ("-", nil), ("r r r r r /", nil),
    ] as [(String, Range<UInt>?)])
  func onlyPrivateFilesThatMayNotBeWrittenCount(line: String, range: Range<UInt>?) {
    #expect(StartMemory.fileRange(Array(line.utf8)[...]) == range)
  }

  @Test func pagesOfFilesGoAndOwnCopiesStay() throws {
    let pageSize = Int(getpagesize())
    let path = FileManager.default.temporaryDirectory.path + "/start-memory-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    try Data(repeating: 7, count: 2 * pageSize).write(to: URL(fileURLWithPath: path))
    let file = open(path, O_RDONLY)
    defer { close(file) }
    let memory = try #require(mmap(nil, 2 * pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0))
    defer { munmap(memory, 2 * pageSize) }
    memory.storeBytes(of: 9, as: UInt8.self)
    #expect(memory.load(fromByteOffset: pageSize, as: UInt8.self) == 7)
    try #require(mprotect(memory, 2 * pageSize, PROT_READ) == 0)
    #expect(try residentPages(memory, count: 2) == [true, true])
    StartMemory.giveBack()
    #expect(try residentPages(memory, count: 2) == [true, false])
    #expect(memory.load(as: UInt8.self) == 9)
    #expect(memory.load(fromByteOffset: pageSize, as: UInt8.self) == 7)
  }

  /// Whether pages are in the process' own table of pages.
  private func residentPages(_ memory: UnsafeMutableRawPointer, count: Int) throws -> [Bool] {
    let file = open("/proc/self/pagemap", O_RDONLY)
    defer { close(file) }
    var entries = [UInt64](repeating: 0, count: count)
    let offset = Int(bitPattern: memory) / Int(getpagesize()) * 8
    try #require(pread(file, &entries, 8 * count, off_t(offset)) == 8 * count)
    return entries.map { $0 >> 63 == 1 }
  }
}
