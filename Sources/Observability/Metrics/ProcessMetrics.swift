// What the system says about this process, under the names that Prometheus' clients use everywhere.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

extension MetricsRegistry {
  /// Adds `process_*`, read from /proc at each scrape. A value that cannot be read is left out.
  public func addProcessMetrics() {
    collect { ProcessFacts.read().add(to: &$0) }
  }

  /// Adds the few `go_*` metrics that dashboards of Thanos show, as far as this process has something to say under
  /// these names: threads stand for goroutines, memory without a file for the heap, and pauses for garbage collection
  /// do not occur.
  public func addRuntimeMetrics() {
    collect { RuntimeFacts.add(to: &$0) }
  }
}

/// Figures about the process.
struct ProcessFacts {
  var cpuSeconds: Double?
  var startTimeSeconds: Double?
  var virtualBytes: Double?
  var residentBytes: Double?
  var virtualBytesMax: Double?
  var openDescriptors: Double?
  var descriptorsMax: Double?
  var receivedBytes: Double?
  var transmittedBytes: Double?
  var threadCount: Double?
  var stackBytes: Double?
  var anonymousBytes: Double?

  static func read() -> ProcessFacts {
    var facts = ProcessFacts()
    if let stat = text(of: "/proc/self/stat") {
      facts.addStat(
        stat, ticksPerSecond: Double(max(1, sysconf(Int32(_SC_CLK_TCK)))),
        pageBytes: Double(max(1, sysconf(Int32(_SC_PAGESIZE)))), bootTimeSeconds: bootTimeSeconds)
    }
    if let netstat = text(of: "/proc/self/net/netstat") { facts.addNetstat(netstat) }
    if let status = text(of: "/proc/self/status") { facts.addStatus(status) }
    facts.virtualBytesMax = limit(RLIMIT_AS)
    facts.descriptorsMax = limit(RLIMIT_NOFILE)
    facts.openDescriptors = entryCount(of: "/proc/self/fd")
    return facts
  }

  /// `pid (name) state …`: the name may hold anything, so fields count from the last parenthesis.
  mutating func addStat(_ stat: String, ticksPerSecond: Double, pageBytes: Double, bootTimeSeconds: Double?) {
    guard let end = stat.lastIndex(of: ")") else { return }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    // The first of these is field 3 of proc(5).
    func field(_ number: Int) -> Double? { fields.count > number - 3 ? Double(fields[number - 3]) : nil }
    if let user = field(14), let system = field(15) { cpuSeconds = (user + system) / ticksPerSecond }
    if let start = field(22), let boot = bootTimeSeconds { startTimeSeconds = boot + start / ticksPerSecond }
    virtualBytes = field(23)
    residentBytes = field(24).map { $0 * pageBytes }
    threadCount = field(20)
  }

  /// Two lines a protocol: names and numbers in the same order.
  mutating func addNetstat(_ netstat: String) {
    let lines = netstat.split(separator: "\n").filter { $0.hasPrefix("IpExt:") }
    guard lines.count == 2 else { return }
    for (name, value) in zip(lines[0].split(separator: " "), lines[1].split(separator: " ")) {
      if name == "InOctets" { receivedBytes = Double(value) }
      if name == "OutOctets" { transmittedBytes = Double(value) }
    }
  }

  /// Lines `Name:  123 kB`.
  mutating func addStatus(_ status: String) {
    for line in status.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count == 3, words[2] == "kB", let kibibytes = Double(words[1]) else { continue }
      if words[0] == "VmStk:" { stackBytes = kibibytes * 1024 }
      if words[0] == "RssAnon:" { anonymousBytes = kibibytes * 1024 }
    }
  }

  func add(to metrics: inout MetricsCollection) {
    if let cpuSeconds {
      metrics.counter(
        "process_cpu_seconds_total", "CPU time that the process has used, by itself and in the kernel, in seconds.",
        cpuSeconds)
    }
    let gauges: [(name: String, help: String, value: Double?)] = [
      ("process_max_fds", "How many files and sockets the process may have open.", descriptorsMax),
      ("process_open_fds", "How many files and sockets the process has open.", openDescriptors),
      ("process_resident_memory_bytes", "Memory of the process that is in RAM, in bytes.", residentBytes),
      (
        "process_start_time_seconds", "When the process began, in seconds since the Unix epoch.", startTimeSeconds
      ),
      ("process_virtual_memory_bytes", "Address space of the process, in bytes.", virtualBytes),
      ("process_virtual_memory_max_bytes", "How large the address space may become, in bytes.", virtualBytesMax),
    ]
    for gauge in gauges { if let value = gauge.value { metrics.gauge(gauge.name, gauge.help, value) } }
    if let receivedBytes {
      metrics.counter(
        "process_network_receive_bytes_total", "Bytes of IP that the process' network namespace has received.",
        receivedBytes)
    }
    if let transmittedBytes {
      metrics.counter(
        "process_network_transmit_bytes_total", "Bytes of IP that the process' network namespace has sent.",
        transmittedBytes)
    }
  }

  private static let bootTimeSeconds: Double? = text(of: "/proc/stat")?.split(separator: "\n")
    .first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }

  #if canImport(Glibc)
    private static func limit(_ resource: __rlimit_resource) -> Double? { limit(Int32(resource.rawValue)) }
  #endif

  private static func limit(_ resource: Int32) -> Double? {
    var limits = rlimit()
    guard unsafe getrlimit(resource, &limits) == 0 else { return nil }
    // Without a limit the number is 2^64 - 1.
    return Double(limits.rlim_cur)
  }

  private static func entryCount(of folder: String) -> Double? {
    guard let stream = unsafe opendir(folder) else { return nil }
    defer { unsafe closedir(stream) }
    var count = 0
    while unsafe readdir(stream) != nil { count += 1 }
    // Without ".", ".." and the descriptor that reads the folder.
    return Double(max(0, count - 3))
  }

  /// The first 64 KiB of a file.
  static func text(of path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
        return unsafe Self.systemRead(descriptor, rest.baseAddress, rest.count)
      }
      if got < 0 { return nil }
      if got == 0 { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private static func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.read(descriptor, bytes, count)
    #else
      unsafe Musl.read(descriptor, bytes, count)
    #endif
  }
}

/// Figures about the runtime.
enum RuntimeFacts {
  static func add(to metrics: inout MetricsCollection) {
    let facts = ProcessFacts.read()
    if let threads = facts.threadCount {
      metrics.gauge("go_goroutines", "Number of threads: this program has no goroutines.", threads)
      metrics.gauge("go_threads", "Number of threads.", threads)
    }
    if let stack = facts.stackBytes {
      metrics.gauge("go_memstats_stack_inuse_bytes", "Number of bytes of the main thread's stack.", stack)
    }
    metrics.add(
      "go_gc_duration_seconds", "Pauses for garbage collection: none, as this program has no garbage collector.",
      .summary, .summary(count: 0, sum: 0, quantiles: [0, 0.25, 0.5, 0.75, 1].map { ($0, 0) }), [])
    if let anonymous = facts.anonymousBytes {
      let help = "Number of bytes of memory that no file backs, the heap mostly."
      for name in ["go_memstats_alloc_bytes", "go_memstats_heap_alloc_bytes", "go_memstats_heap_inuse_bytes"] {
        metrics.gauge(name, help, anonymous)
      }
    }
  }
}
