// Other programs, run to their end or beside a test. A child is ended by its process id and by nothing else.
import Foundation

/// What a program that ended left behind.
public struct ProcessResult: Sendable {
  /// The exit code; 128 + the signal where a signal ended it.
  public let exitCode: Int32
  /// Everything it wrote to standard output.
  public let output: [UInt8]
  /// Everything it wrote to standard error.
  public let errors: [UInt8]
  /// Standard output as text.
  public var outputText: String { String(decoding: output, as: UTF8.self) }
  /// Standard error as text.
  public var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// Runs a program to its end and returns what it wrote. Ends it after `timeLimitSeconds` (exit code 137 then).
public func runProcess(
  _ program: String, _ arguments: [String], environment: [String: String] = [:], folder: String? = nil,
  input: String = "/dev/null", outputPath: String? = nil, timeLimitSeconds: Double = 600
) throws -> ProcessResult {
  let child = try RunningProcess(
    program, arguments, environment: environment, folder: folder, input: input, outputPath: outputPath)
  let exitCode = child.wait(timeLimitSeconds: timeLimitSeconds) ?? child.kill(SIGKILL)
  return ProcessResult(exitCode: exitCode, output: outputPath == nil ? child.output : [], errors: child.errors)
}

/// The same for tests whose own tasks must run meanwhile (a server of theirs that the program talks to): it waits on a thread of
/// its own.
public func runBeside(
  _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String = "/dev/null",
  timeLimitSeconds: Double = 60
) async throws -> ProcessResult {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(
        with: Result {
          try runProcess(
            program, arguments, environment: environment, input: input, timeLimitSeconds: timeLimitSeconds)
        })
    }
  }
}

/// A program that runs beside the test: a server, or a writer that is to be killed. Dropping the value ends it.
public final class RunningProcess: @unchecked Sendable {
  /// Its process id.
  public let processID: pid_t
  private let outputPath: String
  private let errorPath: String
  private let ownsOutput: Bool
  // Guarded by `lock`, as the value may be dropped on another thread than the one that waits.
  private let lock = NSLock()
  private var exitCode: Int32?

  /// Starts `program` (a path) with `arguments`. `environment` is added to this process' own. `outputPath` is where standard
  /// output goes instead of a temporary file; `input` is a file to read as standard input.
  public init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], folder: String? = nil,
    input: String = "/dev/null", outputPath: String? = nil
  ) throws {
    let scratch = (ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp") + "/apus-run-\(UUID().uuidString)"
    self.outputPath = outputPath ?? scratch + ".out"
    self.ownsOutput = outputPath == nil
    self.errorPath = scratch + ".err"

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, self.outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, self.errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    Self.closeOthers(&actions)

    let merged = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    // posix_spawn's own change of folder is a GNU extension that Swift does not see: env does it and then becomes the program.
    let words = folder.map { ["/usr/bin/env", "-C", $0, program] } ?? [program]
    var argv: [UnsafeMutablePointer<CChar>?] = (words + arguments).map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var pid: pid_t = 0
    let failure = posix_spawn(&pid, words[0], &actions, nil, &argv, &envp)
    guard failure == 0 else { throw TestSupportError("start \(program): \(String(cString: strerror(failure)))") }
    processID = pid
  }

  /// Lets the program have nothing of this process' open but its standard streams: a socket that it kept open would hide from the other
  /// end that this process closed it. (A GNU extension that Swift does not see; glibc has it since 2.34.)
  private static func closeOthers(_ actions: inout posix_spawn_file_actions_t) {
    typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32
    guard let symbol = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return }
    _ = unsafeBitCast(symbol, to: CloseFrom.self)(&actions, 3)
  }

  /// Waits for the end: its exit code, or nil where it still runs after `timeLimitSeconds`.
  public func wait(timeLimitSeconds: Double) -> Int32? {
    let deadline = DispatchTime.now().uptimeNanoseconds + UInt64(timeLimitSeconds * 1e9)
    var pause: UInt32 = 200
    while true {
      if let code = poll() { return code }
      if DispatchTime.now().uptimeNanoseconds >= deadline { return nil }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  /// Its exit code if it has ended.
  public func poll() -> Int32? {
    lock.lock()
    defer { lock.unlock() }
    if let exitCode { return exitCode }
    var status: Int32 = 0
    guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
    exitCode = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    return exitCode
  }

  /// Sends a signal and waits for the end.
  @discardableResult
  public func kill(_ signal: Int32) -> Int32 {
    if let code = poll() { return code }
    _ = Glibc.kill(processID, signal)
    return wait(timeLimitSeconds: 30) ?? 137
  }

  /// SIGTERM, and SIGKILL where that does not end it within ten seconds.
  @discardableResult
  public func stop() -> Int32 {
    if let code = poll() { return code }
    _ = Glibc.kill(processID, SIGTERM)
    return wait(timeLimitSeconds: 10) ?? kill(SIGKILL)
  }

  /// What it wrote to standard output so far.
  public var output: [UInt8] { (try? readFile(outputPath)) ?? [] }
  /// What it wrote to standard error so far.
  public var errors: [UInt8] { (try? readFile(errorPath)) ?? [] }

  deinit {
    kill(SIGKILL)
    if ownsOutput { unlink(outputPath) }
    unlink(errorPath)
  }
}

/// The programs of this package, in the folder that the tests were built into.
public enum BuiltProgram {
  /// Path of the `apus` executable: the one built with the tests, or what APUS_PROGRAM names (that of `make release`, say).
  public static let apus: String = {
    if let other = ProcessInfo.processInfo.environment["APUS_PROGRAM"] { return other }
    let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(fileURLWithPath: link ?? CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
      "apus"
    ).path
  }()

  /// Runs `apus` with `arguments`.
  public static func run(
    _ arguments: [String], input: String = "/dev/null", outputPath: String? = nil, timeLimitSeconds: Double = 300
  ) throws -> ProcessResult {
    try runProcess(apus, arguments, input: input, outputPath: outputPath, timeLimitSeconds: timeLimitSeconds)
  }
}
