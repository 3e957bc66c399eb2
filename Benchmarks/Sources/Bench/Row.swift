// What a benchmark is: a name, a unit, and something to run many times.

/// One line of the report.
struct Row: Sendable {
  /// Name as in targets.tsv.
  let name: String
  /// Unit of a cost, as in targets.tsv (`ns/sample`, `ms`, …): smaller is better.
  let unit: String
  /// Builds the input. Called once, before the first round; nothing of it is measured.
  let make: @Sendable () throws -> Workload
  /// The programs or libraries the cost is compared with: the name of each, and the same work done by it.
  let peers: [Peer]

  init(name: String, unit: String, peer: Peer? = nil, make: @escaping @Sendable () throws -> Workload) {
    self.init(name: name, unit: unit, peers: peer.map { [$0] } ?? [], make: make)
  }

  init(name: String, unit: String, peers: [Peer], make: @escaping @Sendable () throws -> Workload) {
    (self.name, self.unit, self.peers, self.make) = (name, unit, peers, make)
  }

  /// Nanoseconds in one of the row's units of time ("ns/sample" 1, "us" 1000, "ms" 1,000,000, "CPU s" 1e9).
  var nanosecondsPerUnit: Double {
    let time = unit.split(separator: "/").first.map(String.init) ?? unit
    switch time {
    case "us", "µs": return 1e3
    case "ms": return 1e6
    case "s", "CPU s": return 1e9
    default: return 1
    }
  }
}

/// Something that is run over and over.
struct Workload {
  /// How many of the row's units (samples, elements, values; 1 for a row in plain ms) one run works through.
  let unitsPerRun: Double
  /// One run. Must do the same work each time and keep its result alive (`blackHole`).
  let run: () -> Void
  /// Does a round of work that this process' own CPU time does not tell, and gives the cost of a unit in nanoseconds; nil for
  /// work that `run` does.
  let cost: (() throws -> Double)?

  /// Work that this process does, or children that it waits for.
  init(unitsPerRun: Double, run: @escaping () -> Void) {
    (self.unitsPerRun, self.run, cost) = (unitsPerRun, run, nil)
  }

  /// Work that measures itself, a round at a time.
  init(cost: @escaping () throws -> Double) {
    (unitsPerRun, run, self.cost) = (1, {}, cost)
  }
}

/// The same work by somebody else, measured in the same rounds.
struct Peer: Sendable {
  let name: String
  /// nil where this machine does not have it.
  let make: @Sendable () throws -> Workload?
}

/// Keeps the optimizer from dropping a result.
@inline(never)
func blackHole<T>(_ value: T) {
  withUnsafePointer(to: value) { pointer in blackHoleAddress = UInt(bitPattern: pointer) }
}

nonisolated(unsafe) var blackHoleAddress: UInt = 0

/// How large the inputs are. `toy` runs each row once on little data, so that the rows cannot rot (`bench --toy`).
enum Size {
  case full, toy
  /// `full` elements, or at most `toy` of them in toy size.
  func pick(_ full: Int, toy: Int) -> Int { self == .full ? full : min(full, toy) }
}

/// Set once from the command line, before any row is made.
nonisolated(unsafe) var benchSize = Size.full
