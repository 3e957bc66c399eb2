// The limits of the transport as flags: `--transport.NAME`, the same for HTTP and gRPC. docs/security.md says what each bounds.
public import Transport

/// One limit that a flag sets.
struct TransportFlag: Sendable {
  /// How the flag's value is counted.
  enum Unit: Sendable {
    case count, bytes, milliseconds
  }

  let name: String
  let unit: Unit
  let help: String
  let limit: any WritableKeyPath<TransportLimits, Int> & Sendable

  init(_ name: String, _ unit: Unit, _ limit: any WritableKeyPath<TransportLimits, Int> & Sendable, _ help: String) {
    self.name = "transport.\(name)"
    self.unit = unit
    self.help = help
    self.limit = limit
  }

  /// All of them, in the order of docs/security.md.
  static let all = [
    TransportFlag("connections", .count, \.connections, "Connections of a server at the same time. 0: any number."),
    TransportFlag(
      "handshake-timeout", .milliseconds, \.handshakeTimeoutMs, "From accepting to the end of the TLS handshake."),
    TransportFlag(
      "head-timeout", .milliseconds, \.headTimeoutMs,
      "From a connection's begin to its first byte, and from a head's first byte to its last."),
    TransportFlag("idle-timeout", .milliseconds, \.idleTimeoutMs, "Between two requests of a connection."),
    TransportFlag(
      "body-timeout", .milliseconds, \.bodyTimeoutMs, "Between two parts of an HTTP/1.1 body that is waited for."),
    TransportFlag(
      "write-timeout", .milliseconds, \.writeTimeoutMs, "Without a client taking anything of what waits for it."),
    TransportFlag(
      "keepalive-interval", .milliseconds, \.keepaliveMs,
      "Silence of an HTTP/2 connection with open streams before a PING. 0: none."),
    TransportFlag("keepalive-timeout", .milliseconds, \.keepaliveTimeoutMs, "Until the answer to that PING."),
    TransportFlag("header-bytes", .bytes, \.headerBytes, "Bytes of one head, and of trailers."),
    TransportFlag("header-fields", .count, \.headerFields, "Fields of one head, and of trailers; at most 512."),
    TransportFlag(
      "chunk-extension-bytes", .bytes, \.chunkExtensionBytes, "Bytes of the extension of a chunk of HTTP/1.1."),
    TransportFlag(
      "dropped-body-bytes", .bytes, \.droppedBodyBytes,
      "Bytes of a body that nobody reads before its sender is stopped."),
    TransportFlag(
      "stream-window", .bytes, \.streamWindow, "Bytes that a client may send ahead of the handler, a stream."),
    TransportFlag(
      "connection-window", .bytes, \.connectionWindow, "Bytes that a client may send ahead, an HTTP/2 connection."),
    TransportFlag(
      "received-bytes", .bytes, \.receivedBytes,
      "Bytes of an HTTP/2 connection that no handler took before the client must wait."),
    TransportFlag("streams", .count, \.streams, "Streams of one HTTP/2 connection at the same time."),
    TransportFlag("reset-burst", .count, \.resetBurst, "RST_STREAM of one HTTP/2 connection at once."),
    TransportFlag("reset-rate", .count, \.resetRate, "RST_STREAM of one HTTP/2 connection a second."),
    TransportFlag(
      "peer-reset-burst", .count, \.peerResetBurst,
      "Calls that the clients of one address give up at once, by RST_STREAM or by leaving. 0: any number."),
    TransportFlag("peer-reset-rate", .count, \.peerResetRate, "The same a second."),
    TransportFlag(
      "control-frame-burst", .count, \.controlBurst,
      "PING, SETTINGS, PRIORITY, empty DATA and refused frames of one HTTP/2 connection at once."),
    TransportFlag("control-frame-rate", .count, \.controlRate, "The same a second."),
    TransportFlag("continuation-frames", .count, \.continuations, "CONTINUATION frames of one header block."),
    TransportFlag("settings-entries", .count, \.settingsEntries, "Entries of one SETTINGS frame."),
    TransportFlag(
      "unread-answers", .count, \.unreadAnswers, "Answers to PING and SETTINGS that a client does not read."),
  ]

  /// The flag, with the limit that holds without it as its default.
  var spec: FlagSpec {
    let value = TransportLimits()[keyPath: limit]
    switch unit {
    case .count: return FlagSpec(name, .int, help, default: "\(value)")
    case .bytes: return FlagSpec(name, .bytes, help, default: Self.bytes(value))
    case .milliseconds: return FlagSpec(name, .duration, help, default: Self.duration(value))
    }
  }

  private static func bytes(_ value: Int) -> String {
    for (shift, unit) in [(20, "MiB"), (10, "KiB")] where value >= 1 << shift && value % (1 << shift) == 0 {
      return "\(value >> shift)\(unit)"
    }
    return "\(value)B"
  }

  private static func duration(_ milliseconds: Int) -> String {
    for (ms, unit) in [(60_000, "m"), (1000, "s")] where milliseconds >= ms && milliseconds % ms == 0 {
      return "\(milliseconds / ms)\(unit)"
    }
    return "\(milliseconds)ms"
  }
}

extension CommonFlags {
  /// The limits of the transport, for components with servers.
  public static let transport = TransportFlag.all.map(\.spec)

  /// The longest message that a gRPC server reads, for components with one.
  public static let grpcMessage = [
    FlagSpec("transport.message-bytes", .bytes, "Bytes of one gRPC message, unpacked.", default: "64MiB")
  ]
}

extension TransportLimits {
  /// What the flags of `CommonFlags.transport` say. Throws `ConfigurationError` for what cannot be.
  public init(_ command: ParsedCommand) throws(ConfigurationError) {
    self.init()
    for flag in TransportFlag.all {
      guard let value = command.integer(flag.name) else { continue }
      guard (0...Int64(Int32.max)).contains(value) else {
        throw ConfigurationError(.value, "--\(flag.name) must be from 0 to \(Int32.max), not \(value)")
      }
      self[keyPath: flag.limit] = Int(value)
    }
    guard headerFields <= 512 else {
      throw ConfigurationError(.value, "--transport.header-fields must be at most 512, not \(headerFields)")
    }
    guard streamWindow >= 65_535, connectionWindow >= 65_535 else {
      throw ConfigurationError(
        .value, "--transport.stream-window and --transport.connection-window must be at least 65535 bytes")
    }
  }
}
