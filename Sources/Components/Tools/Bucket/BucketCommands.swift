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

/// Labels as flags give them: `name="value"`.
enum LabelFlags {
  /// Reads them. Throws in Thanos' words for what is none; of several with one name the last counts.
  static func parse(_ texts: [String]) throws -> [Labels.Label] {
    var labels: [Labels.Label] = []
    for text in texts {
      guard let equals = text.firstIndex(of: "=") else {
        throw BucketError(.argument, "unrecognized label \(quoted(text))")
      }
      let name = String(text[..<equals])
      guard isLabelName(name) else { throw BucketError(.argument, "unsupported format for label \(text)") }
      guard let value = unquoted(text[text.index(after: equals)...]) else {
        throw BucketError(.argument, "unquote label value: invalid syntax")
      }
      labels.removeAll { $0.name == name }
      labels.append(Labels.Label(name: name, value: value))
    }
    return labels
  }

  private static func isLabelName(_ name: String) -> Bool {
    guard let first = name.utf8.first, first < 0x30 || first > 0x39 else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 0x5F || byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A
    }
  }

  /// A string in double quotes with Go's escapes, or in back quotes with none; nil for anything else.
  private static func unquoted(_ text: Substring) -> String? {
    guard let mark = text.first, text.count >= 2, text.last == mark else { return nil }
    let inner = text.dropFirst().dropLast()
    if mark == "`" { return inner.contains("`") ? nil : String(inner) }
    guard mark == "\"" else { return nil }
    var result: [UInt8] = []
    var rest = inner.utf8[...]
    while let byte = rest.popFirst() {
      guard byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\n") else { return nil }
      guard byte == UInt8(ascii: "\\") else {
        result.append(byte)
        continue
      }
      guard let letter = rest.popFirst() else { return nil }
      let digits: Int
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        result.append(letter)
        continue
      case UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"):
        result.append(letter == UInt8(ascii: "n") ? 0x0A : letter == UInt8(ascii: "t") ? 0x09 : 0x0D)
        continue
      case UInt8(ascii: "x"): digits = 2
      case UInt8(ascii: "u"): digits = 4
      case UInt8(ascii: "U"): digits = 8
      default: return nil
      }
      guard rest.count >= digits,
        let value = UInt32(String(decoding: rest.prefix(digits), as: UTF8.self), radix: 16),
        rest.first != UInt8(ascii: "+"),
        rest.first != UInt8(ascii: "-")
      else { return nil }
      rest = rest.dropFirst(digits)
      if digits == 2 {
        result.append(UInt8(value))
      } else {
        guard let scalar = Unicode.Scalar(value) else { return nil }
        result += Array(String(Character(scalar)).utf8)
      }
    }
    return String(validating: result, as: UTF8.self)
  }

  private static func quoted(_ text: String) -> String {
    JSONValue.quoted(text)
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
