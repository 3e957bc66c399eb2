// Programs that run beside the benchmark: servers and their clients, each pinned to a core of its own.
import Glibc

/// A program that was started and runs until `stop`.
struct RunningProgram {
  let process: pid_t

  /// Starts `words` on the core `core`, with standard output to `outputPath` and nothing said on standard error.
  init(_ words: [String], core: Int, outputPath: String = "/dev/null", environment: [String] = []) throws {
    unlink(outputPath == "/dev/null" ? "" : outputPath)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let all = ["/usr/bin/env"] + environment + ["taskset", "-c", "\(core)"] + words
    var arguments: [UnsafeMutablePointer<CChar>?] = all.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    guard posix_spawn(&child, all[0], &actions, nil, &arguments, environ) == 0 else {
      throw ProgramError(description: "\(words[0]) could not be started")
    }
    process = child
  }

  /// Ends it and waits for its end.
  func stop() {
    kill(process, SIGKILL)
    _ = wait()
  }

  /// Waits for its end: its exit code, or -1 where a signal ended it.
  func wait() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7f == 0 ? (status >> 8) & 0xff : -1
  }

  /// CPU time that it has used so far, all threads, in nanoseconds.
  func timeNs() -> Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}

/// Runs a program on the core `core` to its end and gives what it printed. Throws where it fails.
func output(of words: [String], core: Int, environment: [String] = []) throws -> String {
  let path = benchFolder + "/output-\(getpid())"
  defer { unlink(path) }
  let code = try RunningProgram(words, core: core, outputPath: path, environment: environment).wait()
  let text = readText(path) ?? ""
  guard code == 0 else {
    throw ProgramError(description: "\(words.joined(separator: " ")) ended with \(code): \(text)")
  }
  return text
}

/// Waits up to ten seconds for what `look` finds.
func awaited<Value>(_ what: String, _ look: () -> Value?) throws -> Value {
  for _ in 0..<1000 {
    if let value = look() { return value }
    usleep(10_000)
  }
  throw ProgramError(description: "\(what) did not come within ten seconds")
}

/// Whether somebody listens at a port of the loopback.
func listens(_ port: Int) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  return withLoopback(port) { connect(descriptor, $0, $1) } == 0
}

/// A port of the loopback that nobody listens at now.
func freePort() -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  _ = withLoopback(0) { bind(descriptor, $0, $1) }
  var address = sockaddr_in()
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutablePointer(to: &address) { pointer in
    _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
  }
  return Int(UInt16(bigEndian: address.sin_port))
}

private func withLoopback<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}

/// Where rows keep files.
let benchFolder = "../.build/bench-data"
/// The cores of a row's server and of its client.
let serverCore = 0
let clientCore = max(0, sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1)

/// The path of a peer in the cache of Scripts/peers, which brings it first; nil where it cannot be had.
func peerPath(_ name: String) -> String? {
  let answer = benchFolder + "/peer-" + name
  guard runProgram(["/usr/bin/env", "../Scripts/peers", "--path", name], outputPath: answer) == 0 else { return nil }
  return readText(answer)?.split(separator: "\n").last.map(String.init)
}
