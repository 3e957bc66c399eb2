// What only the start of a process needed is given back once the component is ready: pages of the program and its libraries,
// which come back from the system's cache of files when they are needed again. At start the system maps sixteen pages at a time
// around each that is touched, so that most of the program counts as resident.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

enum StartMemory {
  /// Gives back what can be had again. Does nothing where `/proc` tells too little. Some milliseconds.
  static func giveBack() {
    let maps: [UInt8]
    do { maps = try readConfigurationFile("/proc/self/maps", bytesMax: 16 << 20) } catch { return }
    let descriptor = unsafe open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    for line in maps.split(separator: UInt8(ascii: "\n")) {
      guard let range = fileRange(line[...]) else { continue }
      giveBack(range, pagemap: descriptor)
    }
  }

  /// The addresses of a line of `/proc/self/maps` if it is of a file that is mapped privately and may not be written.
  ///
  ///     7f52a0000000-7f52a0200000 r-xp 00026000 fe:00 1234   /lib/x86_64-linux-gnu/libc.so.6
  static func fileRange(_ line: ArraySlice<UInt8>) -> Range<UInt>? {
    let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
    guard fields.count == 6, fields[5].drop(while: { $0 == UInt8(ascii: " ") }).first == UInt8(ascii: "/") else {
      return nil
    }
    let rights = Array(fields[1])
    guard rights.count == 4, rights[0] == UInt8(ascii: "r"), rights[1] == UInt8(ascii: "-"),
      rights[3] == UInt8(ascii: "p")
    else { return nil }
    let ends = fields[0].split(separator: UInt8(ascii: "-")).map {
      UInt(String(decoding: $0, as: UTF8.self), radix: 16)
    }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else { return nil }
    return start..<end
  }

  /// Lets go of the pages of a range that are still those of the file. A page that differs from it (relocated addresses,
  /// a debugger's breakpoint) is a copy of the process' own, and stays.
  private static func giveBack(_ range: Range<UInt>, pagemap: Int32) {
    let pageSize = UInt(getpagesize())
    let pageCount = Int((range.upperBound - range.lowerBound) / pageSize)
    var entries = [UInt64](repeating: 0, count: min(pageCount, 4096))
    var page = 0
    while page < pageCount {
      let count = min(entries.count, pageCount - page)
      let offset = (range.lowerBound / pageSize + UInt(page)) * 8
      let bytesRead = unsafe entries.withUnsafeMutableBytes { buffer in
        unsafe pread(pagemap, buffer.baseAddress, 8 * count, off_t(offset))
      }
      guard bytesRead == 8 * count else { return }
      var first = 0
      while first < count {
        var end = first
        while end < count, isPageOfFile(entries[end]) { end += 1 }
        if end > first {
          let address = range.lowerBound + UInt(page + first) * pageSize
          unsafe madvise(UnsafeMutableRawPointer(bitPattern: address), Int(pageSize) * (end - first), MADV_DONTNEED)
        }
        first = max(end, first + 1)
      }
      page += count
    }
  }

  /// Whether an entry of `/proc/self/pagemap` is of a page that is there (bit 63) and belongs to a file (bit 61).
  private static func isPageOfFile(_ entry: UInt64) -> Bool { entry >> 63 == 1 && entry >> 61 & 1 == 1 }
}
