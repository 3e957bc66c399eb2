// The query API of Prometheus: /api/v1/query and what belongs to it.
//
// An endpoint is a method that takes the call and returns an APIAnswer or throws an APIProblem; the envelope, the fields for
// browsers and the mapping of other errors are here, once.
internal import Observability
public import PromQL
internal import TSModel
public import Transport

/// Answers queries, and questions about series and labels, over HTTP.
public struct QueryAPI: Sendable {
  /// What is asked.
  public typealias Source = Queryable & LabelQueryable

  let engine: QueryEngine
  let source: any Source
  let longTexts = LongTexts()
  /// How it was set up.
  public var options: QueryAPIOptions
  /// What the status pages tell.
  public var status = StatusSources()
  /// Where queries wait for their turn.
  public var queue: QueryQueue?
  /// Where queries are written down.
  public var queryLog: QueryLog?
  /// Where those are told that took long.
  public var slowQueries: SlowQueryLog?
  /// What is counted of them.
  public var metrics: QueryMetrics?
  /// What is counted of them by tenants, and what these may hold.
  public var tenants: TenantQueries?

  /// An API that answers by `engine` from `source`.
  public init(engine: QueryEngine, source: any Source, options: QueryAPIOptions = QueryAPIOptions()) {
    self.engine = engine
    self.source = source
    self.options = options
  }

  var dialect: Dialect { options.dialect }

  /// Adds all endpoints below `prefix`/api/v1; `prefix` is empty or begins with a slash.
  public func addRoutes(to router: inout HTTPRouter, prefix: String = "") {
    router.cleansPaths = dialect.cleansPaths
    let root = prefix + "/api/v1"
    add(.getAndPost, root + "/query", "query", query, to: &router)
    add(.getAndPost, root + "/query_range", "query_range", queryRange, to: &router)
    if dialect.hasAnalysis {
      add(.getAndPost, root + "/query_explain", "query", queryExplain, to: &router)
      add(.getAndPost, root + "/query_range_explain", "query", queryRangeExplain, to: &router)
    }
    add(.getAndPost, root + "/query_exemplars", "exemplars", queryExemplars, to: &router)
    add(.getAndPost, root + "/format_query", "format_query", formatQuery, to: &router)
    add(.getAndPost, root + "/parse_query", "parse_query", parseQuery, to: &router)
    add(.getAndPost, root + "/series", "series", series, to: &router)
    add(.getAndPost, root + "/labels", "label_names", labelNames, to: &router)
    add(.get, root + "/label/:name/values", "label_values", labelValues, to: &router)
    add(.get, root + "/metadata", "metadata", metadata, to: &router)
    add(.get, root + "/targets", "targets", targets, to: &router)
    add(.get, root + "/targets/metadata", "targets_metadata", targetsMetadata, to: &router)
    add(.get, root + "/scrape_pools", "scrape_pools", scrapePools, to: &router)
    add(.get, root + "/rules", "rules", rules, to: &router)
    add(.get, root + "/alerts", "alerts", alerts, to: &router)
    add(.get, root + "/alertmanagers", "alertmanagers", alertmanagers, to: &router)
    add(.get, root + "/notifications", "notifications", notifications, to: &router)
    add(.get, root + "/features", "features", features, to: &router)
    add(.get, root + "/status/config", "status_config", statusConfig, to: &router)
    add(.get, root + "/status/flags", "status_flags", statusFlags, to: &router)
    add(.get, root + "/status/buildinfo", "status_build", statusBuild, to: &router)
    add(.get, root + "/status/runtimeinfo", "status_runtime", statusRuntime, to: &router)
    add(.get, root + "/status/tsdb", "status_tsdb", statusTSDB, to: &router)
    add(.get, root + "/status/tsdb/blocks", "status_tsdb_blocks", statusBlocks, to: &router)
    add(.get, root + "/status/walreplay", "status_walreplay", statusWALReplay, to: &router)
    if let stores = status.stores {
      add(.get, root + "/stores", "stores", { _ in APIAnswer(try await stores()) }, to: &router)
    }
    let api = self
    router.on("OPTIONS", root + "/*", name: "options") { call in
      var reply = HTTPReply(status: 204)
      api.addOriginFields(call, to: &reply)
      return reply
    }
  }

  // MARK: Envelope

  private typealias Endpoint = @Sendable (HTTPCall) async throws -> APIAnswer

  private enum Methods {
    case get, getAndPost
  }

  private func add(
    _ methods: Methods, _ path: String, _ name: String, _ endpoint: @escaping Endpoint, to router: inout HTTPRouter
  ) {
    let api = self
    let answer: HTTPRouter.Answer = { call in
      var reply = try await api.reply(to: call, endpoint)
      api.addOriginFields(call, to: &reply)
      return reply
    }
    router.get(path, name: name, answersHead: false, answer)
    if methods == .getAndPost { router.post(path, name: name, answer) }
  }

  private func reply(to call: HTTPCall, _ endpoint: Endpoint) async throws -> HTTPReply {
    do {
      return try await endpoint(call).reply(dialect)
    } catch let problem as APIProblem {
      return try problem.reply(dialect)
    } catch let problem as HTTPProblem {
      return .error(problem.message, status: problem.status)
    } catch let error as TransportError where [.limit, .closed, .cancelled].contains(error.code) {
      // The client's, which the router knows how to answer.
      throw error
    } catch let error as CancellationError {
      throw error
    } catch let error as BudgetExceeded {
      return try APIProblem(.execution, Self.text(of: error)).reply(dialect)
    } catch let error as QueryError {
      return try problem(of: error).reply(dialect)
    } catch {
      return try APIProblem(.internal, "\(error)").reply(dialect)
    }
  }

  private static func text(of error: BudgetExceeded) -> String {
    "\(error); ask for fewer series, a shorter time range or a larger step, or raise the limit"
  }

  func problem(of error: QueryError) -> APIProblem {
    switch error.code {
    case .badData: APIParameters.invalid("query", error.message)
    case .execution: APIProblem(.execution, error.message)
    case .canceled: APIProblem(.canceled, error.message)
    case .timeout: APIProblem(.timeout, error.message)
    case .internal: APIProblem(.internal, error.message)
    }
  }

  private func addOriginFields(_ call: HTTPCall, to reply: inout HTTPReply) {
    let allowedOrigin: String
    if dialect.allowsAllOrigins {
      if case .none = options.allowedOrigins { return }
      allowedOrigin = "*"
    } else {
      reply.headers.add("vary", "Origin")
      guard let origin = call.headers["origin"], !origin.isEmpty else { return }
      switch options.allowedOrigins {
      case .none: return
      case .all: allowedOrigin = origin
      case .matching(let regex):
        guard regex.matches(origin) else { return }
        allowedOrigin = origin
      }
    }
    reply.allow(origin: allowedOrigin, encodings: dialect.allowsAllOrigins)
  }
}
