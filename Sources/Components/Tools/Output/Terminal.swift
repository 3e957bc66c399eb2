// What standard output is shown on.
internal import ComponentSupport
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A terminal.
struct Terminal {
  /// Characters in a row.
  var columnCount: Int
  /// Whether colours are wanted: not where `NO_COLOR` is set.
  var hasColors: Bool

  /// That of standard output; nil where it goes to a file or a program.
  static var ofStandardOutput: Terminal? {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    var size = winsize()
    let result = unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size)
    let isPlain = !(environmentVariable("NO_COLOR") ?? "").isEmpty || environmentVariable("TERM") == "dumb"
    return Terminal(
      columnCount: result == 0 && size.ws_col >= 20 ? Int(size.ws_col) : 80, hasColors: !isPlain)
  }
}
