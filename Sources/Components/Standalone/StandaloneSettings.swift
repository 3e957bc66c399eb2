// What the flags of `apus standalone` say, read once at the start.
internal import BlockFolders
internal import ComponentSupport
internal import HTTPAPI
internal import PromQL
internal import QuerySupport
internal import TSModel

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
  /// Queries, their limits and tenants.
  var query: QuerySettings
  /// File that queries are written to; nil for none.
  var queryLogFile: String?
  /// Which pages may read answers.
  var allowedOrigins: QueryAPIOptions.Origins

  /// Reads the flags. Throws `ConfigurationError`.
  init(_ command: ParsedCommand) throws(ConfigurationError) {
    bucketFolder = (command.text("data-dir") ?? "./data") + "/bucket"
    blockFolders = command.texts("blocks")
    syncIntervalMs = Int(clamping: max(100, command.integer("blocks.sync-interval") ?? 0))
    deletionDelayMs = command.integer("ignore-deletion-marks-delay") ?? 0
    query = try QuerySettings(command)
    query.engine.lookbackMs = try QuerySettings.positive("query.lookback-delta", command)
    queryLogFile = QuerySettings.nonEmpty("query.log-file", command)
    allowedOrigins = try Self.origins(command)
  }

  private static func origins(_ command: ParsedCommand) throws(ConfigurationError) -> QueryAPIOptions.Origins {
    if command.isOn("web.disable-cors") { return .none }
    let pattern = command.text("web.cors.origin") ?? ".*"
    if pattern == ".*" { return .all }
    do throws(ModelError) { return .matching(try LabelRegex(pattern)) } catch {
      throw ConfigurationError(.value, "--web.cors.origin=\(pattern): \(error.message)")
    }
  }
}
