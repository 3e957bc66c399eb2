// `apus tools block create-from`: blocks out of text.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif
internal import ComponentSupport
internal import Storage
internal import TSModel

enum CreateFromCommand {
  private static let output = FlagSpec(
    "output-dir", .string, "Folder that the blocks are written into. It is made where it does not exist.", short: "o",
    default: "data/")

  static let spec = CommandSpec(
    "create-from", "Make blocks of text.",
    commands: [
      CommandSpec(
        "openmetrics",
        "Make blocks of samples in OpenMetrics text, in any order and of any age: one block for each two hours with samples.",
        flags: [
          output,
          FlagSpec(
            "max-block-duration", .duration, "Make blocks as long as this allows: two hours times a power of three.",
            default: "2h"),
        ],
        arguments: [ArgumentSpec("file", .string, "The text; - for standard input.")]),
      CommandSpec(
        "jsonl",
        "Make a block of what \"block dump\" prints: samples, histograms, start timestamps, aggregates of downsampled blocks.",
        flags: [output], arguments: [ArgumentSpec("file", .string, "The dump; - for standard input.")]),
    ])

  static func runOpenMetrics(_ command: ParsedCommand) throws -> Int32 {
    let folder = try makeFolder(command)
    var work = OpenMetricsImport(folder: folder, blockDurationMsMax: command.integer("max-block-duration") ?? 7_200_000)
    try work.run(path: command.text("file") ?? "-") { try report($0) }
    return 0
  }

  static func runDump(_ command: ParsedCommand) throws -> Int32 {
    let folder = try makeFolder(command)
    var path = command.text("file") ?? "-"
    let name = path == "-" ? "standard input" : path
    var copy: String?
    defer { if let copy { unsafe unlink(copy) } }
    if path == "-" {
      path = folder + "/.apus-input-\(getpid())"
      copy = path
      try copyStandardInput(to: path)
    }
    guard let result = try DumpImport.run(path: path, name: name, folder: folder) else {
      printError("apus: no series in \(name): no block was made\n")
      return 0
    }
    try report(result)
    return 0
  }

  private static func report(_ result: ImportResult) throws {
    try printOutput("\(result.blockPath): \(result.seriesCount) series, \(result.sampleCount) samples\n")
  }

  /// The output folder, made with its parents.
  private static func makeFolder(_ command: ParsedCommand) throws -> String {
    var path = command.text("output-dir") ?? "data"
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    try makeFolders(path)
    return path
  }

  private static func copyStandardInput(to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if descriptor < 0 { throw StorageError(.io, "create \(path): \(errorText(errno))", disposition: .halt) }
    defer { close(descriptor) }
    var output = OutputStream(descriptor: descriptor, name: path)
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let got = unsafe buffer.withUnsafeMutableBytes { unsafe read(STDIN_FILENO, $0.baseAddress, $0.count) }
      if got < 0, errno == EINTR { continue }
      if got < 0 { throw StorageError(.io, "read standard input: \(errorText(errno))", disposition: .halt) }
      if got == 0 { break }
      unsafe buffer.withUnsafeBytes { unsafe output.buffer.append(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
      try output.drain()
    }
    try output.flush()
  }
}

/// Makes the folder at `path` and those above it, where they do not exist.
func makeFolders(_ path: String) throws(StorageError) {
  var end = path.startIndex
  while end < path.endIndex {
    end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
    let part = String(path[..<end])
    if unsafe mkdir(part, 0o777) != 0, errno != EEXIST {
      let number = errno
      let code: StorageError.Code =
        number == EACCES || number == EROFS ? .permission : number == ENOSPC ? .noSpace : .io
      throw StorageError(code, "create folder \(part): \(errorText(number))", disposition: .halt)
    }
  }
  var attributes = stat()
  guard unsafe stat(path, &attributes) == 0, attributes.st_mode & S_IFMT == S_IFDIR else {
    throw StorageError(.notFound, "create folder \(path): there is something else of that name", disposition: .halt)
  }
}
