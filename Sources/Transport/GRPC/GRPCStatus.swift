// How a call ended: a code, a text, and details; and how that travels in trailers.
//
//   grpc-status: 5
//   grpc-message: block 01J%E2%80%A6 is gone          percent-encoded UTF-8
//   grpc-status-details-bin: CAUSBGdvbmU              base64 of a google.rpc.Status

/// The outcome of a gRPC call. A handler throws one to end its call with anything but OK.
public struct GRPCStatus: Error, Sendable, Hashable {
  /// The codes of gRPC, by their numbers on the wire.
  public enum Code: Int, Sendable, CaseIterable {
    /// The call succeeded.
    case ok = 0
    /// The caller gave up.
    case cancelled = 1
    /// An error that says no more about itself.
    case unknown = 2
    /// The request makes no sense, whatever the state of the server.
    case invalidArgument = 3
    /// The deadline passed.
    case deadlineExceeded = 4
    /// What was asked for is not there.
    case notFound = 5
    /// What was to be made is there already.
    case alreadyExists = 6
    /// The caller may not do this.
    case permissionDenied = 7
    /// A limit was reached.
    case resourceExhausted = 8
    /// The server is not in the state that this needs.
    case failedPrecondition = 9
    /// The work was given up, for example because other work interfered.
    case aborted = 10
    /// Beyond the valid range.
    case outOfRange = 11
    /// There is no such method, or not here.
    case unimplemented = 12
    /// Something that must hold does not.
    case `internal` = 13
    /// Not now; trying again may help.
    case unavailable = 14
    /// Data is lost or damaged for good.
    case dataLoss = 15
    /// The caller did not say, or not prove, who it is.
    case unauthenticated = 16

    /// The name that Go prints and that metrics carry in `grpc_code`: `OK`, `Canceled`, `ResourceExhausted` …
    public var name: String { Self.names[rawValue] }

    private static let names = [
      "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
      "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
      "Internal", "Unavailable", "DataLoss", "Unauthenticated",
    ]
  }

  /// What kind of end it was.
  public var code: Code
  /// The text for people; empty for OK.
  public var message: String
  /// A serialized `google.rpc.Status` with more about the error, or empty.
  public var details: [UInt8]

  /// An outcome of these parts.
  public init(_ code: Code, _ message: String = "", details: [UInt8] = []) {
    self.code = code
    self.message = message
    self.details = details
  }

  /// Success.
  public static let ok = GRPCStatus(.ok)
}

extension GRPCStatus: CustomStringConvertible {
  /// As Go prints an error of a call.
  public var description: String { "rpc error: code = \(code.name) desc = \(message)" }
}

/// An error of another library that knows how it is to be told to gRPC clients.
public protocol GRPCStatusConvertible: Error {
  /// The outcome of a call that ended with this error.
  var grpcStatus: GRPCStatus { get }
}

extension GRPCStatus {
  /// The outcome of a call that ended with `error`: a status is itself, cancellation is Canceled, what nobody gave a code is
  /// Unknown with its text.
  public init(of error: any Error) {
    switch error {
    case let status as GRPCStatus: self = status
    case let convertible as any GRPCStatusConvertible: self = convertible.grpcStatus
    case is CancellationError: self.init(.cancelled, "context canceled")
    default: self.init(.unknown, "\(error)")
    }
  }
}

extension TransportError: GRPCStatusConvertible {
  /// What a failure of the transport is to the other end of a call.
  public var grpcStatus: GRPCStatus {
    let code: GRPCStatus.Code =
      switch self.code {
      case .malformed: .internal
      case .limit: .resourceExhausted
      case .closed, .unreachable, .io: .unavailable
      case .timeout: .deadlineExceeded
      case .tls: .unavailable
      case .argument: .internal
      case .cancelled: .cancelled
      }
    return GRPCStatus(code, description)
  }
}

// MARK: On the wire

extension GRPCStatus {
  /// Adds the fields of this outcome to trailers.
  func write(to trailers: inout HTTPHeaders) {
    trailers.set("grpc-status", String(code.rawValue))
    if !message.isEmpty { trailers.set("grpc-message", Self.percentEncoded(message)) }
    if !details.isEmpty { trailers.set("grpc-status-details-bin", Base64.encoded(details, padded: false)) }
  }

  /// The outcome that trailers announce; nil where they hold none. A code nobody knows is Unknown, as the protocol demands.
  init?(trailers: HTTPHeaders) {
    if trailers.count == 1, trailers.has("grpc-status", "0") {
      self = .ok
      return
    }
    guard let text = trailers["grpc-status"] else { return nil }
    guard let number = Int(text), let code = Code(rawValue: number) else {
      self.init(
        .unknown,
        trailers["grpc-message"].map(Self.percentDecoded) ?? "the server ended the call with the code \(text)")
      return
    }
    self.init(code, trailers["grpc-message"].map(Self.percentDecoded) ?? "")
    if let encoded = trailers["grpc-status-details-bin"], let details = Base64.decoded(encoded) {
      self.details = details
    }
  }

  /// What an HTTP status other than 200 means where a proxy, and no gRPC server, answered.
  static func code(ofHTTPStatus status: Int) -> Code {
    switch status {
    case 400: .internal
    case 401: .unauthenticated
    case 403: .permissionDenied
    case 404: .unimplemented
    case 429, 502, 503, 504: .unavailable
    default: .unknown
    }
  }

  /// Text as `grpc-message` carries it: what is not printable ASCII, and the percent sign, as `%` and two hexadecimal digits.
  static func percentEncoded(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 <= 0x7E && $0 != 0x25 }) { return text }
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if byte >= 0x20 && byte <= 0x7E && byte != 0x25 {
        bytes.append(byte)
      } else {
        bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The text that `grpc-message` carries; a `%` without two digits after it stands for itself, so that no text is lost.
  static func percentDecoded(_ text: String) -> String {
    guard text.utf8.contains(0x25) else { return text }
    let source = Array(text.utf8)
    var bytes: [UInt8] = []
    var position = 0
    while position < source.count {
      if source[position] == 0x25, position + 2 < source.count, let high = hexValue(source[position + 1]),
        let low = hexValue(source[position + 2])
      {
        bytes.append(high << 4 | low)
        position += 3
      } else {
        bytes.append(source[position])
        position += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x41...0x46: digit - 0x41 + 10
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }
}
