// Samples of many series in any order, brought into order by series and time without holding them all.
//
//   add ─▶ buffer (64 MiB) ─▶ sorted runs, one file a block range      write once, in sequence
//                              run: (series, time, value) …
//   merge of one range's runs ─▶ samples of one series after another   read once, in sequence
//
// Runs are sorted by the labels of the series, which are known when a run is written although not all series are yet.
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Musl
#endif
internal import Storage
internal import TSModel

/// A sample on its way: 24 bytes.
struct SpilledSample: BitwiseCopyable {
  var series: Int
  var timestampMs: Int64
  var value: Double
}

/// Samples of one block range: runs in a file that has no name any more, and what is still in memory.
final class SpillFile {
  private let descriptor: Int32
  private let folder: String
  private(set) var runs: [Range<Int>] = []  // in samples
  private var sampleCount = 0

  /// A file in `folder` that vanishes with the process.
  init(folder: String) throws(StorageError) {
    self.folder = folder
    var template = Array("\(folder)/.apus-spill-XXXXXX".utf8CString)
    descriptor = unsafe mkstemp(&template)
    if descriptor < 0 {
      let number = errno
      let code: StorageError.Code =
        number == ENOENT
        ? .notFound : number == EACCES || number == EROFS ? .permission : number == ENOSPC ? .noSpace : .io
      throw StorageError(code, "create a temporary file in \(folder): \(errorText(number))", disposition: .halt)
    }
    unsafe unlink(template)
  }

  deinit { close(descriptor) }

  /// Appends a run.
  func write(_ samples: ArraySlice<SpilledSample>) throws(StorageError) {
    let (descriptor, start) = (descriptor, sampleCount * MemoryLayout<SpilledSample>.stride)
    let failure: Int32 = unsafe samples.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let result = unsafe pwrite(
          descriptor, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written, off_t(start + written))
        if result < 0 {
          if errno == EINTR { continue }
          return errno
        }
        written += result
      }
      return 0
    }
    if failure != 0 {
      throw StorageError(
        failure == ENOSPC ? .noSpace : .io, "write a temporary file in \(folder): \(errorText(failure))",
        disposition: .halt)
    }
    runs.append(sampleCount..<sampleCount + samples.count)
    sampleCount += samples.count
  }

  /// Up to `capacity` samples from the place `index` on.
  func read(from index: Int, capacity: Int) throws(StorageError) -> [SpilledSample] {
    let stride = MemoryLayout<SpilledSample>.stride
    var out = [SpilledSample](repeating: SpilledSample(series: 0, timestampMs: 0, value: 0), count: capacity)
    let descriptor = descriptor
    let got: Int = unsafe out.withUnsafeMutableBytes { bytes in
      var done = 0
      while done < bytes.count {
        let result = unsafe pread(
          descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, off_t(index * stride + done))
        if result < 0, errno == EINTR { continue }
        if result < 0 { return -1 }
        if result == 0 { break }
        done += result
      }
      return done
    }
    if got < capacity * stride {
      throw StorageError(.io, "read a temporary file in \(folder): \(errorText(errno))", disposition: .halt)
    }
    return out
  }
}

/// One run being read, some thousand samples at a time.
private struct RunReader {
  let file: SpillFile
  var next: Int
  let end: Int
  var buffer: [SpilledSample] = []
  var at = 0

  mutating func peek(capacity: Int) throws(StorageError) -> SpilledSample? {
    if at == buffer.count {
      let count = min(capacity, end - next)
      if count == 0 { return nil }
      buffer = try file.read(from: next, capacity: count)
      next += count
      at = 0
    }
    return buffer[at]
  }
}

extension SpillFile {
  /// Hands all samples to `body`, by `rank` of their series, then by time; equal ones in the order they were added.
  func merge(rank: [Int], _ body: (SpilledSample) throws -> Void) throws {
    // All run buffers together take what one spill took.
    let capacity = max(256, SampleSpill.samplesMaxUsual / 4 / max(1, runs.count))
    var readers = runs.map { RunReader(file: self, next: $0.lowerBound, end: $0.upperBound) }
    while true {
      // Runs are few (one for each 64 MiB of input in this range): a look at each is cheap enough.
      var best: (reader: Int, sample: SpilledSample)?
      for index in readers.indices {
        guard let sample = try readers[index].peek(capacity: capacity) else { continue }
        if let known = best {
          let (left, right) = (rank[sample.series], rank[known.sample.series])
          if left > right || (left == right && sample.timestampMs >= known.sample.timestampMs) { continue }
        }
        best = (index, sample)
      }
      guard let best else { return }
      readers[best.reader].at += 1
      try body(best.sample)
    }
  }
}

/// Samples of all ranges.
struct SampleSpill {
  /// Samples held before they are written out: 64 MiB.
  static let samplesMaxUsual = (64 << 20) / MemoryLayout<SpilledSample>.stride

  private let samplesMax: Int
  private let folder: String
  private let rangeMs: Int64
  private var buffer: [SpilledSample] = []
  private(set) var files: [Int64: SpillFile] = [:]

  /// Temporary files go to `folder`; a range begins at each multiple of `rangeMs`.
  init(folder: String, rangeMs: Int64, samplesMax: Int = SampleSpill.samplesMaxUsual) {
    self.samplesMax = samplesMax
    self.folder = folder
    self.rangeMs = rangeMs
  }

  /// Adds a sample; `isBefore` compares two series by their labels.
  mutating func add(_ sample: SpilledSample, isBefore: (Int, Int) -> Bool) throws(StorageError) {
    buffer.append(sample)
    if buffer.count >= samplesMax { try flush(isBefore: isBefore) }
  }

  /// Writes what is held.
  mutating func flush(isBefore: (Int, Int) -> Bool) throws(StorageError) {
    if buffer.isEmpty { return }
    // Ranks among the series that occur here.
    var rank: [Int: Int] = [:]
    for (place, series) in Set(buffer.lazy.map(\.series)).sorted(by: isBefore).enumerated() { rank[series] = place }
    let rangeMs = rangeMs
    var keyed = buffer.enumerated().map { place, sample in
      (range: floorDivide(sample.timestampMs, rangeMs), rank: rank[sample.series] ?? 0, place: place)
    }
    let samples = buffer
    keyed.sort { a, b in
      (a.range, a.rank, samples[a.place].timestampMs, a.place) < (
        b.range, b.rank, samples[b.place].timestampMs, b.place
      )
    }
    var start = 0
    while start < keyed.count {
      var end = start
      while end < keyed.count, keyed[end].range == keyed[start].range { end += 1 }
      let range = keyed[start].range
      let file: SpillFile
      if let known = files[range] { file = known } else { file = try SpillFile(folder: folder) }
      files[range] = file
      try file.write(keyed[start..<end].map { samples[$0.place] }[...])
      start = end
    }
    buffer.removeAll(keepingCapacity: true)
  }
}

/// The largest whole number that is not above `a / b`; `b` is positive.
func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
  return remainder < 0 ? quotient - 1 : quotient
}
