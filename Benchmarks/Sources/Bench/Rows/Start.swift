// The release executable as a process: after which time `apus store` is ready, and what it holds when it rests; over an empty
// folder and over ten thousand small blocks.
import Glibc

private let blockCount = benchSize.pick(10_000, toy: 20)
private let repeats = benchSize.pick(100, toy: 2)
private let repeatsOfMany = benchSize.pick(7, toy: 1)

private func startFigures(_ what: String, readyMs: Double, residentMB: Double) -> [Figure] {
  [
    Figure("start_ready_\(what)", "ms", target: readyMs),
    Figure("start_memory_\(what)", "MB", target: residentMB),
    Figure("start_memory_\(what)_anonymous", "MB"),
    Figure("start_memory_\(what)_files", "MB"),
  ]
}

let startFigures: [FigureGroup] = [
  FigureGroup(figures: [Figure("start_executable_size", "MB", target: 20)]) { figures in
    // As it is shipped: without symbols.
    let stripped = benchFolder + "/apus-stripped"
    guard runProgram(["/usr/bin/strip", "-o", stripped, apus]) == 0, let size = fileSize(stripped) else {
      throw ProgramError(description: "\(apus) cannot be stripped: is it built, and is binutils here?")
    }
    return with(figures, [[Double(size) / 1e6]])
  },
  FigureGroup(figures: startFigures("empty", readyMs: 20, residentMB: 15)) { figures in
    let folder = benchFolder + "/no-blocks"
    mkdir(folder, 0o755)
    return with(figures, try starts(repeats, folder))
  },
  FigureGroup(figures: startFigures("10k_blocks", readyMs: 3000, residentMB: 60)) { figures in
    with(figures, try starts(repeatsOfMany, smallBlocks(blockCount)))
  },
]

private func with(_ figures: [Figure], _ values: [[Double]]) -> [Figure] {
  zip(figures, values).map { figure, values in
    var figure = figure
    figure.values = values
    return figure
  }
}

// MARK: A process

/// Starts `apus store` over `folder` again and again: milliseconds until it is ready; total, anonymous and file memory, MB.
private func starts(_ count: Int, _ folder: String) throws -> [[Double]] {
  guard access(apus, X_OK) == 0 else { throw ProgramError(description: "\(apus) is not built: run Scripts/bench") }
  var columns = [[Double]](repeating: [], count: 4)
  for turn in 0...count {
    let port = freePort()
    let start = wallMs()
    let process = try Process([
      apus, "store", "--data-dir", benchFolder + "/store-data", "--http-address", "127.0.0.1:\(port)",
      "--grpc-address", "127.0.0.1:0", "--log.level", "error",
      "--objstore.config", "{type: FILESYSTEM, config: {directory: \(folder)}}",
    ])
    while !answersReady(port) {
      guard process.isRunning, wallMs() - start < 120_000 else {
        throw ProgramError(description: "apus store did not become ready over \(folder)")
      }
      // A process that takes long is asked less often, so as not to keep it from its work.
      usleep(UInt32(min(20_000, max(200, (wallMs() - start) * 10))))
    }
    let readyMs = wallMs() - start
    // At rest: what it held to start with is given back by then.
    usleep(300_000)
    let memory = process.memoryMB()
    process.stop()
    // The first start only warms the cache of files.
    guard turn > 0 else { continue }
    for (column, value) in ([readyMs] + memory).enumerated() { columns[column].append(value) }
  }
  return columns
}

/// A program on all cores, nothing before it.
private final class Process {
  private let number: pid_t
  private var hasEnded = false

  init(_ words: [String]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    guard posix_spawn(&child, words[0], &actions, nil, &arguments, environ) == 0 else {
      throw ProgramError(description: "\(words[0]) could not be started")
    }
    number = child
  }

  deinit { stop() }

  /// Whether it has not ended.
  var isRunning: Bool {
    if !hasEnded, waitpid(number, nil, WNOHANG) != 0 { hasEnded = true }
    return !hasEnded
  }

  /// What it holds of memory: all, anonymous, of files; MB of 1,000,000 bytes.
  func memoryMB() -> [Double] {
    let lines = (readText("/proc/\(number)/status") ?? "").split(separator: "\n")
    return ["VmRSS:", "RssAnon:", "RssFile:"].map { name in
      let line = lines.first { $0.hasPrefix(name) }
      let kilobytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Double($0) }
      return (kilobytes ?? .nan) * 1024 / 1e6
    }
  }

  /// Asks it to end, and waits for that.
  func stop() {
    guard !hasEnded else { return }
    kill(number, SIGTERM)
    while waitpid(number, nil, 0) < 0 && errno == EINTR {}
    hasEnded = true
  }
}

/// Whether `GET /-/ready` says 200 there.
private func answersReady(_ port: Int) -> Bool {
  let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  guard connection >= 0 else { return false }
  defer { close(connection) }
  var address = loopback(port)
  let isConnected = withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
  guard isConnected else { return false }
  let request = "GET /-/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
  guard send(connection, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
    return false
  }
  var bytes = [UInt8](repeating: 0, count: 12)
  guard recv(connection, &bytes, bytes.count, Int32(MSG_WAITALL)) == bytes.count else { return false }
  return String(decoding: bytes, as: UTF8.self) == "HTTP/1.1 200"
}

private func loopback(_ port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}

private func wallMs() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

// MARK: Ten thousand blocks

/// A folder of `count` small blocks of two hours each, one after another: the first is made by `apus`, the others are copies
/// of it under names and times of their own.
private func smallBlocks(_ count: Int) throws -> String {
  let folder = benchFolder + "/small-\(count)"
  let seed = benchFolder + "/small-seed"
  let isComplete = folder + "/complete"
  guard access(isComplete, F_OK) != 0 else { return folder }
  for path in [seed, folder] { mkdir(path, 0o755) }
  let source: String
  if let block = firstBlock(seed) {
    source = seed + "/" + block
  } else {
    var text = "# TYPE requests counter\n"
    for series in 0..<20 {
      for sample in 0..<120 {
        text +=
          "requests_total{instance=\"10.0.0.\(series)\"} \(sample * (series + 1)) \(1_767_225_600 + 60 * sample)\n"
      }
    }
    try write(Array((text + "# EOF\n").utf8), to: seed + "/seed.txt")
    let create = [apus, "tools", "block", "create-from", "openmetrics", "-o", seed, seed + "/seed.txt"]
    guard runProgram(create) == 0, let block = firstBlock(seed) else {
      throw ProgramError(description: "apus tools block create-from did not make a block in \(seed)")
    }
    source = seed + "/" + block
  }
  guard let index = readBytes(source + "/index"), let chunks = readBytes(source + "/chunks/000001") else {
    throw ProgramError(description: "no block in \(source)")
  }
  for number in 0..<count {
    let minTimeMs = 1_700_000_000_000 / 7_200_000 * 7_200_000 + 7_200_000 * number
    // The time of the name is written in the ten letters before the others.
    let name = "01HF" + base32(number, digits: 6) + "00APVS00TEST0000"
    let block = folder + "/" + name
    for path in [block, block + "/chunks"] { mkdir(path, 0o755) }
    try write(index, to: block + "/index")
    try write(chunks, to: block + "/chunks/000001")
    try write(Array(meta(name, minTimeMs: minTimeMs).utf8), to: block + "/meta.json")
  }
  try write([], to: isComplete)
  return folder
}

/// A `meta.json` as Thanos writes it for a block that a sidecar uploads.
private func meta(_ name: String, minTimeMs: Int) -> String {
  """
  {
  	"ulid": "\(name)",
  	"minTime": \(minTimeMs),
  	"maxTime": \(minTimeMs + 7_200_000),
  	"stats": {
  		"numSamples": 2400,
  		"numFloatSamples": 2400,
  		"numSeries": 20,
  		"numChunks": 20
  	},
  	"compaction": {
  		"level": 1,
  		"sources": [
  			"\(name)"
  		]
  	},
  	"version": 1,
  	"thanos": {
  		"version": 1,
  		"labels": {
  			"cluster": "bench",
  			"replica": "a"
  		},
  		"downsample": {
  			"resolution": 0
  		},
  		"source": "sidecar",
  		"segment_files": [
  			"000001"
  		],
  		"files": [
  			{
  				"rel_path": "chunks/000001",
  				"size_bytes": 9000
  			},
  			{
  				"rel_path": "index",
  				"size_bytes": 3000
  			},
  			{
  				"rel_path": "meta.json"
  			}
  		],
  		"index_stats": {
  			"series_max_size": 32,
  			"chunk_max_size": 512
  		},
  		"upload_time": "0001-01-01T00:00:00Z"
  	}
  }

  """
}

private func base32(_ number: Int, digits: Int) -> String {
  let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)
  let bytes = (0..<digits).reversed().map { alphabet[number >> (5 * $0) & 31] }
  return String(decoding: bytes, as: UTF8.self)
}

private func readBytes(_ path: String) -> [UInt8]? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  guard let size = fileSize(path) else { return nil }
  var bytes = [UInt8](repeating: 0, count: size)
  return fread(&bytes, 1, size, file) == size ? bytes : nil
}

private func write(_ bytes: [UInt8], to path: String) throws {
  guard let file = fopen(path, "w") else { throw ProgramError(description: "cannot write \(path)") }
  let count = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, count == bytes.count else { throw ProgramError(description: "cannot write \(path)") }
}

private func fileSize(_ path: String) -> Int? {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : nil
}
