// What the queries of each tenant cost, and the memory that they may hold together.
internal import Locking
public import Observability
internal import PromQL
internal import Synchronization
public import TSModel
internal import Transport

/// The accounts of tenants. Names come from outside, so there are at most a thousand; tenants beyond share one.
public final class TenantQueries: Sendable {
  /// The most tenants that have an account of their own.
  public static let namesMax = 1000
  /// Whose account those have that come later.
  public static let others = "(others)"

  /// How a query ended.
  enum Outcome: String {
    case success
    /// It would have held more memory than it, its tenant or the process may.
    case memory
    /// Nobody waits for the answer any more.
    case canceled
    /// Its time was over.
    case timeout
    /// Anything else.
    case error

    init(_ error: (any Error)?) {
      self =
        switch error {
        case nil: .success
        case is BudgetExceeded: .memory
        case is CancellationError: .canceled
        case is TransportError: .canceled
        case let error as QueryError where error.code == .canceled: .canceled
        case let error as QueryError where error.code == .timeout: .timeout
        default: .error
        }
    }
  }

  /// What one tenant has and may.
  final class Account: Sendable {
    let name: String
    /// What its requests' memory is charged to.
    let budget: MemoryBudget

    init(name: String, budget: MemoryBudget) { (self.name, self.budget) = (name, budget) }
  }

  private let bytesMax: Int
  private let parent: MemoryBudget?
  private let accounts = Guarded<[String: Account]>([:])
  private let queries, samples, seconds: CounterFamily

  /// Tenants may hold `bytesMax` bytes each, `Int.max` being no limit, and all together what `parent` allows. What they ask is
  /// counted in `registry`.
  public init(_ registry: MetricsRegistry, bytesMax: Int = .max, parent: MemoryBudget?) {
    self.bytesMax = bytesMax
    self.parent = parent
    queries = registry.counter(
      "apus_query_tenant_queries_total",
      "Queries of a tenant by how they ended: success, memory (refused by a limit on it), canceled, timeout, error.",
      labels: ["tenant", "outcome"])
    samples = registry.counter(
      "apus_query_tenant_samples_total", "Samples that the queries of a tenant decoded.", labels: ["tenant"])
    seconds = registry.counter(
      "apus_query_tenant_seconds_total", "How long the queries of a tenant took, in seconds.", labels: ["tenant"])
    registry.collect { [weak self] metrics in
      for account in self?.all ?? [] {
        metrics.gauge(
          "apus_query_tenant_memory_bytes", "Memory that requests of a tenant hold now.",
          Double(account.budget.usedBytes), labels: ["tenant": account.name])
      }
    }
  }

  private var all: [Account] { accounts.withLock { $0.values.sorted { $0.name < $1.name } } }

  /// The account of `tenant`.
  func account(_ tenant: String) -> Account {
    accounts.withLock { accounts in
      if let account = accounts[tenant] { return account }
      let name = accounts.count < Self.namesMax - 1 ? tenant : Self.others
      if let account = accounts[name] { return account }
      let account = Account(
        name: name,
        budget: MemoryBudget(
          name: "tenant \(name) (--query.max-memory-per-tenant)", limitBytes: bytesMax, parent: parent))
      accounts[name] = account
      return account
    }
  }

  /// Counts a query that ended.
  func count(_ tenant: String, _ statistics: QueryStatistics, _ error: (any Error)?) {
    let name = account(tenant).name
    queries.with(name, Outcome(error).rawValue).add(1)
    samples.with(name).add(statistics.samplesDecoded)
    seconds.with(name).add(max(0, statistics.totalS))
  }
}
