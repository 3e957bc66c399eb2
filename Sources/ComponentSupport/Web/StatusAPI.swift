// What the status pages ask a component with a web page for: its flags, its build, its process.
internal import Observability
internal import TSModel
public import Transport

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

extension APIRoutes {
  /// Adds /status/flags, /status/buildinfo and /status/runtimeinfo. `flags` are those of the component's own command.
  public func addStatus(_ context: ComponentContext, flags: [FlagSpec], _ router: inout HTTPRouter) {
    let values = context.flagValues(flags).map { JSONValue.Member($0.name, .string($0.value)) }
    let sorted = JSONValue.object(values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
    get("/status/flags", name: "status_flags", &router) { _ in sorted }

    let build = context.build
    get("/status/buildinfo", name: "status_build", &router) { _ in
      .object([
        .init("version", .string(build.version)), .init("revision", .string(build.revision)),
        .init("branch", .string(build.branch)), .init("buildUser", .string("")), .init("buildDate", .string("")),
        .init("goVersion", .string("")),
      ])
    }

    let startTime = TimestampText.rfc3339Nano(unixNs: context.startTimeMs &* 1_000_000)
    get("/status/runtimeinfo", name: "status_runtime", &router) { _ in
      .object([
        .init("startTime", .string(startTime)), .init("CWD", .string(ProcessFacts.workingFolder)),
        .init("goroutineCount", .integer(ProcessFacts.threadCount)),
        .init("GOMAXPROCS", .integer(ProcessFacts.processorCount)), .init("GOGC", .string("")),
        .init("GODEBUG", .string("")), .init("GOMEMLIMIT", .integer(Int64.max)),
      ])
    }
  }
}

extension ComponentContext {
  /// The values of flags as the status page shows them: secrets are left out.
  public func flagValues(_ flags: [FlagSpec]) -> [(name: String, value: String)] {
    flags.map { ($0.name, FlagText.value(of: $0, in: command)) }
  }
}

/// What the status pages tell of the process and its machine.
public enum ProcessFacts {
  /// The folder that it works in.
  public static var workingFolder: String {
    var bytes = [CChar](repeating: 0, count: 4096)
    guard unsafe getcwd(&bytes, bytes.count) != nil else { return "" }
    return text(bytes)
  }

  /// The machine's name.
  public static var hostname: String {
    var bytes = [CChar](repeating: 0, count: 256)
    return unsafe gethostname(&bytes, bytes.count - 1) == 0 ? text(bytes) : ""
  }

  /// How many threads it has.
  public static var threadCount: Int { ProfileRoutes.threadCount }

  /// How many processors there are.
  public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  private static func text(_ bytes: [CChar]) -> String {
    String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Values of flags as Thanos' status page shows them.
enum FlagText {
  /// Configurations without secrets; others are not shown.
  private static let publicConfigurations: Set<String> = ["request.logging-config", "selector.relabel-config"]

  static func value(of flag: FlagSpec, in command: ParsedCommand) -> String {
    switch flag.kind {
    case .string, .enumeration:
      let text = command.texts(flag.name).joined(separator: ",")
      // Thanos hides the bucket's configuration whether it is given or not.
      if flag.name == "objstore.config" || flag.name == "objstore.config-file" { return "<REDACTED>" }
      let isConfiguration = flag.name.hasSuffix("config") && !publicConfigurations.contains(flag.name)
      return isConfiguration && flag.name != "http.config" && !text.isEmpty ? "<REDACTED>" : text
    case .bool: return command.isOn(flag.name) ? "true" : "false"
    case .double: return command.number(flag.name).map { Self.number($0) } ?? ""
    case .int, .int64: return command.integer(flag.name).map { "\($0)" } ?? ""
    case .duration: return command.integer(flag.name).map { prometheusDuration(ms: $0) } ?? ""
    case .goDuration: return command.integer(flag.name).map { Duration.nanoseconds($0).goText } ?? ""
    case .bytes: return command.integer(flag.name).map { bytes($0) } ?? ""
    case .time: return command.integer(flag.name).map { time(ms: $0) } ?? ""
    }
  }

  private static func number(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `1d`, `2h30m`, `0s`. Years and weeks only where nothing is left over.
  static func prometheusDuration(ms: Int64) -> String {
    if ms == 0 { return "0s" }
    let units: [(name: String, ms: UInt64, isExactOnly: Bool)] = [
      ("y", 31_536_000_000, true), ("w", 604_800_000, true), ("d", 86_400_000, false), ("h", 3_600_000, false),
      ("m", 60_000, false), ("s", 1000, false), ("ms", 1, false),
    ]
    var rest = ms.magnitude
    var text = ms < 0 ? "-" : ""
    for unit in units {
      if unit.isExactOnly, rest % unit.ms != 0 { continue }
      if rest / unit.ms > 0 { text += "\(rest / unit.ms)\(unit.name)" }
      rest %= unit.ms
    }
    return text
  }

  /// `250MiB`, `1GiB512MiB`, `0B`.
  static func bytes(_ count: Int64) -> String {
    if count == 0 { return "0B" }
    var rest = count.magnitude
    var text = count < 0 ? "-" : ""
    for (shift, unit) in [(60, "EiB"), (50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B")] {
      let whole = rest >> UInt64(shift)
      if whole > 0 { text += "\(whole)\(unit)" }
      rest -= whole << UInt64(shift)
    }
    return text
  }

  /// `2026-01-01 00:00:00 +0000 UTC`, with decimals of the second where there are some.
  static func time(ms: Int64) -> String {
    // The range of the flags' defaults, the years 0 to 9999, is wider than that of nanoseconds.
    let (days, ofDay) = ms.quotientAndRemainder(dividingBy: 86_400_000)
    let isBefore = ofDay < 0
    let date = TimestampText.date(daysSinceEpoch: isBefore ? days - 1 : days)
    let msOfDay = isBefore ? ofDay + 86_400_000 : ofDay
    let clock = TimestampText.rfc3339Nano(unixNs: msOfDay * 1_000_000).dropFirst("1970-01-01T".utf8.count).dropLast()
    return "\(date) \(clock) +0000 UTC"
  }
}
