// The flags of `apus store` beside those that every component shares: Thanos' names and defaults.
public import ComponentSupport

/// The store gateway's own flags, and what they say.
public enum StoreFlags {
  /// In the order of `--help`.
  public static let all: [FlagSpec] = limits + blocks + web + withoutEffect

  static let limits: [FlagSpec] = [
    FlagSpec(
      "store.limits.request-series", .int64,
      "Most series that one Series call may touch; beyond it the call fails with ResourceExhausted. 0: no limit.",
      default: "0"),
    FlagSpec(
      "store.limits.request-samples", .int64,
      "Most samples that one Series call may touch, counted as chunks of 120; beyond it the call fails with ResourceExhausted. 0: no limit.",
      default: "0"),
    FlagSpec(
      "store.grpc.touched-series-limit", .int64, "Older name of --store.limits.request-series.", default: "0"),
    FlagSpec(
      "store.grpc.series-sample-limit", .int64, "Older name of --store.limits.request-samples.", default: "0"),
    FlagSpec(
      "store.grpc.downloaded-bytes-limit", .bytes,
      "Most bytes of postings, series entries and chunks that one Series, LabelNames or LabelValues call may touch. 0: no limit.",
      default: "0"),
    FlagSpec(
      "store.grpc.series-max-concurrency", .int, "Most Series calls that run at the same time; the others wait.",
      default: "20"),
    FlagSpec(
      "store.max-memory", .bytes,
      "Most memory that calls may hold together for series, chunks and answers; calls beyond it fail with ResourceExhausted. 0: no limit.",
      default: "1GiB"),
  ]

  static let blocks: [FlagSpec] =
    [
      FlagSpec(
        "data-dir", .string, "Folder for what is kept between starts: copies of the blocks' meta.json.",
        default: "./data"),
      FlagSpec(
        "sync-block-duration", .goDuration, "How often the bucket is looked through for blocks.", default: "15m"),
      FlagSpec(
        "block-discovery-strategy", .string,
        "How blocks are found: \"concurrent\" lists the top of the bucket and asks for each block, \"recursive\" lists everything at once.",
        default: "concurrent"),
      FlagSpec("block-sync-concurrency", .int, "How many blocks are loaded at the same time.", default: "20"),
      FlagSpec(
        "block-meta-fetch-concurrency", .int, "How many meta.json are fetched at the same time.", default: "32"),
      FlagSpec(
        "min-time", .string,
        "Start of the time range that is served: RFC 3339, or a duration relative to now such as -1d or 2h45m.",
        default: "0000-01-01T00:00:00Z"),
      FlagSpec(
        "max-time", .string,
        "End of the time range that is served: RFC 3339, or a duration relative to now such as -1d or 2h45m.",
        default: "9999-12-31T23:59:59Z"),
      FlagSpec(
        "consistency-delay", .duration, "Blocks younger than this are left alone, since they may still be written.",
        default: "0s"),
      FlagSpec(
        "ignore-deletion-marks-delay", .duration,
        "Blocks marked for deletion longer ago than this are not served any more.", default: "24h"),
    ] + objectStore.flags("where the bucket is. See docs/components/store.md.")
    + selector.flags(
      "relabelling rules that choose blocks by their external labels and by __block_id, with keep, drop and hashmod.")

  /// The pair of flags for where the bucket is.
  static let objectStore = PathOrContent("objstore.config", required: true, substitutesEnvironment: true)
  /// The pair of flags for which blocks are served.
  static let selector = PathOrContent("selector.relabel-config", substitutesEnvironment: true)

  static let web: [FlagSpec] = [
    FlagSpec("web.disable", .bool, "Leave out the page and the API about blocks."),
    FlagSpec("web.external-prefix", .string, "What links of the page begin with.", default: ""),
    FlagSpec("web.disable-cors", .bool, "Send no Access-Control headers."),
    FlagSpec("bucket-web-label", .string, "External label whose value titles groups of blocks.", default: ""),
  ]

  /// Flags of Thanos for what does not exist here (yet): blocks of a folder are mapped in place, so that there is no index
  /// header to fetch, nothing to cache and no buffer to pool. They are checked, a line of the log names those that were
  /// given, and docs/compatibility.tsv lists them.
  static let withoutEffect: [FlagSpec] = [
    FlagSpec(
      "debug.series-batch-size", .int, "No effect: series are read as they are sent.", default: "10000", hidden: true),
    FlagSpec("web.prefix-header", .string, "No effect: links begin with --web.external-prefix.", default: ""),
    FlagSpec("disable-admin-operations", .bool, "No effect: blocks are never marked through the API."),
    FlagSpec("cache-index-header", .bool, "No effect: blocks of a folder are mapped in place.", default: "true"),
    FlagSpec("index-cache-size", .bytes, "No effect: blocks of a folder are mapped in place.", default: "250MB"),
    FlagSpec("chunk-pool-size", .bytes, "No effect: chunks are not copied.", default: "2GB"),
    FlagSpec(
      "debug.estimated-max-series-size", .int64, "No effect: sizes are read, not guessed.", default: "65536",
      hidden: true),
    FlagSpec(
      "debug.estimated-max-chunk-size", .int64, "No effect: sizes are read, not guessed.", default: "16000",
      hidden: true),
    FlagSpec(
      "store.index-header-posting-offsets-in-mem-sampling", .int, "No effect: there are no index headers.",
      default: "32", hidden: true),
    FlagSpec("store.enable-index-header-lazy-reader", .bool, "No effect: blocks are always opened on first use."),
    FlagSpec(
      "store.index-header-lazy-reader-idle-timeout", .goDuration,
      "No effect: the blocks used last stay open, at most 256.", default: "5m", hidden: true),
    FlagSpec("store.enable-lazy-expanded-postings", .bool, "No effect: postings are read in place."),
    FlagSpec(
      "store.posting-group-max-key-series-ratio", .double, "No effect: postings are read in place.", default: "100"),
    FlagSpec(
      "store.index-header-lazy-download-strategy", .enumeration(["eager", "lazy"]),
      "No effect: there are no index headers.", default: "eager"),
    FlagSpec("matcher-cache-size", .int, "No effect: matchers are compiled once a call.", default: "0"),
    FlagSpec("index-cache.config-file", .string, "No effect: there is no index cache.", placeholder: "<file-path>"),
    FlagSpec("index-cache.config", .string, "No effect: there is no index cache.", placeholder: "<content>"),
    FlagSpec(
      "store.caching-bucket.config-file", .string, "No effect: a folder is not cached.", placeholder: "<file-path>",
      hidden: true),
    FlagSpec(
      "store.caching-bucket.config", .string, "No effect: a folder is not cached.", placeholder: "<content>",
      hidden: true),
  ]
}
