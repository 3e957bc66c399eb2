// The program: reads the command line, builds the one component that it asks for, runs it, and ends with its code.
internal import ComponentSupport
internal import Querier
internal import Standalone
internal import StoreGateway
internal import Tools

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

@main
struct Apus {
  static let version = "0.1.0"

  static func main() async {
    // A reader that goes away shows as EPIPE where we write, not as the end of the process.
    _ = signal(SIGPIPE, SIG_IGN)
    let table = CommandLineTable(
      program: CommandSpec(
        "apus", "Long-term, global-view storage for Prometheus.", flags: CommonFlags.global,
        commands: [StoreCommand.spec, QueryCommand.spec, StandaloneCommand.spec, ToolCommands.spec]),
      versionText: versionText(program: "apus", version: version))
    let outcome = table.parse(CommandLine.arguments, environment: environmentVariable, readFile: textOfFile)
    switch outcome {
    case .exit(let code, let standardOutput, let standardError):
      write(standardOutput, to: STDOUT_FILENO)
      write(standardError, to: STDERR_FILENO)
      exit(code)
    case .run(let command):
      switch command.path.first {
      case "store": exit(await StoreCommand.run(command, build: BuildFacts(version: version)))
      case "query": exit(await QueryCommand.run(command, build: BuildFacts(version: version)))
      case "standalone": exit(await StandaloneCommand.run(command, build: BuildFacts(version: version)))
      default: exit(await ToolCommands.run(command))
      }
    }
  }

  private static func environmentVariable(_ name: String) -> String? {
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe String(cString: text)
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let result = unsafe Self.systemWrite(
          descriptor, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written)
        if result <= 0 { return }
        written += result
      }
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int {
    #if canImport(Glibc)
      unsafe Glibc.write(descriptor, bytes, count)
    #else
      unsafe Musl.write(descriptor, bytes, count)
    #endif
  }

  /// For `@FILE` on the command line. At most a mebibyte.
  private static func textOfFile(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe read(descriptor, $0.baseAddress.map { unsafe $0 + count }, $0.count - count)
      }
      if got < 0 { return nil }
      if got == 0 { break }
      count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
