// Damaged indexes: an error that says what and where, or nothing wrong; never a crash, a hang or silently wrong data.
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

/// An index in memory of exactly its size: a read outside is seen by the address sanitizer.
final class IndexInMemory: RangeReader, ByteOwner, @unchecked Sendable {
  let name = "index in memory"
  let byteCount: Int
  let hasFault = false
  private let memory: UnsafeMutableRawBufferPointer

  init(_ bytes: some Collection<UInt8>) {
    byteCount = bytes.count
    memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyBytes(from: bytes)
  }

  deinit { memory.deallocate() }

  func region(offset: Int, count: Int) throws(StorageError) -> ByteRegion {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw StorageError(.truncated, "read \(count) bytes at \(offset) of \(byteCount)")
    }
    // A copy of exactly this part, too.
    return ByteRegion(copying: [UInt8](memory[offset..<offset + count]))
  }
}

/// All that can be read of an index, as text that can be compared. Errors of parts become lines of their own.
func everything(of bytes: [UInt8]) throws -> [String] {
  let index = try IndexReader(IndexInMemory(bytes))
  var lines: [String] = []
  var refs: Set<UInt32> = []
  for name in [""] + (try index.labelNames()) {
    let values = try index.labelValues(of: name)
    for value in 0..<values.count {
      do {
        let list = try index.postings(values, at: value).refs()
        refs.formUnion(list)
        lines.append("\(name)=\(values.string(value)) \(list)")
      } catch { lines.append("error") }
    }
  }
  let batch = SeriesBatch(symbols: index.symbols)
  for ref in refs.sorted() {
    batch.removeAll()
    do {
      try index.series([ref], into: batch)
      lines.append("\(ref) \(batch.labels(at: 0)) \(batch.chunkRange(at: 0).map(batch.chunk))")
    } catch { lines.append("error") }
  }
  var defects = 0
  index.verify { _ in defects += 1 }
  if lines.contains("error") { #expect(defects > 0) }
  return lines
}

@Suite("Damaged indexes") struct IndexDamageTests {
  static func goodIndex() throws -> [UInt8] {
    try readFile(Fixtures.folder("prometheus/corrupt") + "/good/block/index")
  }

  @Test(.needsShared) func eachTruncationIsAnError() throws {
    for bytes in [try Self.goodIndex(), try readFile(Fixtures.folder("prometheus/index-v1") + "/block/index")] {
      for size in 0..<bytes.count {
        #expect(throws: StorageError.self) { try everything(of: Array(bytes[..<size])) }
      }
    }
  }

  @Test(.needsShared) func eachFlippedBitIsAnErrorOrNothingWrong() throws {
    let good = try Self.goodIndex()
    let whole = try everything(of: good)
    #expect(!whole.contains("error"))
    var unnoticed = 0
    for position in good.indices {
      for bit in [0, 3, 7] {
        var bytes = good
        bytes[position] ^= 1 << bit
        guard let lines = try? everything(of: bytes) else { continue }
        if lines == whole {
          unnoticed += 1
          continue
        }
        // What was read is right, or says that it could not be read.
        for line in lines where line != "error" {
          #expect(whole.contains(line), "byte \(position), bit \(bit): \(line)")
        }
        #expect(lines.contains("error"))
      }
    }
    // Padding, the version byte (3 is read like 2), table-of-contents entries nobody reads: few bytes are not covered.
    #expect(unnoticed < good.count / 2)
  }

  @Test(.needsShared) func damageWithCorrectChecksumsIsFoundWhereItIs() throws {
    let root = try Fixtures.folder("prometheus/corrupt")
    let whole = try everything(of: Self.goodIndex())
    let cases = try FileManager.default.contentsOfDirectory(atPath: root).sorted()
    let atOpen: [String: StorageError.Code] = [
      "index-bad-magic": .magic, "index-version-9": .version, "index-empty": .truncated, "index-3-bytes": .truncated,
      "index-half": .checksum, "index-last-byte-missing": .checksum, "toc-bad-crc": .checksum,
      "toc-flipped-offset": .checksum, "toc-symbols-absurd": .malformed, "toc-postings-table-absurd": .malformed,
      "toc-postings-table-zero": .malformed, "symbols-bad-crc": .checksum, "symbols-length-absurd": .truncated,
      "symbols-count-absurd": .count, "symbols-string-length-absurd": .truncated, "symbols-out-of-order": .order,
      "postings-table-bad-crc": .checksum, "postings-table-count-absurd": .count,
      "postings-table-length-absurd": .truncated,
    ]
    var seen = 0
    for name in cases where ["index-", "toc-", "symbols-", "postings-", "series-"].contains(where: name.hasPrefix) {
      let path = root + "/" + name + "/index"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      seen += 1
      let bytes = try readFile(path)
      if let code = atOpen[name] {
        let error = #expect(throws: StorageError.self, "\(name)") { try everything(of: bytes) }
        #expect(error?.code == code, "\(name): \(error?.message ?? "")")
        #expect(error?.message.contains("index in memory") == true)
        continue
      }
      let lines = try everything(of: bytes)
      #expect(lines.contains("error"), "\(name)")
      // The list of all series is as the file has it; that one of its entries leads nowhere shows when it is followed.
      for line in lines where line != "error" && !(name == "postings-unknown-series" && line.hasPrefix("=")) {
        #expect(whole.contains(line), "\(name): \(line)")
      }
      var defects: [IndexDefect] = []
      try IndexReader(IndexInMemory(bytes)).verify { defects.append($0) }
      #expect(!defects.isEmpty, "\(name)")
      for defect in defects { #expect(defect.offset > 0 && defect.offset < bytes.count) }
    }
    #expect(seen == 27)
  }

  @Test(.needsShared) func verifyingSoundIndexesFindsNothing() throws {
    for fixture in IndexWriterTests.fixtures + ["index-v1"] {
      let folder = try Fixtures.folder("prometheus/" + fixture)
      let blocks = fixture == "index-v1" ? [folder + "/block"] : Fixtures.blocks(in: folder)
      for block in blocks {
        var shares: [Double] = []
        try IndexReader(MappedFile(path: block + "/index")).verify(progress: { shares.append($0) }) {
          Issue.record("\(block): \($0)")
        }
        #expect(shares == shares.sorted() && shares.last == 1)
      }
    }
  }
}
