// What a command line said, for the component that runs.

/// A selected command with the values of its flags and arguments. The getters demand names and kinds that the table has;
/// asking for others is a mistake of the program.
public struct ParsedCommand: Sendable {
  /// The words that selected it, without the program's name: `["tools", "block", "dump"]`.
  public let path: [String]
  private let values: [String: [FlagValue]]
  private let setByUser: Set<String>

  init(path: [String], values: [String: [FlagValue]], setByUser: Set<String>) {
    self.path = path
    self.values = values
    self.setByUser = setByUser
  }

  /// Whether the command line or the environment names this flag.
  public func isGiven(_ name: String) -> Bool { setByUser.contains(name) }

  /// The value of a flag or argument of kind `.string` or `.enumeration`, or nil where it has none.
  public func text(_ name: String) -> String? { texts(name).last }

  /// All values of a repeatable flag or argument of kind `.string` or `.enumeration`, in the order given.
  public func texts(_ name: String) -> [String] {
    (values[name] ?? []).map { value in
      guard case .text(let text) = value else { preconditionFailure("--\(name) is no text") }
      return text
    }
  }

  /// The value of a flag or argument of one of the whole-number kinds (units: `FlagValue`), or nil where it has none.
  public func integer(_ name: String) -> Int64? {
    guard let value = values[name]?.last else { return nil }
    guard case .integer(let number) = value else { preconditionFailure("--\(name) is no whole number") }
    return number
  }

  /// The value of a flag or argument of kind `.double`, or nil where it has none.
  public func number(_ name: String) -> Double? {
    guard let value = values[name]?.last else { return nil }
    guard case .number(let number) = value else { preconditionFailure("--\(name) is no number") }
    return number
  }

  /// Whether a switch is on.
  public func isOn(_ name: String) -> Bool { values[name]?.last == .flag(true) }
}
