// What the flags of `apus standalone` say, read once at the start.
internal import ComponentSupport
internal import BlockFolders
internal import HTTPAPI
internal import Observability
internal import PromQL
internal import TSModel
internal import Transport

/// The settings of a standalone process.
struct StandaloneSettings: Sendable {
  /// Folder of the bucket; it may be missing.
  var bucketFolder: String
  /// Folders that are served beside it.
  var blockFolders: [String]
  /// Between two looks at the folders, milliseconds.
  var syncIntervalMs: Int
  /// Marks for deletion older than this count, milliseconds.
  var deletionDelayMs: Int64
  /// How queries are evaluated.
  var engine = EngineOptions()
  /// What of the language is enabled.
  var parser = ParserOptions()
  /// Queries at the same time.
  var concurrentQueriesMax: Int
  /// Bytes of memory of all queries together.
  var memoryBytesMax: Int
  /// Folder of the file `queries.active`; nil for none.
  var activeQueryFolder: String?
  /// File that queries are written to; nil for none.
  var queryLogFile: String?
  /// What paths begin with: empty, or a slash and more.
  var routePrefix: String
  /// What links begin with.
  var externalPrefix: String
  /// How requests name their tenant.
  var tenancy: Tenancy
  /// The label that requests see their tenant's series by; nil: they see all.
  var enforcedTenantLabel: String?
  /// Which pages may read answers.
  var allowedOrigins: QueryAPIOptions.Origins
  /// Names of features that were asked for and that there are not.
  var unknownFeatures: [String] = []

  /// Reads the flags. Throws `ConfigurationError`.
  init(_ command: ParsedCommand) throws(ConfigurationError) {
    bucketFolder = (command.text("data-dir") ?? "./data") + "/bucket"
    blockFolders = command.texts("blocks")
    syncIntervalMs = Int(clamping: max(100, command.integer("blocks.sync-interval") ?? 0))
    deletionDelayMs = command.integer("ignore-deletion-marks-delay") ?? 0
    concurrentQueriesMax = Int(clamping: try Self.positive("query.max-concurrent", command))
    engine.seriesMax = max(0, command.integer("query.max-series") ?? 0)
    engine.subqueryDepthMax = Int(clamping: try Self.positive("query.max-subquery-depth", command))
    engine.samplesMax = try Self.positive("query.max-samples", command)
    let memory = command.integer("query.max-memory") ?? 0
    memoryBytesMax = memory <= 0 ? .max : Int(clamping: memory)
    engine.timeoutMs = try Self.positive("query.timeout", command)
    engine.lookbackMs = try Self.positive("query.lookback-delta", command)
    engine.subqueryStepMs = try Self.positive("query.default-evaluation-interval", command)
    activeQueryFolder = Self.nonEmpty("query.active-query-path", command)
    queryLogFile = Self.nonEmpty("query.log-file", command)
    externalPrefix = Self.prefix(command.text("web.external-prefix") ?? "")
    routePrefix = Self.prefix(command.text("web.route-prefix") ?? "")
    if !command.isGiven("web.route-prefix") { routePrefix = externalPrefix }
    tenancy = try Self.tenancy(command)
    enforcedTenantLabel = try Self.enforcedTenantLabel(command)
    allowedOrigins = try Self.origins(command)
    for name in command.texts("enable-feature").flatMap({ $0.split(separator: ",") }).map(String.init)
    where !engine.enable(feature: name) && !parser.enable(feature: name) { unknownFeatures.append(name) }
  }

  private static func tenancy(_ command: ParsedCommand) throws(ConfigurationError) -> Tenancy {
    let tenancy = Tenancy(
      header: nonEmpty("query.tenant-header", command) ?? Tenancy.internalHeader,
      defaultTenant: nonEmpty("query.default-tenant-id", command) ?? Tenancy().defaultTenant,
      certificateField: command.text("query.tenant-certificate-field").flatMap(
        Tenancy.CertificateField.init(rawValue:)))
    guard Tenancy.isValid(tenancy.defaultTenant) else {
      throw ConfigurationError(
        .value,
        "--query.default-tenant-id=\(tenancy.defaultTenant): a tenant is no path; its name has no slash, and is not . or .."
      )
    }
    return tenancy
  }

  private static func enforcedTenantLabel(_ command: ParsedCommand) throws(ConfigurationError) -> String? {
    guard command.isOn("query.enforce-tenancy") else { return nil }
    guard let label = nonEmpty("query.tenant-label-name", command) else {
      throw ConfigurationError(.value, "--query.tenant-label-name must name a label where tenancy is enforced")
    }
    return label
  }

  private static func origins(_ command: ParsedCommand) throws(ConfigurationError) -> QueryAPIOptions.Origins {
    if command.isOn("web.disable-cors") { return .none }
    let pattern = command.text("web.cors.origin") ?? ".*"
    if pattern == ".*" { return .all }
    do throws(ModelError) { return .matching(try LabelRegex(pattern)) } catch {
      throw ConfigurationError(.value, "--web.cors.origin=\(pattern): \(error.message)")
    }
  }

  private static func positive(_ name: String, _ command: ParsedCommand) throws(ConfigurationError) -> Int64 {
    guard let value = command.integer(name), value > 0 else {
      throw ConfigurationError(.value, "--\(name) must be more than 0")
    }
    return value
  }

  private static func nonEmpty(_ name: String, _ command: ParsedCommand) -> String? {
    let text = command.text(name) ?? ""
    return text.isEmpty ? nil : text
  }

  /// `/prefix` without a slash at its end; empty for the root.
  private static func prefix(_ text: String) -> String {
    let inner = text.split(separator: "/", omittingEmptySubsequences: true).joined(separator: "/")
    return inner.isEmpty ? "" : "/" + inner
  }
}
