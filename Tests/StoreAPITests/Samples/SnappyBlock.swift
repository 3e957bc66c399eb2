// snappy's block format, read slowly: bodies of remote write and remote read.

/// The bytes that a block stands for; nil for one that is malformed.
func unpackedSnappy(_ block: [UInt8]) -> [UInt8]? {
  var at = 0
  func byte() -> Int? {
    guard at < block.count else { return nil }
    defer { at += 1 }
    return Int(block[at])
  }
  func number(_ count: Int) -> Int? {
    var value = 0
    for shift in 0..<count {
      guard let next = byte() else { return nil }
      value |= next << (8 * shift)
    }
    return value
  }
  var (size, shift) = (0, 0)
  while true {
    guard let next = byte(), shift < 35 else { return nil }
    size |= (next & 0x7F) << shift
    if next < 0x80 { break }
    shift += 7
  }
  var result: [UInt8] = []
  while at < block.count {
    guard let tag = byte() else { return nil }
    if tag & 3 == 0 {
      var count = tag >> 2
      if count >= 60 {
        guard let long = number(count - 59) else { return nil }
        count = long
      }
      guard block.count - at > count else { return nil }
      result += block[at...(at + count)]
      at += count + 1
      continue
    }
    var (count, distance) = (1 + (tag >> 2), 0)
    switch tag & 3 {
    case 1:
      guard let low = byte() else { return nil }
      (count, distance) = (4 + ((tag >> 2) & 7), (tag >> 5) << 8 | low)
    case 2:
      guard let found = number(2) else { return nil }
      distance = found
    default:
      guard let found = number(4) else { return nil }
      distance = found
    }
    guard distance > 0, distance <= result.count else { return nil }
    for _ in 0..<count { result.append(result[result.count - distance]) }
  }
  return result.count == size ? result : nil
}
