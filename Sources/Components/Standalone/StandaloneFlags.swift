// The flags of `apus standalone` beside those that every component shares.
internal import ComponentSupport
internal import Transport

/// Names are those of Prometheus or Thanos where these have the like.
enum StandaloneFlags {
  /// In the order of `--help`.
  static let all: [FlagSpec] = blocks + query + tenancy + web

  static let blocks: [FlagSpec] = [
    FlagSpec(
      "data-dir", .string, "Folder for data: blocks are in its folder \"bucket\", which may be missing.",
      default: "./data"),
    FlagSpec(
      "blocks", .string,
      "Another folder of blocks, served as it is and never written to: blocks, or the data folder of a Prometheus, whose blocks are followed as they come and go. May be given several times.",
      placeholder: "FOLDER", repeatable: true),
    FlagSpec("blocks.sync-interval", .duration, "How often the folders are looked through for blocks.", default: "5s"),
    FlagSpec(
      "ignore-deletion-marks-delay", .duration,
      "Blocks of the bucket marked for deletion longer ago than this are not served any more.", default: "24h"),
  ]

  static let query: [FlagSpec] = [
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
      "query.lookback-delta", .duration, "How far back an instant selector looks for a sample.", default: "5m"),
    FlagSpec(
      "query.default-evaluation-interval", .duration, "Step of subqueries that say none.", default: "1m"),
    FlagSpec(
      "query.active-query-path", .string,
      "Folder for the file queries.active, which tells after a crash what was running; empty for none.", default: ""),
    FlagSpec(
      "query.log-file", .string, "File that every query is written to, a line of JSON each; empty for none.",
      default: ""),
    FlagSpec(
      "enable-feature", .string,
      "Features of the language and of evaluation, under the names that Prometheus gives them (docs/promql.md); several separated by commas.",
      repeatable: true),
  ]

  static let tenancy: [FlagSpec] = [
    FlagSpec(
      "query.tenant-header", .string, "Field of a request that names its tenant.", default: "THANOS-TENANT"),
    FlagSpec(
      "query.default-tenant-id", .string, "Tenant of requests that name none.", default: Tenancy().defaultTenant),
    FlagSpec(
      "query.tenant-certificate-field", .enumeration([""] + Tenancy.CertificateField.allCases.map(\.rawValue)),
      "Part of the subject of the client's certificate that names the tenant, whatever the fields say.", default: ""),
    FlagSpec(
      "query.enforce-tenancy", .bool,
      "A request sees series of its own tenant alone: those with its name in the label of --query.tenant-label-name."),
    FlagSpec(
      "query.tenant-label-name", .string, "Label by which series belong to a tenant.", default: "tenant_id"),
  ]

  static let web: [FlagSpec] = [
    FlagSpec(
      "web.route-prefix", .string,
      "Path below which everything is served; --web.external-prefix where it is not given.",
      default: ""),
    FlagSpec(
      "web.external-prefix", .string, "Path that a proxy in front serves this below, for links in the pages.",
      default: ""
    ),
    FlagSpec(
      "web.cors.origin", .string,
      "Regular expression of the origins whose pages may read answers; it must match the whole origin.",
      default: ".*"),
    FlagSpec("web.disable-cors", .bool, "Send no Access-Control headers."),
  ]
}
