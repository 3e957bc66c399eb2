// Configurations come as a file (`--objstore.config-file`) or as text (`--objstore.config`), never as both.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A pair of flags that give a text: `--NAME` the text itself, `--NAME-file` the path of a file that holds it.
public struct PathOrContent: Sendable {
  /// The name of the flag without dashes: `objstore.config`.
  public var name: String
  /// One of the two must be given, and the text may not be empty.
  public var isRequired: Bool
  /// `$(NAME)` in the text stands for a variable of the environment.
  public var substitutesEnvironment: Bool
  /// Longest file that is read, bytes.
  public static let fileBytesMax = 16 << 20

  /// The pair `--NAME` and `--NAME-file`.
  public init(_ name: String, required: Bool = false, substitutesEnvironment: Bool = false) {
    self.name = name
    isRequired = required
    self.substitutesEnvironment = substitutesEnvironment
  }

  /// Both flags, that of the path first. `help` is a sentence about the text, without "Path to": `Object store YAML.`
  public func flags(_ help: String, hidden: Bool = false) -> [FlagSpec] {
    [
      FlagSpec(
        "\(name)-file", .string, "Path of a file with this: \(help)", placeholder: "<file-path>", hidden: hidden),
      FlagSpec(
        name, .string, "Instead of '\(name)-file', the text itself: \(help)", placeholder: "<content>", hidden: hidden),
    ]
  }

  /// The text that the flags of `command` give; nil where neither is given. Throws `.value` where both are given, where a
  /// required one is missing or empty, and where a variable of the environment is not set; `.io` where the file cannot be read.
  public func content(
    of command: ParsedCommand, environment: (String) -> String? = environmentVariable
  ) throws(ConfigurationError) -> [UInt8]? {
    try content(path: command.text("\(name)-file") ?? "", text: command.text(name) ?? "", environment: environment)
  }

  /// See `content(of:environment:)`; empty stands for not given.
  public func content(
    path: String, text: String, environment: (String) -> String? = environmentVariable
  ) throws(ConfigurationError) -> [UInt8]? {
    if !path.isEmpty, !text.isEmpty {
      throw ConfigurationError(.value, "both \(name)-file and \(name) flags set.")
    }
    var content = Array(text.utf8)
    if !path.isEmpty {
      do { content = try readConfigurationFile(path, bytesMax: Self.fileBytesMax) } catch {
        throw error.within("loading file \(path) for \(name)-file")
      }
    }
    if content.isEmpty, isRequired {
      throw ConfigurationError(
        .value,
        "flag \(name)-file or \(name) is required for running this command and content cannot be empty.")
    }
    if substitutesEnvironment { content = try substituteEnvironment(content, environment) }
    return content.isEmpty ? nil : content
  }
}

/// The variable `name` of the process' environment.
public func environmentVariable(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}

/// `text` with each `$(NAME)` replaced by what `environment` says of NAME. Throws `.value` where that is nothing.
public func substituteEnvironment(
  _ text: [UInt8], _ environment: (String) -> String?
) throws(ConfigurationError) -> [UInt8] {
  var out: [UInt8] = []
  out.reserveCapacity(text.count)
  var at = 0
  while at < text.count {
    guard text[at] == UInt8(ascii: "$"), at + 1 < text.count, text[at + 1] == UInt8(ascii: "(") else {
      out.append(text[at])
      at += 1
      continue
    }
    var end = at + 2
    while end < text.count, isNameByte(text[end]) { end += 1 }
    guard end > at + 2, end < text.count, text[end] == UInt8(ascii: ")") else {
      out.append(text[at])
      at += 1
      continue
    }
    let name = String(decoding: text[(at + 2)..<end], as: UTF8.self)
    guard let value = environment(name) else {
      throw ConfigurationError(.value, "found reference to unset environment variable \(quoted(name))")
    }
    out += Array(value.utf8)
    at = end + 1
  }
  return out
}

private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
    true
  default: false
  }
}

/// All of the file at `path`. Throws `.io` in Go's words where it cannot be read, `.limit` where it is longer than `bytesMax`.
public func readConfigurationFile(_ path: String, bytesMax: Int) throws(ConfigurationError) -> [UInt8] {
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw ioError("open", path) }
  defer { close(file) }
  var out: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 64 << 10)
  while true {
    let count = unsafe part.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw ioError("read", path) }
    if count == 0 { return out }
    out += part.prefix(count)
    guard out.count <= bytesMax else {
      throw ConfigurationError(.limit, "read \(path): more than \(bytesMax) bytes")
    }
  }
}

private func ioError(_ call: String, _ path: String) -> ConfigurationError {
  let text = unsafe String(cString: strerror(errno))
  // Go writes what the system says in small letters.
  return ConfigurationError(.io, "\(call) \(path): \(text.prefix(1).lowercased())\(text.dropFirst())")
}
