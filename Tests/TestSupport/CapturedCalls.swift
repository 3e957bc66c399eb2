// Recorded gRPC calls of real components, as fixtures/thanos/captures/README.md describes them.
import Foundation

/// One call: what was asked, and every message of the answer.
public struct CapturedCall: Sendable {
  /// File and line, for messages.
  public let place: String
  /// What the recording calls the case.
  public let name: String
  /// `/thanos.Store/Series`
  public let method: String
  /// The request without its frame.
  public let request: [UInt8]
  /// The answer's frames as they came, 5 bytes of prefix each.
  public let frames: [[UInt8]]
  /// Whether the recording holds the whole answer.
  public let isWhole: Bool
  /// The status of the call.
  public let status: Int
  /// The text of the status.
  public let message: String

  /// The answer's messages without their frames.
  public var responses: [[UInt8]] { frames.map { Array($0.dropFirst(5)) } }

  /// All calls of `captures/grpc/<name>.jsonl.gz` that have a request.
  public static func all(_ name: String) throws -> [CapturedCall] {
    let path = try Fixtures.folder("thanos/captures") + "/grpc/\(name).jsonl.gz"
    return try textLines(path).enumerated().compactMap { number, line in
      guard let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let method = record["method"] as? String, let request = bytes(record["request_frame_b64"])
      else { return nil }
      let frames = (record["response_frames_b64"] as? [Any] ?? []).compactMap(bytes)
      let total = record["total_response_bytes"] as? Int ?? 0
      return CapturedCall(
        place: "\(name):\(number + 1)", name: record["case"] as? String ?? "", method: method,
        request: Array(request.dropFirst(5)), frames: frames,
        isWhole: total == frames.reduce(0) { $0 + $1.count - 5 }, status: record["grpc_status"] as? Int ?? -1,
        message: record["grpc_message"] as? String ?? "")
    }
  }

  private static func bytes(_ value: Any?) -> [UInt8]? {
    (value as? String).flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
  }
}
