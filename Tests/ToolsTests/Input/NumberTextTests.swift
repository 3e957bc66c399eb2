import TSModel
import TestSupport
import Testing

@testable import Tools

@Test func numbersReadAsTheLibraryReadsThem() {
  var random = SplitMix64(seed: 11)
  for round in 0..<50_000 {
    var value = Double(bitPattern: random.next())
    if round % 2 == 0 { value = Double(Int64(truncatingIfNeeded: random.next()) >> 24) / 1e6 }
    if !value.isFinite { continue }
    let bytes = Array("\(value)".utf8)
    #expect(floatingPoint(of: bytes.span)?.bitPattern == value.bitPattern)
  }
  for text in ["1e", "", "-", ".", "1e+", "0x10", "1_0", "infi", "1 ", " 1", "--1", "+-1"] {
    #expect(floatingPoint(of: Array(text.utf8).span) == nil)
  }
  #expect(floatingPoint(of: Array(".5".utf8).span) == 0.5)
  #expect(floatingPoint(of: Array("5.".utf8).span) == 5)
  #expect(floatingPoint(of: Array("1e400".utf8).span) == .infinity)
  #expect(integer(of: Array("-9223372036854775808".utf8).span) == .min)
  #expect(integer(of: Array("9223372036854775808".utf8).span) == nil)
}

@Test func linesOfAFileComeOneByOne() throws {
  let folder = try TemporaryFolder()
  let path = folder.path + "/lines"
  let long = String(repeating: "x", count: 700_000)
  try writeFile(path, Array("one\n\n\(long)\nlast".utf8))
  var reader = try LineReader(path: path)
  var lengths: [Int] = []
  var offsets: [Int64] = []
  while let range = try reader.next() {
    lengths.append(reader.bytes(range).count)
    offsets.append(reader.lineOffset)
  }
  #expect(lengths == [3, 0, 700_000, 4])
  #expect(offsets == [0, 4, 5, 700_006])
  #expect(reader.lineNumber == 4 && !reader.lineIsComplete)
  #expect(throws: (any Error).self) { _ = try LineReader(path: folder.path + "/none") }
}
