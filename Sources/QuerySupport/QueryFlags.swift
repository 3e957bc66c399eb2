// The flags that all components have that answer queries, and what they say.
public import ComponentSupport
public import PromQL
internal import TSModel
public import Transport

/// Names are those of Prometheus or Thanos where these have the like.
public enum QueryFlags {
  /// Limits of queries, and what they may use.
  public static let limits: [FlagSpec] = [
    FlagSpec("query.timeout", .duration, "The longest that a query may take.", default: "2m"),
    FlagSpec("query.max-concurrent", .int, "Most queries that run at the same time; the others wait.", default: "20"),
    FlagSpec(
      "query.max-samples", .int64,
      "Most samples that a query may hold in memory at a time; beyond it the query fails.", default: "50000000"),
    FlagSpec(
      "query.max-series", .int64,
      "Most series that the selectors of a query may read; beyond it the query fails. 0: no limit.",
      default: "0"),
    FlagSpec(
      "query.max-subquery-depth", .int, "How deep subqueries may be nested in one another.", default: "16"),
    FlagSpec(
      "query.max-memory", .bytes,
      "Most memory that all queries and StoreAPI calls may hold together; those beyond it fail. 0: no limit.",
      default: "1GiB"),
    FlagSpec(
      "query.max-memory-per-query", .bytes,
      "Most memory that one query may hold; beyond it the query fails. 0: as much as all may.", default: "0"),
    FlagSpec(
      "query.max-memory-per-tenant", .bytes,
      "Most memory that the queries of one tenant may hold together; those beyond it fail. 0: as much as all may.",
      default: "0"),
    FlagSpec(
      "query.log-queries-longer-than", .duration,
      "Queries that take so long are told in the log, with what they read; 0 for none, a negative time for all.",
      default: "0s"),
    FlagSpec(
      "query.default-evaluation-interval", .duration, "Step of subqueries that say none.", default: "1m"),
    FlagSpec(
      "query.active-query-path", .string,
      "Folder for the file queries.active, which tells after a crash what was running; empty for none.", default: ""),
    FlagSpec(
      "enable-feature", .string,
      "Features of the language and of evaluation, under the names that Prometheus gives them (docs/promql.md); several separated by commas.",
      repeatable: true),
  ]

  /// Where pages and API lie.
  public static let web: [FlagSpec] = [
    FlagSpec(
      "web.route-prefix", .string,
      "Path below which everything is served; --web.external-prefix where it is not given.",
      default: ""),
    FlagSpec(
      "web.external-prefix", .string, "Path that a proxy in front serves this below, for links in the pages.",
      default: ""
    ),
    FlagSpec("web.disable-cors", .bool, "Send no Access-Control headers."),
  ]
}

/// What these flags, and those of tenants, say.
public struct QuerySettings: Sendable {
  /// How queries are evaluated.
  public var engine = EngineOptions()
  /// What of the language is enabled.
  public var parser = ParserOptions()
  /// Queries at the same time.
  public var concurrentQueriesMax: Int
  /// Bytes of memory of all queries together.
  public var memoryBytesMax: Int
  /// Bytes of memory of one query.
  public var queryBytesMax: Int
  /// Bytes of memory of the queries of one tenant.
  public var tenantBytesMax: Int
  /// Queries of so many milliseconds are told in the log; negative: all; nil: none.
  public var slowMs: Int64?
  /// Folder of the file `queries.active`; nil for none.
  public var activeQueryFolder: String?
  /// What paths begin with: empty, or a slash and more.
  public var routePrefix: String
  /// What links begin with.
  public var externalPrefix: String
  /// How requests name their tenant.
  public var tenancy: Tenancy
  /// The label that requests see their tenant's series by; nil: they see all.
  public var enforcedTenantLabel: String?
  /// Names of features that were asked for and that there are not.
  public var unknownFeatures: [String] = []

  /// Reads the flags. Throws `ConfigurationError`.
  public init(_ command: ParsedCommand) throws(ConfigurationError) {
    concurrentQueriesMax = Int(clamping: try Self.positive("query.max-concurrent", command))
    engine.seriesMax = max(0, command.integer("query.max-series") ?? 0)
    engine.subqueryDepthMax = Int(clamping: try Self.positive("query.max-subquery-depth", command))
    engine.samplesMax = try Self.positive("query.max-samples", command)
    memoryBytesMax = Self.bytes("query.max-memory", command)
    queryBytesMax = Self.bytes("query.max-memory-per-query", command)
    tenantBytesMax = Self.bytes("query.max-memory-per-tenant", command)
    let slowMs = command.integer("query.log-queries-longer-than") ?? 0
    self.slowMs = slowMs == 0 ? nil : slowMs
    engine.timeoutMs = try Self.positive("query.timeout", command)
    engine.subqueryStepMs = try Self.positive("query.default-evaluation-interval", command)
    activeQueryFolder = Self.nonEmpty("query.active-query-path", command)
    externalPrefix = Self.prefix(command.text("web.external-prefix") ?? "")
    routePrefix = Self.prefix(command.text("web.route-prefix") ?? "")
    if !command.isGiven("web.route-prefix") { routePrefix = externalPrefix }
    tenancy = try TenancyFlags.tenancy(command)
    enforcedTenantLabel = try TenancyFlags.enforcedLabel(command)
    for name in command.texts("enable-feature").flatMap({ $0.split(separator: ",") }).map(String.init)
    where !engine.enable(feature: name) && !parser.enable(feature: name) { unknownFeatures.append(name) }
  }

  /// The value of a flag that must be more than 0. Throws `ConfigurationError`.
  public static func positive(_ name: String, _ command: ParsedCommand) throws(ConfigurationError) -> Int64 {
    guard let value = command.integer(name), value > 0 else {
      throw ConfigurationError(.value, "--\(name) must be more than 0")
    }
    return value
  }

  /// The value of a flag for memory, of which 0 is no limit.
  private static func bytes(_ name: String, _ command: ParsedCommand) -> Int {
    let bytes = command.integer(name) ?? 0
    return bytes <= 0 ? .max : Int(clamping: bytes)
  }

  /// The text of a flag; nil where it is empty.
  public static func nonEmpty(_ name: String, _ command: ParsedCommand) -> String? {
    let text = command.text(name) ?? ""
    return text.isEmpty ? nil : text
  }

  /// `/prefix` without a slash at its end; empty for the root.
  private static func prefix(_ text: String) -> String {
    let inner = text.split(separator: "/", omittingEmptySubsequences: true).joined(separator: "/")
    return inner.isEmpty ? "" : "/" + inner
  }
}
