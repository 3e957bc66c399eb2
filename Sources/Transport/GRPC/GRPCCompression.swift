// How messages of a call are compressed: the names in `grpc-encoding` and `grpc-accept-encoding`.

/// A compression of gRPC messages.
public enum GRPCCompression: String, Sendable, CaseIterable {
  /// As they are.
  case identity
  /// gzip
  case gzip
  /// snappy's framing format, as Thanos registers it.
  case snappy

  /// What we tell the other end we can read.
  static let accepted = "gzip,snappy"

  /// Those that a list such as `snappy,gzip` names and that we have.
  static func named(in list: String) -> Set<GRPCCompression> {
    Set(list.split(separator: ",").compactMap { GRPCCompression(rawValue: String(GRPCMetadata.trimmed($0))) })
  }

  /// A message, compressed.
  func encode(_ message: [UInt8]) throws(GRPCStatus) -> [UInt8] {
    do {
      switch self {
      case .identity: return message
      case .gzip: return try Gzip.encode(message, level: 1)
      case .snappy: return try SnappyFraming.encode(message)
      }
    } catch {
      throw GRPCStatus(.internal, "grpc: error while compressing: \(error)")
    }
  }

  /// The message that was compressed; no longer than `limitBytes`.
  func decode(_ message: [UInt8], limitBytes: Int) throws(GRPCStatus) -> [UInt8] {
    do {
      switch self {
      case .identity: return message
      case .gzip: return try Gzip.decode(message, limitBytes: limitBytes)
      case .snappy: return try SnappyFraming.decode(message, limitBytes: limitBytes)
      }
    } catch {
      if error.code == .limit {
        throw GRPCStatus(
          .resourceExhausted, "grpc: received message after decompression larger than max \(limitBytes)")
      }
      throw GRPCStatus(.internal, "grpc: failed to decompress the received message: \(error)")
    }
  }

  /// The message of a frame that came on a call with this `grpc-encoding`.
  static func message(
    of frame: GRPCDeframer.Frame, encoding: GRPCCompression, limitBytes: Int
  ) throws(GRPCStatus) -> [UInt8] {
    guard frame.isCompressed else { return frame.bytes }
    guard encoding != .identity else {
      throw GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")
    }
    return try encoding.decode(frame.bytes, limitBytes: limitBytes)
  }

  /// Appends `message` as a frame, compressed where that makes it smaller.
  func appendFrame(_ message: [UInt8], to frames: inout [UInt8]) throws(GRPCStatus) {
    if self != .identity, !message.isEmpty {
      let smaller = try encode(message)
      if smaller.count < message.count {
        GRPCFraming.append(smaller, compressed: true, to: &frames)
        return
      }
    }
    GRPCFraming.append(message, to: &frames)
  }
}
