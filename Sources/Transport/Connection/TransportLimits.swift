// How far a peer may go. docs/security.md has a line for each.
internal import CTransport

/// The limits of a server's or a client's connections. Times are milliseconds.
public struct TransportLimits: Sendable, Equatable {
  /// Bytes of one head (of HTTP/2: as RFC 9113, 6.5.2, counts them).
  public var headerBytes: Int
  /// Fields of one head, at most 512.
  public var headerFields: Int
  /// From a head's first byte to its last, and from a connection's begin to its first request.
  public var headTimeoutMs: Int
  /// From accepting (or connecting) to the end of the TLS handshake.
  public var handshakeTimeoutMs: Int
  /// Between requests.
  public var idleTimeoutMs: Int
  /// Between two parts of an HTTP/1.1 body that is waited for.
  public var bodyTimeoutMs: Int
  /// Without the peer taking anything of what waits for it.
  public var writeTimeoutMs: Int
  /// Silence on HTTP/2 before a PING; 0: none.
  public var keepaliveMs: Int
  /// Until its answer.
  public var keepaliveTimeoutMs: Int
  /// After which a connection is asked to go away; 0: never.
  public var connectionAgeMs: Int
  /// After that, until it is cut; 0: never.
  public var connectionGraceMs: Int
  /// Connections of a server at the same time; 0: any number.
  public var connections: Int
  /// Streams of one HTTP/2 connection at the same time.
  public var streams: Int
  /// Bytes of HTTP/2 flow control a stream.
  public var streamWindow: Int
  /// Bytes of HTTP/2 flow control a connection.
  public var connectionWindow: Int
  /// Bytes of one connection that handlers have not taken, before its sender must wait.
  public var receivedBytes: Int
  /// RST_STREAM at once.
  public var resetBurst: Int
  /// RST_STREAM a second.
  public var resetRate: Int
  /// Frames without payload (PING, SETTINGS, PRIORITY, empty DATA) at once.
  public var controlBurst: Int
  /// Frames without payload a second.
  public var controlRate: Int
  /// Requests that the clients of one address give up at once, over all their connections; 0: any number.
  public var peerResetBurst: Int
  /// Requests that they give up a second.
  public var peerResetRate: Int
  /// CONTINUATION frames of one header block.
  public var continuations: Int
  /// Entries of one SETTINGS frame.
  public var settingsEntries: Int
  /// Answers to PING and SETTINGS that the peer does not read.
  public var unreadAnswers: Int
  /// Bytes of the extension of one chunk of HTTP/1.1.
  public var chunkExtensionBytes: Int
  /// Bytes of a body that come after the answer has ended, before the sender is stopped.
  public var droppedBodyBytes: Int

  /// What holds where nobody says otherwise.
  public init() {
    let limits = transport_limits_default()
    headerBytes = limits.header_bytes
    headerFields = Int(limits.header_fields)
    headTimeoutMs = Int(limits.head_timeout_ms)
    handshakeTimeoutMs = Int(limits.handshake_timeout_ms)
    idleTimeoutMs = Int(limits.idle_timeout_ms)
    bodyTimeoutMs = Int(limits.body_timeout_ms)
    writeTimeoutMs = Int(limits.write_timeout_ms)
    keepaliveMs = Int(limits.keepalive_ms)
    keepaliveTimeoutMs = Int(limits.keepalive_timeout_ms)
    connectionAgeMs = Int(limits.connection_age_ms)
    connectionGraceMs = Int(limits.connection_grace_ms)
    connections = Int(limits.connections)
    streams = Int(limits.streams)
    streamWindow = Int(limits.stream_window)
    connectionWindow = Int(limits.connection_window)
    receivedBytes = limits.received_bytes
    resetBurst = Int(limits.reset_burst)
    resetRate = Int(limits.reset_rate)
    controlBurst = Int(limits.control_burst)
    controlRate = Int(limits.control_rate)
    peerResetBurst = Int(limits.peer_reset_burst)
    peerResetRate = Int(limits.peer_reset_rate)
    continuations = Int(limits.continuations)
    settingsEntries = Int(limits.settings_entries)
    unreadAnswers = Int(limits.unread_answers)
    chunkExtensionBytes = Int(limits.chunk_extension_bytes)
    droppedBodyBytes = Int(limits.dropped_body_bytes)
  }

  /// The same for C; what is outside its range is brought to the nearest end.
  var forC: transport_limits {
    transport_limits(
      header_bytes: max(0, headerBytes), header_fields: UInt32(clamping: headerFields),
      head_timeout_ms: UInt32(clamping: headTimeoutMs), handshake_timeout_ms: UInt32(clamping: handshakeTimeoutMs),
      idle_timeout_ms: UInt32(clamping: idleTimeoutMs), body_timeout_ms: UInt32(clamping: bodyTimeoutMs),
      write_timeout_ms: UInt32(clamping: writeTimeoutMs), keepalive_ms: UInt32(clamping: keepaliveMs),
      keepalive_timeout_ms: UInt32(clamping: keepaliveTimeoutMs),
      connection_age_ms: UInt32(clamping: connectionAgeMs), connection_grace_ms: UInt32(clamping: connectionGraceMs),
      connections: UInt32(clamping: connections), streams: UInt32(clamping: streams),
      stream_window: UInt32(clamping: min(streamWindow, 1 << 30)),
      connection_window: UInt32(clamping: min(connectionWindow, 1 << 30)), received_bytes: max(0, receivedBytes),
      reset_burst: UInt32(clamping: resetBurst), reset_rate: UInt32(clamping: resetRate),
      control_burst: UInt32(clamping: controlBurst), control_rate: UInt32(clamping: controlRate),
      peer_reset_burst: UInt32(clamping: peerResetBurst), peer_reset_rate: UInt32(clamping: peerResetRate),
      continuations: UInt32(clamping: continuations), settings_entries: UInt32(clamping: settingsEntries),
      unread_answers: UInt32(clamping: unreadAnswers), chunk_extension_bytes: UInt32(clamping: chunkExtensionBytes),
      dropped_body_bytes: UInt32(clamping: droppedBodyBytes))
  }
}

/// What a server's connections have come to so far.
public struct TransportCounts: Sendable, Equatable {
  /// Connections that are open now.
  public var open = 0
  /// Connections accepted.
  public var accepted = 0
  /// TLS handshakes that failed.
  public var tlsFailures = 0
  /// Bytes received from sockets.
  public var receivedBytes = 0
  /// Bytes given to sockets.
  public var sentBytes = 0
  /// How often each limit was met, by its name: `header-bytes`, `resets` …
  public var limits: [String: Int] = [:]
}

/// The counters that C keeps.
@safe final class TransportCounters: @unchecked Sendable {
  /// Read and written by atomics.
  let handle: OpaquePointer

  init() throws(TransportError) {
    guard let handle = unsafe transport_counters_new() else {
      throw TransportError(.limit, "starting a server: out of memory")
    }
    unsafe self.handle = handle
  }

  deinit { unsafe transport_counters_free(handle) }

  var counts: TransportCounts {
    var counts = TransportCounts()
    counts.open = unsafe Int(clamping: transport_counters_open(handle))
    counts.accepted = unsafe Int(clamping: transport_counters_accepted(handle))
    counts.tlsFailures = unsafe Int(clamping: transport_counters_tls_failures(handle))
    counts.receivedBytes = unsafe Int(clamping: transport_counters_received(handle))
    counts.sentBytes = unsafe Int(clamping: transport_counters_sent(handle))
    for number in 0..<TRANSPORT_LIMIT_COUNT.rawValue {
      let limit = transport_limit(rawValue: number)
      guard let name = unsafe transport_limit_name(limit) else { continue }
      counts.limits[unsafe String(cString: name)] = unsafe Int(clamping: transport_counters_limit(handle, limit))
    }
    return counts
  }
}
