// A line on standard error that tells how far the work is. Only where a person looks: on a terminal.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif

/// A progress bar that redraws at most ten times a second and disappears when it is done.
struct ProgressBar {
  private let label: String
  private let isShown: Bool
  private var lastMs: Int64 = 0

  init(_ label: String) {
    self.label = label
    isShown = isatty(STDERR_FILENO) == 1
  }

  /// Shows that `done` of `total` are done.
  mutating func show(done: Int, of total: Int) {
    guard isShown else { return }
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    let ms = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    if ms - lastMs < 100 { return }
    lastMs = ms
    let width = 40
    let filled = total > 0 ? min(width, done * width / total) : 0
    let percent = total > 0 ? done * 100 / total : 0
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    printError("\r\(label) [\(bar)] \(percent) %\u{1B}[K")
  }

  /// Takes the line away.
  func clear() {
    if isShown { printError("\r\u{1B}[K") }
  }
}
