// What docs/formats/index-header.md says of the headers that stores keep is true: of its example, and of those that Thanos wrote.
import CTSDB
import Foundation
import Storage
import TSModel
import TestSupport
import Testing

@Suite("docs/formats/index-header.md") struct IndexHeaderPageTests {
  private func be64(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }

  /// The header of an index, made as the page says.
  private func header(of index: [UInt8]) throws -> [UInt8] {
    let contents = index.suffix(52)
    func offset(_ place: Int) -> Int {
      contents.dropFirst(8 * place).prefix(8).reduce(0) { $0 << 8 | Int($1) }
    }
    let (symbols, series, table) = (offset(0), offset(1), offset(5))
    try #require(0 <= symbols && symbols <= series && series <= table && table <= index.count)
    let regions = index[symbols..<series] + index[table...]
    let offsets = be64(14) + be64(14 + series - symbols)
    let checksum = unsafe tsdb_crc32c(0, offsets, offsets.count)
    return [0xBA, 0xAA, 0xD7, 0x92, 1, index[4]] + be64(table) + regions + offsets
      + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (24 - 8 * $0)) }
  }

  @Test func theExampleIsTheHeaderOfTheIndexOfTheOtherPage() throws {
    #expect(try exampleBytes("docs/formats/index-header.md") == header(of: IndexPageTests.example()))
  }

  @Test(.needsShared) func headersOfThanosAreMadeAsThePageSays() throws {
    let folder = try Fixtures.folder("thanos/blocks")
    let indexes = [
      "01KJP4DZV01STRD8WY4GBXAFM8": "bucket-raw/bucket/01KJP4DZV01STRD8WY4GBXAFM8",
      "01M81WKX3NAGYF9V6XT7FTC765": "bucket-downsampled/bucket/01M81WKX3NAGYF9V6XT7FTC765",
      "01DXXFZDYD1MQW6079WK0K6EDQ": "index-header/index_format_v1-block",
    ]
    for (ulid, block) in indexes {
      let bytes = try readFile("\(folder)/\(block)/index")
      #expect(try readFile("\(folder)/index-header/\(ulid).index-header") == header(of: bytes), "\(ulid)")
      let recorded = try #require(
        try JSONSerialization.jsonObject(with: Data(try readFile("\(folder)/index-header/\(ulid).index-header.json")))
          as? [String: Any])
      #expect(recorded.keys.count > 1, "\(ulid)")
      let index = try IndexReader(IndexInMemory(bytes))
      #expect(recorded["label_names"] as? [String] == (try index.labelNames()), "\(ulid)")
      // Where the header says that lists lie, there they are, whatever follows them.
      let ranges = try #require(recorded["postings_ranges"] as? [[Any]])
      #expect(!ranges.isEmpty)
      for range in ranges {
        let name = try #require(range[0] as? String)
        let value = try #require(range[1] as? String)
        let start = try #require((range[2] as? NSNumber)?.intValue)
        let end = try #require((range[3] as? NSNumber)?.intValue)
        func be32(_ place: Int) -> UInt32 { bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        let count = Int(be32(start))
        try #require(start + 4 + 4 * count <= end && end <= bytes.count, "\(ulid): \(name)=\(value)")
        let refs = (0..<count).map { be32(start + 4 + 4 * $0) }
        #expect(try index.postings(name: name, value: value).refs() == refs, "\(ulid): \(name)=\(value)")
      }
    }
  }
}
