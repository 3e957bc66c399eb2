// The flags of `apus standalone` beside those that every component shares.
internal import ComponentSupport
internal import QuerySupport

/// Names are those of Prometheus or Thanos where these have the like.
enum StandaloneFlags {
  /// In the order of `--help`.
  static let all: [FlagSpec] = blocks + query + TenancyFlags.all + web

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

  static let query: [FlagSpec] =
    QueryFlags.limits + [
      FlagSpec(
        "query.lookback-delta", .duration, "How far back an instant selector looks for a sample.", default: "5m"),
      FlagSpec(
        "query.log-file", .string, "File that every query is written to, a line of JSON each; empty for none.",
        default: ""),
    ]

  static let web: [FlagSpec] =
    QueryFlags.web + [
      FlagSpec(
        "web.cors.origin", .string,
        "Regular expression of the origins whose pages may read answers; it must match the whole origin.",
        default: ".*")
    ]
}
