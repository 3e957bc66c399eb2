// The flags of `apus query` beside those that every component shares: Thanos' names and defaults.
internal import ComponentSupport
internal import QuerySupport

/// The querier's own flags.
enum QuerierFlags {
  /// In the order of `--help`.
  static let all: [FlagSpec] =
    QueryFlags.limits + query + replicas + stores + client + TenancyFlags.all + QueryFlags.web + withoutEffect

  /// Which endpoints there are.
  static let endpointConfig = PathOrContent("endpoint.sd-config")
  /// Which of their data is asked.
  static let selector = PathOrContent("selector.relabel-config", substitutesEnvironment: true)

  private static let client: [FlagSpec] = [
    FlagSpec("grpc-client-tls-secure", .bool, "Speak TLS with endpoints that are given by flags."),
    FlagSpec("grpc-client-tls-skip-verify", .bool, "Take any certificate of theirs."),
    FlagSpec("grpc-client-tls-cert", .string, "Certificate to show them.", default: ""),
    FlagSpec("grpc-client-tls-key", .string, "Key of that certificate.", default: ""),
    FlagSpec(
      "grpc-client-tls-ca", .string, "Authorities that must have signed their certificates; the system's by default.",
      default: ""),
    FlagSpec(
      "grpc-client-server-name", .string, "Name in their certificates, where it is not that of their address.",
      default: ""),
    FlagSpec(
      "grpc-compression", .enumeration(["snappy", "none"]), "How messages to and from them are compressed.",
      default: "none"),
    FlagSpec(
      "grpc-client-tls-min-version", .enumeration(["1.0", "1.1", "1.2", "1.3"]),
      "Lowest version of TLS that is spoken with them.", default: "1.3"),
  ]

  private static let query: [FlagSpec] =
    [
      FlagSpec(
        "query.promql-engine", .enumeration(["prometheus", "thanos"]),
        "Engine of requests that name none. There is one, which answers for both.", default: "prometheus"),
      FlagSpec(
        "query.mode", .enumeration(["local", "distributed"]),
        "Where aggregations are computed: here, or by those endpoints that are queriers, where that is exact.",
        default: "local"),
      FlagSpec(
        "query.partition-label", .string,
        "External label by which queriers below have different series, in the distributed mode; several, or several separated by commas. All but the replica labels by default.",
        repeatable: true),
      FlagSpec(
        "query.enable-x-functions", .bool, "Let queries use xrate, xincrease and xdelta, whichever engine they name."),
      FlagSpec(
        "query.lookback-delta", .goDuration, "How far back an instant selector looks for a sample; 5m by default."),
      FlagSpec(
        "query.dynamic-lookback-delta", .bool, "Look back further in downsampled data, whose points are further apart.",
        default: "true", hidden: true),
      FlagSpec(
        "query.default-step", .duration,
        "Least step of range queries that say none; it is a 250th of the range else.", default: "1s"),
      FlagSpec(
        "query.instant.default.max_source_resolution", .duration,
        "Coarsest resolution that will do for instant queries that leave it to the server.", default: "0s", hidden: true
      ),
      FlagSpec(
        "query.metadata.default-time-range", .goDuration,
        "How far back series, labels and values are looked for where a request does not say; 0: to the beginning.",
        default: "0s"),
      FlagSpec(
        "query.auto-downsampling", .bool,
        "Answer queries that do not say otherwise from data of a resolution up to a fifth of their step."),
      FlagSpec(
        "query.partial-response", .bool,
        "Answer without stores that fail, with a warning, where a request does not say.",
        default: "true"),
      FlagSpec(
        "query.require-coverage", .bool,
        "Refuse answers that lack a part, whatever a request says, and as long as any endpoint that was ever configured does not answer."
      ),
    ]
    + [
      ("rule", "rules and alerts"), ("target", "targets"), ("metric-metadata", "metadata of metrics"),
      ("exemplar", "exemplars"), ("status", "statistics"),
    ].map { name, subject in
      FlagSpec(
        "\(name).partial-response", .bool, "The same for \(subject).", default: "true", hidden: true)
    }

  private static let replicas: [FlagSpec] = [
    FlagSpec(
      "deduplication.func", .enumeration(["penalty", "chain", "seamless"]), "How the series of replicas become one.",
      default: "penalty"),
    FlagSpec(
      "query.replica-label", .string,
      "Label by which replicas differ; several, or several separated by commas. Without one nothing is deduplicated.",
      repeatable: true),
  ]

  private static let stores: [FlagSpec] =
    [
      FlagSpec(
        "endpoint", .string,
        "Address of a store's gRPC server, host:port; dns+, dnssrv+ or dnssrvnoa+ before it look it up.",
        placeholder: "<endpoint>", repeatable: true),
      FlagSpec(
        "endpoint-group", .string, "Name whose addresses are one endpoint, which is asked by turns.",
        placeholder: "<endpoint-group>", repeatable: true),
      FlagSpec(
        "endpoint-strict", .string, "Address of a store that is asked whatever its state: what it lacks is told.",
        placeholder: "<staticendpoint>", repeatable: true),
      FlagSpec(
        "endpoint-group-strict", .string, "The same for a name whose addresses are one endpoint.",
        placeholder: "<endpoint-group-strict>", repeatable: true),
      FlagSpec(
        "store.sd-files", .string, "Files of addresses (YAML or JSON), * and ? stand for characters.",
        placeholder: "<path>", repeatable: true),
      FlagSpec("store.sd-interval", .duration, "How often these files are read again.", default: "5m"),
      FlagSpec("store.sd-dns-interval", .duration, "How often names are looked up again.", default: "30s"),
      FlagSpec(
        "store.unhealthy-timeout", .duration,
        "How long a store that does not answer is named as missing in answers.", default: "5m"),
      FlagSpec(
        "endpoint.info-timeout", .duration,
        "How often endpoints are asked who they are, and how long they may take to say.", default: "5s", hidden: true),
      FlagSpec(
        "endpoint.sd-config-reload-interval", .duration, "How often --endpoint.sd-config-file is read again.",
        default: "5m"),
      FlagSpec(
        "store.response-timeout", .duration,
        "How long a store may be silent before its answer is given up; 0: as long as the query may take.",
        default: "0ms"),
    ] + endpointConfig.flags("YAML with the endpoints.")
    + selector.flags(
      "relabelling rules that choose data of the endpoints by its external labels, with keep, drop and hashmod.") + [
      FlagSpec(
        "query.conn-metric.label", .string,
        "Label of thanos_store_nodes_grpc_connections: external_labels, store_type or ip_port; several.",
        default: "external_labels", "store_type", repeatable: true),
      FlagSpec(
        "query.telemetry.request-duration-seconds-quantiles", .string,
        "Upper bounds of the buckets of thanos_store_api_query_duration_seconds, seconds; several.",
        default: "0.1", "0.25", "0.75", "1.25", "1.75", "2.5", "3", "5", "10", repeatable: true),
      FlagSpec(
        "query.telemetry.request-samples-quantiles", .string,
        "Numbers of samples by which it tells queries apart; several.", default: "100", "1000", "10000", "100000",
        "1000000", repeatable: true),
      FlagSpec(
        "query.telemetry.request-series-seconds-quantiles", .string,
        "Numbers of series by which it tells queries apart; several.", default: "10", "100", "1000", "10000", "100000",
        repeatable: true),
      FlagSpec(
        "selector-label", .string,
        "Label (name=\"value\") that stands for this querier: it is told with the external labels of the stores, and matchers on it are answered here.",
        placeholder: "<name>=\"<value>\"", repeatable: true),
      FlagSpec(
        "store.limits.request-series", .int64,
        "Most series that one selector or Series call may bring; beyond it it fails. 0: no limit.", default: "0"),
      FlagSpec(
        "store.limits.request-samples", .int64,
        "Most samples that one selector or Series call may bring, counted as chunks of 120; beyond it it fails. 0: no limit.",
        default: "0"),
    ]

  /// What there is no use for, accepted so that Thanos' command lines work.
  static let withoutEffect: [FlagSpec] = [
    FlagSpec(
      "query.distributed-with-overlapping-interval", .bool,
      "No effect: what times the queriers below have makes no difference.", hidden: true),
    FlagSpec(
      "query.disable-fallback", .bool, "No effect: one engine answers everything.", hidden: true),
    FlagSpec(
      "query.max-concurrent-select", .int, "No effect: all selectors of a query are read at the same time.",
      default: "4"),
    FlagSpec(
      "grpc.proxy-strategy", .enumeration(["eager", "lazy"]),
      "No effect: answers of stores are read as far as they are needed.", default: "eager", hidden: true),
    FlagSpec(
      "query.lazy-retrieval-max-buffered-responses", .int,
      "No effect: answers of stores are read as far as they are needed.", default: "20", hidden: true),
    FlagSpec(
      "store.sd-dns-resolver", .string, "No effect: names are looked up by c-ares.", default: "miekgdns", hidden: true),
  ]
}
