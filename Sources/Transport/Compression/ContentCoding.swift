// Which coding a body of HTTP is sent in: what `Accept-Encoding` allows and we have.

/// A coding of HTTP bodies.
public enum ContentCoding: String, Sendable {
  /// As they are.
  case identity
  /// gzip
  case gzip
  /// zstd
  case zstd

  /// The coding for a client that sent this `Accept-Encoding`: of those we have the one it weighs most, zstd before gzip where
  /// it does not mind; identity where it allows nothing else.
  public static func negotiated(acceptEncoding: String?, offered: [ContentCoding] = [.zstd, .gzip]) -> ContentCoding {
    guard let acceptEncoding else { return .identity }
    var weights: [ContentCoding: Int] = [:]
    var weightOfOthers: Int?
    for item in acceptEncoding.split(separator: ",") {
      let parts = item.split(separator: ";", omittingEmptySubsequences: false).map { GRPCMetadata.trimmed($0) }
      guard let name = parts.first?.lowercased() else { continue }
      var weight = 1_000
      for parameter in parts.dropFirst() where parameter.lowercased().hasPrefix("q=") {
        weight = thousandths(parameter.dropFirst(2))
      }
      if name == "*" {
        weightOfOthers = weight
      } else if let coding = ContentCoding(rawValue: name == "x-gzip" ? "gzip" : name) {
        weights[coding] = weight
      }
    }
    var best = (coding: ContentCoding.identity, weight: 0)
    for coding in offered {
      let weight = weights[coding] ?? weightOfOthers ?? 0
      if weight > best.weight { best = (coding, weight) }
    }
    // A client that weighs identity higher than all others gets it.
    if let weight = weights[.identity], weight > best.weight { return .identity }
    return best.coding
  }

  /// `0.8` as 800; 0 for what is no weight.
  private static func thousandths(_ text: Substring) -> Int {
    var value = 0
    var digitsAfterPoint: Int?
    for byte in text.utf8 {
      switch byte {
      case 0x2E where digitsAfterPoint == nil: digitsAfterPoint = 0
      case 0x30...0x39:
        if let digits = digitsAfterPoint {
          if digits == 3 { continue }
          digitsAfterPoint = digits + 1
        } else if value > 1 {
          return 0
        }
        value = value * 10 + Int(byte - 0x30)
      default: return 0
      }
    }
    for _ in (digitsAfterPoint ?? 0)..<3 { value *= 10 }
    return min(value, 1_000)
  }

  /// `bytes` in this coding.
  public func encode(_ bytes: [UInt8]) throws(TransportError) -> [UInt8] {
    switch self {
    case .identity: bytes
    case .gzip: try Gzip.encode(bytes)
    case .zstd: try ZstdCoding.encode(bytes)
    }
  }

  /// What `bytes` are in this coding, at most `limitBytes`.
  public func decode(_ bytes: [UInt8], limitBytes: Int) throws(TransportError) -> [UInt8] {
    switch self {
    case .identity:
      guard bytes.count <= limitBytes else { throw tooLong("a body", limitBytes) }
      return bytes
    case .gzip: return try Gzip.decode(bytes, limitBytes: limitBytes)
    case .zstd: return try ZstdCoding.decode(bytes, limitBytes: limitBytes)
    }
  }
}
