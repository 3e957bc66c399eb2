// Other programs as workloads: their CPU time counts, as `processTimeNs` includes children.
import Glibc

/// Why a program cannot be measured here.
struct ProgramError: Error, CustomStringConvertible {
  let description: String
}

/// Runs a program to its end with standard output to `/dev/null`, or to `outputPath`. Returns its exit code, or -1 where it
/// could not be started.
@discardableResult
func runProgram(_ words: [String], outputPath: String = "/dev/null") -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
  var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  var child: pid_t = 0
  guard posix_spawn(&child, words[0], &actions, nil, &arguments, environ) == 0 else { return -1 }
  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0 && errno == EINTR {}
  return status & 0x7f == 0 ? (status >> 8) & 0xff : -1
}

/// A program as a workload of one unit.
func program(_ words: [String]) -> Workload {
  Workload(unitsPerRun: 1) { runProgram(words) }
}

/// A line for the shell as a workload of `units`.
func shell(_ line: String, units: Double = 1) -> Workload {
  Workload(unitsPerRun: units) { runProgram(["/bin/sh", "-c", line]) }
}
