// Structured logs: one line an event, `key=value` or JSON, in the fields and the order of Thanos' own.

/// How much an event matters.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
  /// For who looks for the cause of something.
  case debug
  /// What an operator may like to know.
  case info
  /// What an operator should look at.
  case warn
  /// What did not work.
  case error

  /// `debug`, `info`, `warn`, `error`: as on the command line and in the field `level`.
  public var name: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .warn: "warn"
    case .error: "error"
    }
  }

  /// The level of this name, or nil.
  public init?(name: String) {
    guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }

  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// The form of a line.
public enum LogFormat: String, Sendable {
  /// `ts=… caller=… level=info msg="…" key=value`
  case logfmt
  /// `{"caller":"…","level":"info","msg":"…","ts":"…"}`, keys in alphabetical order.
  case json
}

/// Writes events that are important enough to a sink.
public struct Logger: Sendable {
  /// Events below it are left out.
  public var level: LogLevel
  private let format: LogFormat
  private let sink: any LogSink
  private let clock: @Sendable () -> Int64
  private var context: [(key: String, value: LogValue)] = []

  /// A logger; by default it writes logfmt to standard error. `clock` gives nanoseconds since the Unix epoch.
  public init(
    level: LogLevel = .info, format: LogFormat = .logfmt, sink: any LogSink = DescriptorSink.standardError,
    clock: (@Sendable () -> Int64)? = nil
  ) {
    self.level = level
    self.format = format
    self.sink = sink
    self.clock = clock ?? { WallClock.nowNs }
  }

  /// A logger that writes nothing.
  public static let none = Logger(level: .error, sink: NoSink())

  /// A logger whose events carry these fields besides, between level and message.
  public func with(_ fields: (String, LogValue)...) -> Logger {
    var logger = self
    logger.context.append(contentsOf: fields.map { (key: $0.0, value: $0.1) })
    return logger
  }

  /// Whether an event of this level would be written.
  public func isEnabled(_ level: LogLevel) -> Bool { level >= self.level }

  /// Writes an event of level debug.
  public func debug(
    _ message: @autoclosure () -> String, _ fields: (String, LogValue)...,
    error: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    if level <= .debug { write(.debug, message(), fields, error, file, line) }
  }

  /// Writes an event of level info.
  public func info(
    _ message: @autoclosure () -> String, _ fields: (String, LogValue)...,
    error: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    if level <= .info { write(.info, message(), fields, error, file, line) }
  }

  /// Writes an event of level warn.
  public func warn(
    _ message: @autoclosure () -> String, _ fields: (String, LogValue)...,
    error: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    if level <= .warn { write(.warn, message(), fields, error, file, line) }
  }

  /// Writes an event of level error.
  public func error(
    _ message: @autoclosure () -> String, _ fields: (String, LogValue)...,
    error: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    write(.error, message(), fields, error, file, line)
  }

  /// Writes an event of a level that is known at run time only.
  public func log(
    _ level: LogLevel, _ message: @autoclosure () -> String, _ fields: (String, LogValue)...,
    error: (any Error)? = nil, file: String = #fileID, line: Int = #line
  ) {
    if self.level <= level { write(level, message(), fields, error, file, line) }
  }

  private func write(
    _ level: LogLevel, _ message: String, _ fields: [(String, LogValue)], _ error: (any Error)?,
    _ file: String, _ line: Int
  ) {
    var event: [(key: String, value: LogValue)] = []
    event.reserveCapacity(5 + context.count + fields.count)
    event.append(("ts", .string(TimestampText.rfc3339Nano(unixNs: clock()))))
    let baseName = file.lastIndex(of: "/").map { String(file[file.index(after: $0)...]) } ?? file
    event.append(("caller", .string("\(baseName):\(line)")))
    event.append(("level", .string(level.name)))
    event.append(contentsOf: context)
    event.append(("msg", .string(message)))
    event.append(contentsOf: fields.map { (key: $0.0, value: $0.1) })
    if let error { event.append(("err", .string("\(error)"))) }
    switch format {
    case .logfmt: sink.write(LogText.logfmt(event))
    case .json: sink.write(LogText.json(event))
    }
  }
}
