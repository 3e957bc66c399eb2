// What stands below /debug/pprof/. Profiles of Go's runtime have no counterpart here; whoever asks for one is told
// which tool gives the same insight from outside, without a restart.
internal import Transport
internal import TSModel

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

enum ProfileRoutes {
  private static let outside: [(name: String, remedy: String)] = [
    (
      "profile",
      "a CPU profile is taken from outside: `perf record -F 99 -g -p PID -- sleep 30`, then `perf report`, or "
        + "`perf script` for tools that draw flame graphs"
    ),
    ("allocs", "there is no sampling of allocations: `heaptrack -p PID` records them"),
    ("block", "waits are not sampled: `perf trace -p PID` shows system calls that wait"),
    ("mutex", "waits for locks are not sampled: `perf trace -e futex -p PID` shows them"),
    ("trace", "executions are not recorded: `perf trace -p PID`, and spans by --tracing.config"),
    ("symbol", "addresses are resolved by the tools that take the profiles"),
    ("fgprof", "waits are not sampled: /debug/pprof/tasks says what each thread does now"),
  ]

  static func reply(_ name: String, query: FormParameters = FormParameters()) -> HTTPReply {
    switch name {
    case "": return index()
    case "heap": return memory(asText: (Int(query["debug"] ?? "") ?? 0) > 0)
    case "tasks", "goroutine", "threadcreate": return .text(threads())
    default:
      guard let entry = outside.first(where: { $0.name == name }) else {
        return .error("Unknown profile", status: 404)
      }
      return .error("\(name): not available: \(entry.remedy)".replacing("PID", with: "\(getpid())"), status: 501)
    }
  }

  /// Resident memory by mapping: a profile, or text.
  private static func memory(asText: Bool) -> HTTPReply {
    do {
      let profile = MemoryProfile(smaps: try readConfigurationFile("/proc/self/smaps", bytesMax: 64 << 20))
      if asText { return .text(profile.text) }
      let bytes = try Gzip.encode(profile.encoded(timeNs: WallClock.nowMs() &* 1_000_000))
      return HTTPReply(
        headers: [
          "content-type": "application/octet-stream", "x-content-type-options": "nosniff",
          "content-disposition": "attachment; filename=\"heap\"",
        ], body: bytes)
    } catch {
      return .error("heap: \(error)", status: 500)
    }
  }

  private static func index() -> HTTPReply {
    var page = """
      <!DOCTYPE html>
      <html>
      <head><title>/debug/pprof/</title></head>
      <body>
      <h1>Profiles of process \(getpid())</h1>
      <p><a href="tasks">tasks</a>: the threads, what each is doing, and the CPU time that it has used.</p>
      <p><a href="heap?debug=1">heap</a>: resident memory by mapping; without debug=1 for <code>pprof</code>.
      Allocations are not sampled: <code>heaptrack -p \(getpid())</code> records them.</p>
      <p>Other profiles are taken from outside:</p>
      <ul>

      """
    for entry in outside {
      let remedy = entry.remedy.replacing("PID", with: "\(getpid())").replacing("&", with: "&amp;")
        .replacing("<", with: "&lt;")
      page += "<li><a href=\"\(entry.name)\">\(entry.name)</a>: \(remedy)</li>\n"
    }
    page += "</ul>\n</body>\n</html>\n"
    return HTTPReply(
      headers: ["content-type": "text/html; charset=utf-8", "x-content-type-options": "nosniff"],
      body: Array(page.utf8))
  }

  /// How many threads there are.
  static var threadCount: Int { entries(of: "/proc/self/task").count }

  /// One line a thread: id, name, state, user and system CPU seconds.
  private static func threads() -> String {
    var lines: [(cpuTicks: Int, text: String)] = []
    let ticksPerSecond = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    for id in entries(of: "/proc/self/task") {
      guard let bytes = try? readConfigurationFile("/proc/self/task/\(id)/stat", bytesMax: 4096) else { continue }
      let stat = String(decoding: bytes, as: UTF8.self)
      guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"), open < close else { continue }
      let name = stat[stat.index(after: open)..<close]
      // The first of these is field 3 of proc(5).
      let fields = stat[stat.index(after: close)...].split(separator: " ")
      guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else { continue }
      let seconds = "user \(Double(user) / ticksPerSecond) s, system \(Double(system) / ticksPerSecond) s"
      lines.append((user + system, "\(id) \(name) \(fields[0]) \(seconds)"))
    }
    lines.sort { $0.cpuTicks > $1.cpuTicks }
    return "threads: \(lines.count)\n" + lines.map { $0.text + "\n" }.joined()
  }

  private static func entries(of folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if Int(name) != nil { names.append(name) }
    }
    return names
  }
}
