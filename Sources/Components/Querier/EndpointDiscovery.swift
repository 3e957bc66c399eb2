// Where a querier's endpoints are: flags, a configuration, files of addresses, and names that are looked up.
internal import ComponentSupport
internal import Locking
internal import Observability
internal import StoreServing
internal import Synchronization
internal import TSModel
internal import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// Finds endpoints, and makes channels to them.
final class EndpointDiscovery: Sendable {
  /// What was configured.
  struct Settings: Sendable {
    /// How endpoints of flags, files and lookups are spoken to.
    var client = EndpointClientConfig()
    /// What the flags name: addresses with how they are treated.
    var given: [EndpointSpec] = []
    /// Patterns of files of addresses.
    var files: [String] = []
    /// The YAML of the configuration; nil where there is none.
    var yaml: [UInt8]?
    /// The path that it was read from; nil where it was in the flag itself.
    var path: String?
    /// Between two looks at the files of addresses, milliseconds.
    var filesIntervalMs: Int64
    /// Between two lookups of a name, milliseconds.
    var namesIntervalMs: Int64
    /// Between two looks at the configuration's file, milliseconds.
    var configIntervalMs: Int64

    init(_ command: ParsedCommand) throws(ConfigurationError) {
      client.usesTLS = command.isOn("grpc-client-tls-secure")
      client.skipsVerification = command.isOn("grpc-client-tls-skip-verify")
      client.certificateFile = command.text("grpc-client-tls-cert") ?? ""
      client.keyFile = command.text("grpc-client-tls-key") ?? ""
      client.authorityFile = command.text("grpc-client-tls-ca") ?? ""
      client.serverName = command.text("grpc-client-server-name") ?? ""
      client.minVersion = command.text("grpc-client-tls-min-version") ?? "1.3"
      client.usesSnappy = command.text("grpc-compression") == "snappy"
      for (flag, isStrict, isGroup) in [
        ("endpoint", false, false), ("endpoint-strict", true, false), ("endpoint-group", false, true),
        ("endpoint-group-strict", true, true),
      ] {
        for address in command.texts(flag) {
          if isStrict, !isGroup, address.contains("+") {
            throw ConfigurationError(
              .value,
              "--\(flag)=\(address): \(address) is a dynamically specified endpoint i.e. it uses SD and that is not permitted under strict mode."
            )
          }
          given.append(EndpointSpec(address: address, isStrict: isStrict, isGroup: isGroup))
        }
      }
      files = command.texts("store.sd-files")
      yaml = try QuerierFlags.endpointConfig.content(of: command)
      let path = command.text("endpoint.sd-config-file") ?? ""
      self.path = path.isEmpty ? nil : path
      filesIntervalMs = command.integer("store.sd-interval") ?? 300_000
      namesIntervalMs = command.integer("store.sd-dns-interval") ?? 30_000
      configIntervalMs = command.integer("endpoint.sd-config-reload-interval") ?? 300_000
    }
  }

  private struct State {
    var configured: EndpointConfig?
    var configuredAt: ContinuousClock.Instant?
    var ofFiles: [String] = []
    var filesReadAt: ContinuousClock.Instant?
    var ofNames: [String: [String]] = [:]
    var namesAt: ContinuousClock.Instant?
    var clients: [String: EndpointClientConfig] = [:]
    var lookups: Int64 = 0
    var failures: Int64 = 0
  }

  private let settings: Settings
  private let logger: Logger
  private let loops: EventLoopGroup
  private let resolver: DNSResolver
  private let observer: GRPCClientMetrics
  private let state = Guarded(State())

  /// Throws `ConfigurationError` where what was configured cannot be used.
  init(_ settings: Settings, logger: Logger, metrics: MetricsRegistry) throws {
    self.settings = settings
    self.logger = logger
    loops = try EventLoopGroup(count: 1)
    resolver = try DNSResolver()
    observer = GRPCClientMetrics(registry: metrics)
    if let yaml = settings.yaml {
      let config = try EndpointConfig(yaml, flags: settings.client)
      state.withLock {
        $0.configured = config
        $0.configuredAt = .now
      }
    }
    // Whatever is wrong with addresses and certificates is told now.
    for spec in specsBeforeLookup() { _ = try channel(to: spec) }
  }

  /// Lookups of names so far, and how many failed.
  var counts: (lookups: Int64, failures: Int64, results: [String: Int]) {
    state.withLock { ($0.lookups, $0.failures, $0.ofNames.mapValues(\.count)) }
  }

  // MARK: Finding

  /// The endpoints as they are now.
  func specs() async -> [EndpointSpec] {
    readConfiguration()
    readFiles()
    await lookUp()
    let found = state.withLock { $0.ofNames }
    return specsBeforeLookup().flatMap { spec -> [EndpointSpec] in
      guard !spec.isGroup, Self.isName(spec.address) else { return [spec] }
      // What a name stands for is spoken to as the flags say.
      return (found[spec.address] ?? []).map { EndpointSpec(address: $0, isStrict: spec.isStrict) }
    }
  }

  private static func isName(_ address: String) -> Bool {
    (try? EndpointName(address)).map { $0.lookup != .none } ?? false
  }

  private func specsBeforeLookup() -> [EndpointSpec] {
    state.withLock { state in
      var specs: [EndpointSpec] = []
      for (index, endpoint) in (state.configured?.endpoints ?? []).enumerated() {
        let key = "endpoint \(index)"
        state.clients[key] = endpoint.client
        specs.append(
          EndpointSpec(
            address: endpoint.address, isStrict: endpoint.isStrict, isGroup: endpoint.isGroup, client: key))
      }
      return specs + settings.given + state.ofFiles.map { EndpointSpec(address: $0) }
    }
  }

  private func isDue(_ last: ContinuousClock.Instant?, _ intervalMs: Int64) -> Bool {
    guard let last else { return true }
    return ContinuousClock.now - last >= .milliseconds(max(1000, intervalMs))
  }

  private func readConfiguration() {
    guard let path = settings.path, isDue(state.withLock { $0.configuredAt }, settings.configIntervalMs) else { return }
    do {
      guard let yaml = try QuerierFlags.endpointConfig.content(path: path, text: "", environment: { _ in nil }) else {
        return
      }
      let config = try EndpointConfig(yaml, flags: settings.client)
      state.withLock { $0.configured = config }
    } catch {
      // What was configured before goes on.
      logger.warn("reading endpoints failed", ("path", .string(path)), error: error)
    }
    state.withLock { $0.configuredAt = .now }
  }

  private func readFiles() {
    guard !settings.files.isEmpty, isDue(state.withLock { $0.filesReadAt }, settings.filesIntervalMs) else { return }
    var addresses: [String] = []
    var isWhole = true
    for path in settings.files.flatMap(Self.paths) {
      do {
        guard let bytes = try StateFile.contents(of: path, bytesMax: 16 << 20) else { continue }
        addresses += try EndpointConfig.targets(bytes)
      } catch {
        isWhole = false
        logger.warn("reading a file of addresses failed", ("path", .string(path)), error: error)
      }
    }
    let (found, replaces) = (addresses, isWhole)
    state.withLock { state in
      state.filesReadAt = .now
      state.ofFiles = replaces ? found : state.ofFiles + found.filter { !state.ofFiles.contains($0) }
    }
  }

  /// The files that a pattern stands for.
  private static func paths(_ pattern: String) -> [String] {
    var result = unsafe glob_t()
    defer { unsafe globfree(&result) }
    guard unsafe glob(pattern, 0, nil, &result) == 0 else { return [] }
    return unsafe (0..<Int(result.gl_pathc)).compactMap { index in
      unsafe result.gl_pathv[index].map { unsafe String(cString: $0) }
    }
  }

  private func lookUp() async {
    let names = Set(specsBeforeLookup().filter { !$0.isGroup && Self.isName($0.address) }.map(\.address))
    let (isDue, known) = state.withLock { (self.isDue($0.namesAt, settings.namesIntervalMs), $0.ofNames) }
    var found = known.filter { names.contains($0.key) }
    for name in names where isDue || known[name] == nil {
      state.withLock { $0.lookups += 1 }
      do {
        found[name] = try await EndpointName(name).addresses(by: resolver).map(\.description)
      } catch {
        // What it stood for before goes on.
        state.withLock { $0.failures += 1 }
        logger.warn("looking up endpoints failed", ("name", .string(name)), error: error)
      }
    }
    let result = found
    state.withLock { state in
      state.ofNames = result
      if isDue { state.namesAt = .now }
    }
  }

  // MARK: Channels

  /// A channel to an endpoint.
  func channel(to spec: EndpointSpec) throws -> GRPCChannel {
    let client = state.withLock { $0.clients[spec.client] } ?? settings.client
    var options = GRPCChannelOptions(loops: loops)
    options.resolver = resolver
    options.observer = observer
    options.compression = client.usesSnappy ? .snappy : .identity
    options.resolveIntervalMs = Int(clamping: settings.namesIntervalMs)
    if spec.isGroup { options.balancing = .roundRobin }
    if client.usesTLS {
      var tls = TLSOptions()
      tls.certificateFile = client.certificateFile.isEmpty ? nil : client.certificateFile
      tls.keyFile = client.keyFile.isEmpty ? nil : client.keyFile
      tls.authorityFile = client.authorityFile.isEmpty ? nil : client.authorityFile
      tls.serverName = client.serverName.isEmpty ? nil : client.serverName
      tls.skipsVerification = client.skipsVerification
      tls.setMinVersion(client.minVersion)
      options.tls = tls
    }
    // An endpoint that is not there must not hold up an answer for long.
    options.connectTimeoutMs = 5_000
    options.backoff.maxMs = 5_000
    return try GRPCChannel(target: spec.address, options: options)
  }
}
