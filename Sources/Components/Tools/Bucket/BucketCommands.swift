// `apus tools bucket`: what its commands share. Flags, texts and exit codes are Thanos' own; results go to standard output,
// logs to standard error.
internal import BucketBlocks
internal import ComponentSupport
internal import ObjectStore
internal import Observability
internal import Storage
internal import TSModel

enum BucketCommands {
  private static let objectStore = PathOrContent("objstore.config", required: true, substitutesEnvironment: true)

  static let spec = CommandSpec(
    "bucket", "Look into blocks in object storage, and put them there.",
    flags: objectStore.flags(
      "YAML that says which object store to use. See https://thanos.io/tip/thanos/storage.md/#configuration for its form."
    ),
    commands: [ListCommand.spec, InspectCommand.spec, UploadCommand.spec])

  static let timeoutFlag = FlagSpec(
    "timeout", .goDuration, "How long reading the blocks' metas may take.", default: "5m")

  /// Runs the command `name`. Returns the exit code.
  static func run(_ name: String, _ command: ParsedCommand) async throws -> Int32 {
    let logger = logger(of: command)
    do {
      switch name {
      case "ls": try await ListCommand.run(command, logger)
      case "inspect": try await InspectCommand.run(command, logger)
      default: try await UploadCommand.run(command, logger)
      }
      logger.info("exiting")
      return 0
    } catch let error as OutputClosed {
      throw error
    } catch {
      logger.error("running tools bucket \(name) failed", error: error)
      return 1
    }
  }

  /// The bucket that the flags name.
  static func bucket(of command: ParsedCommand, _ logger: Logger) throws -> any Bucket {
    let text = try objectStore.content(of: command) ?? []
    logger.info("loading bucket configuration")
    let config = try ObjectStoreConfig(text)
    return try openFolderBucket(path: config.directory, prefix: config.prefix, registry: MetricsRegistry())
  }

  /// The blocks of a bucket. Those that are set aside are logged with their reason.
  static func view(
    of bucket: any Bucket, _ command: ParsedCommand, filters: [any BlockFilter], keepsDetails: Bool, _ logger: Logger
  ) async throws -> BlockView {
    var options = BlockFetcher.Options()
    options.keepsDetails = keepsDetails
    let fetcher = BlockFetcher(bucket: bucket, options: options, filters: filters, logger: logger)
    let view = try await within(ns: command.integer("timeout") ?? 0) { try await fetcher.fetch() }
    for (id, reason) in view.partial.sorted(by: { $0.key < $1.key }) {
      logger.warn("block set aside", ("block", .describing(id)), ("reason", .string(reason)))
    }
    return view
  }

  /// An error where something could not be learnt about blocks that look used.
  static func checkComplete(_ view: BlockView) throws {
    guard !view.isComplete else { return }
    let reasons = view.failures.sorted { $0.key < $1.key }.map(\.value)
    throw BucketError(.unavailable, "incomplete view: \(reasons.joined(separator: "; "))")
  }

  private static func logger(of command: ParsedCommand) -> Logger {
    Logger(
      level: command.text("log.level").flatMap { LogLevel(name: $0) } ?? .info,
      format: command.text("log.format") == "json" ? .json : .logfmt)
  }

  /// What `body` gives, or an error where that takes longer than `ns` nanoseconds; 0 for no limit.
  private static func within<Value: Sendable>(
    ns: Int64, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    guard ns > 0 else { return try await body() }
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: .nanoseconds(ns))
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let value = first else {
        throw BucketError(.unavailable, "context deadline exceeded")
      }
      return value
    }
  }
}

/// Durations as Go writes them.
enum GoDuration {
  /// `2h0m0s`, `-296h0m0s`, `1.5s`, `20ms`, `0s`.
  static func text(ms: Int64) -> String {
    if ms == 0 { return "0s" }
    let size = ms.magnitude
    let sign = ms < 0 ? "-" : ""
    if size < 1000 { return "\(sign)\(size)ms" }
    let seconds = size / 1000
    var fraction = size % 1000 == 0 ? "" : "." + String(1000 + size % 1000).dropFirst()
    while fraction.hasSuffix("0") { fraction.removeLast() }
    var text = sign
    if seconds >= 3600 { text += "\(seconds / 3600)h" }
    if seconds >= 60 { text += "\(seconds / 60 % 60)m" }
    return text + "\(seconds % 60)\(fraction)s"
  }
}
