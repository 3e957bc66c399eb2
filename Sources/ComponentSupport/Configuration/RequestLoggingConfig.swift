// `--request.logging-config`: which requests are logged, and when.

/// What is logged of requests.
public struct RequestLoggingConfig: Sendable, Equatable {
  /// From which level on, and at which moments, requests are logged.
  public struct Options: Sendable, Equatable {
    /// How grave something must be to be logged.
    public enum Level: String, Sendable, CaseIterable {
      /// Everything.
      case debug = "DEBUG"
      /// What is worth knowing.
      case info = "INFO"
      /// What may go wrong.
      case warning = "WARNING"
      /// What went wrong.
      case error = "ERROR"
    }

    /// Calls whose level lies below are not logged.
    public var level: Level
    /// Log when a call begins.
    public var logsStart: Bool
    /// Log when a call has ended.
    public var logsEnd: Bool

    /// Options; by default nothing is logged.
    public init(level: Level = .error, logsStart: Bool = false, logsEnd: Bool = false) {
      self.level = level
      self.logsStart = logsStart
      self.logsEnd = logsEnd
    }
  }

  /// A path on a port, logged where the list is not empty and holds it.
  public struct HTTPTarget: Sendable, Hashable {
    /// The path of requests.
    public var path: String
    /// The port they come in on.
    public var port: UInt64
  }

  /// What is logged of HTTP requests.
  public var http = Options()
  /// The only requests that are logged; all where empty.
  public var httpTargets: [HTTPTarget] = []
  /// What is logged of gRPC calls.
  public var grpc = Options()
  /// The only calls that are logged, as `/service/method`; all where empty.
  public var grpcMethods: [String] = []

  /// Nothing is logged.
  public init() {}

  /// Reads the YAML of `--request.logging-config`; an empty text logs nothing. Throws in Thanos' words.
  public init(_ yaml: [UInt8]) throws(ConfigurationError) {
    do {
      let problems = YAMLProblems()
      var root = YAMLFields(try YAMLDocument(yaml).root, as: "logging.RequestConfig", problems)
      let global = Self.options(&root)
      var http = root.fields("http", as: "logging.HTTPProtocolConfigs")
      let httpOptions = Self.options(&http)
      for element in http.elements("config", as: "[]logging.HTTPProtocolConfig") ?? [] {
        var target = YAMLFields(element, as: "logging.HTTPProtocolConfig", problems)
        httpTargets.append(HTTPTarget(path: target.string("path") ?? "", port: target.uint("port") ?? 0))
        target.finish()
      }
      http.finish()
      var grpc = root.fields("grpc", as: "logging.GRPCProtocolConfigs")
      let grpcOptions = Self.options(&grpc)
      for element in grpc.elements("config", as: "[]logging.GRPCProtocolConfig") ?? [] {
        var method = YAMLFields(element, as: "logging.GRPCProtocolConfig", problems)
        grpcMethods.append("/\(method.string("service") ?? "")/\(method.string("method") ?? "")")
        method.finish()
      }
      grpc.finish()
      root.finish()
      try problems.check()
      // Options of a protocol replace the global ones as a whole.
      self.http = try Self.checked(httpOptions ?? global)
      self.grpc = try Self.checked(grpcOptions ?? global)
    } catch {
      throw error.within("error while parsing config for request logging")
    }
  }

  private struct Draft {
    var level: String
    var logsStart: Bool
    var logsEnd: Bool
  }

  private static func options(_ fields: inout YAMLFields) -> Draft? {
    var options = fields.fields("options", as: "logging.OptionsConfig")
    let level = options.string("level") ?? ""
    var decision = options.fields("decision", as: "logging.DecisionConfig")
    let draft = Draft(
      level: level, logsStart: decision.bool("log_start") ?? false, logsEnd: decision.bool("log_end") ?? false)
    decision.finish()
    options.finish()
    return options.isPresent ? draft : nil
  }

  private static func checked(_ draft: Draft?) throws(ConfigurationError) -> Options {
    guard let draft else { return Options() }
    guard let level = Options.Level(rawValue: draft.level) else {
      throw ConfigurationError(
        .value, "the format of level is invalid. Expected INFO/DEBUG/ERROR/WARNING, got this \(draft.level)")
    }
    if draft.logsStart, !draft.logsEnd {
      throw ConfigurationError(
        .value, "log_start is set, log_end is not: a call whose start is logged has its end logged too")
    }
    return Options(level: level, logsStart: draft.logsStart, logsEnd: draft.logsEnd)
  }
}
