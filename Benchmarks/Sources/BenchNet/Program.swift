// `bench-net`: the two ends of the network rows as programs of their own, so that the CPU time of each side can be told apart. Each
// works with one loop. It speaks the language of the yardstick's programs, so that either end can also be one of those:
//
//   /b/U   a message for a message, 200 bytes each
//   /b/T   the same by a task
//   /b/S   a size and a count (32 bits each, big-endian) for that many messages of that size
//   /b/R   a message for the server's CPU time in µs as text, padded to 96 bytes
import Glibc

private let usage = """
  usage: bench-net serve [--tls CERT KEY]
         bench-net load PORT (U|T|S) COUNT SIZE IN-FLIGHT [--tls]

  serve prints its port and serves gRPC, /small and /bulk/BYTES until it is killed. load makes COUNT calls (U, T: that the server answers by a task), or reads COUNT
  messages of SIZE bytes from IN-FLIGHT streams (S), and prints CPU time in µs a message: of the client, the server, and both.

  """

/// CPU time of this process in microseconds.
func processTimeUs() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6
    + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
}

/// The bytes that messages are made of, as the yardstick makes them.
func payload(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 * 131 + 7) } }

@main
struct Program {
  static func main() async {
    var words = Array(CommandLine.arguments.dropFirst())
    var certificate: (file: String, key: String)?
    var hasTLS = false
    if let at = words.firstIndex(of: "--tls") {
      hasTLS = true
      if words.first == "serve" {
        guard at + 2 < words.count else { return refuse() }
        certificate = (words[at + 1], words[at + 2])
        words.removeSubrange(at...at + 2)
      } else {
        words.remove(at: at)
      }
    }
    do {
      if words == ["serve"] {
        try await serve(certificate: certificate)
      } else if words.count == 6, words[0] == "load", let load = Load(Array(words.dropFirst())) {
        try await load.run(hasTLS: hasTLS)
      } else {
        refuse()
      }
    } catch {
      print("bench-net: \(error)")
      exit(1)
    }
  }

  private static func refuse() {
    print(usage, terminator: "")
    exit(2)
  }
}
