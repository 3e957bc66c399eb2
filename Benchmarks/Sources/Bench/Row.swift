// What a benchmark is: a name, a unit, and something to run many times.

/// One line of the report.
struct Row: Sendable {
  /// Name as in targets.tsv.
  let name: String
  /// Unit of a cost, as in targets.tsv (`ns/sample`, `ms`, …): smaller is better.
  let unit: String
  /// Builds the input. Called once, before the first round; nothing of it is measured.
  let make: @Sendable () throws -> Workload
  /// The program or library the cost is compared with, or nil: its name, and the same work done by it.
  let peer: Peer?

  init(name: String, unit: String, peer: Peer? = nil, make: @escaping @Sendable () throws -> Workload) {
    (self.name, self.unit, self.peer, self.make) = (name, unit, peer, make)
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
