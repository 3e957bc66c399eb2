// `bench [FILTER…] [--toy] [--rounds N] [--results FILE]`: runs the rows whose name contains one of the filters (all without).
import CPinning
import Glibc

private let usage = """
  usage: bench [FILTER…] [--list] [--toy] [--rounds N] [--round-ms N] [--targets FILE] [--results FILE]

  Runs the rows whose name contains one of FILTER (all of them without), interleaved, pinned to one core, and prints
  the smallest cost beside the measured limit and the target, both times the machine factor.
    --list          names the rows and stops
    --toy           little data, one round: only whether every row still runs
    --rounds N      interleaved rounds (5)
    --round-ms N    about how long a row runs a round (150)
    --results FILE  writes one JSON line a row there
  """

private struct Options {
  var filters: [String] = []
  var list = false
  var rounds = 5
  var roundNs = 150e6
  var targets = "targets.tsv"
  var results: String?

  init?(_ arguments: [String]) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--list": list = true
      case "--toy": benchSize = .toy
      case "--rounds":
        guard let count = rest.popFirst().flatMap({ Int($0) }), count > 0 else { return nil }
        rounds = count
      case "--round-ms":
        guard let ms = rest.popFirst().flatMap({ Double($0) }), ms > 0 else { return nil }
        roundNs = ms * 1e6
      case "--targets":
        guard let path = rest.popFirst() else { return nil }
        targets = path
      case "--results":
        guard let path = rest.popFirst() else { return nil }
        results = path
      default:
        guard !argument.hasPrefix("-") else { return nil }
        filters.append(argument)
      }
    }
    if benchSize == .toy { (rounds, roundNs) = (1, 1e6) }
  }
}

@main
struct Bench {
  static func main() {
    guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
      print(usage)
      exit(2)
    }
    func isWanted(_ name: String) -> Bool {
      options.filters.isEmpty || options.filters.contains { name.contains($0) }
    }
    let rows = allRows.filter { isWanted($0.name) }
    let figures = allFigures.filter { group in group.figures.contains { isWanted($0.name) } }
    if options.list {
      for row in rows { print("\(row.name)\t\(row.unit)") }
      for figure in figures.flatMap(\.figures) { print("\(figure.name)\t\(figure.unit)") }
      return
    }
    guard !rows.isEmpty || !figures.isEmpty else {
      print("bench: no row is named like \(options.filters.joined(separator: ", ")); --list names them")
      exit(1)
    }
    mkdir(benchFolder, 0o755)
    var (results, factor): ([Result], Double) = ([], .nan)
    var isComplete = rows.isEmpty || run(rows, options, &results, &factor)
    var taken: [Figure] = []
    isComplete = takeFigures(figures, into: &taken) && isComplete
    if let path = options.results {
      let lines = results.map { json($0, factor: factor) } + taken.map { json($0) }
      isComplete = write(lines, to: path) && isComplete
    }
    exit(isComplete ? 0 : 1)
  }

  /// Measures and reports; false where a row could not be made. Rows above their target are reported, not failures: another
  /// program on the machine can cause them.
  private static func run(
    _ rows: [Row], _ options: Options, _ results: inout [Result], _ machineFactor: inout Double
  ) -> Bool {
    let core = bench_pin_to_last_core()
    let targets = readTargets(options.targets)
    let factor = MachineFactor()
    for yardstick in factor.all { yardstick.calibrate(roundNs: options.roundNs) }

    var running: [(row: Row, ours: Measurement, peers: [(name: String, measurement: Measurement)])] = []
    var isComplete = true
    for row in rows {
      do {
        let ours = Measurement(try row.make())
        ours.calibrate(roundNs: options.roundNs)
        let peers = try row.peers.compactMap { peer in
          try peer.make().map { (name: peer.name, measurement: Measurement($0)) }
        }
        for peer in peers { peer.measurement.calibrate(roundNs: options.roundNs) }
        running.append((row, ours, peers))
      } catch {
        print("bench: \(row.name): \(error)")
        isComplete = false
      }
    }
    for _ in 0..<options.rounds {
      for yardstick in factor.all { yardstick.round(repeats: 5) }
      for entry in running {
        entry.ours.round(repeats: 5)
        for peer in entry.peers { peer.measurement.round(repeats: 5) }
      }
    }

    for entry in running {
      for measurement in [entry.ours] + entry.peers.map(\.measurement) {
        guard let failure = measurement.failure else { continue }
        print("bench: \(entry.row.name): \(failure)")
        isComplete = false
      }
    }
    machineFactor = factor.value
    results = running.map { entry in
      let scale = entry.row.nanosecondsPerUnit
      return Result(
        row: entry.row, ours: entry.ours.minimum / scale, spread: entry.ours.spread,
        peers: entry.peers.map { ($0.name, $0.measurement.minimum / scale) }, target: targets[entry.row.name])
    }
    print(
      "machine factor \(threeDigits(factor.value)): snappy decode \(threeDigits(1 / factor.snappy.minimum)), "
        + "zstd-1 decode \(threeDigits(1 / factor.zstd.minimum)), memcpy in L2 \(threeDigits(1 / factor.memcpy.minimum)) GB/s; "
        + "\(core < 0 ? "not pinned" : "core \(core)"), \(options.rounds) rounds, smallest cost, spread = median round / smallest"
    )
    print(header())
    for result in results { print(line(result, factor: factor.value)) }
    let above = results.filter { $0.reached(factor: factor.value) == false }.count
    print("\(results.count) rows, \(above) above their target")
    return isComplete
  }

  private static func write(_ lines: [String], to path: String) -> Bool {
    guard let file = fopen(path, "w") else {
      print("bench: cannot write \(path): \(String(cString: strerror(errno)))")
      return false
    }
    for line in lines { fputs(line + "\n", file) }
    return fclose(file) == 0
  }
}
