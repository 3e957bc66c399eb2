// Rows of remote write (see targets.tsv): 2000 series of ten labels with one sample each. Rows with `v2` are of version 2, for which there
// are no targets.
import CTSDB

let remoteWriteRows: [Row] = [
  Row(name: "remote_write_decode", unit: "ns/series") {
    let request = RequestOfWrite()
    return Workload(unitsPerRun: Double(request.count)) { blackHole(request.read()) }
  },
  Row(name: "remote_write_encode", unit: "ns/series") {
    let request = RequestOfWrite()
    blackHole(request.read())
    return Workload(unitsPerRun: Double(request.count)) { blackHole(request.write()) }
  },
  Row(name: "remote_write_v2_decode", unit: "ns/series") {
    let request = RequestOfWrite()
    blackHole(request.read())
    let size = request.writeVersion2()
    return Workload(unitsPerRun: Double(request.count)) { blackHole(request.readVersion2(size)) }
  },
  Row(name: "remote_write_v2_encode", unit: "ns/series") {
    let request = RequestOfWrite()
    blackHole(request.read())
    return Workload(unitsPerRun: Double(request.count)) { blackHole(request.writeVersion2()) }
  },
]

/// A request's bytes, columns to read it into, and room to write these.
private final class RequestOfWrite {
  let count = 2000
  private let body: [UInt8]
  private var samples = tsdb_wire_samples()
  private var symbols = tsdb_wire_symbols()
  private let room: UnsafeMutablePointer<UInt8>
  private let references: UnsafeMutablePointer<UInt32>
  private let strings: UnsafeMutablePointer<tsdb_bytes_view>
  private let capacity: Int
  private let stringCapacity = 1 << 16

  init() {
    body = remoteWriteBody()
    capacity = 2 * body.count
    room = .allocate(capacity: capacity)
    references = .allocate(capacity: 32 * count)
    strings = .allocate(capacity: stringCapacity)
    samples.blobs = .allocate(capacity: count)
    samples.is_loose = .allocate(capacity: count)
    samples.sample_offsets = .allocate(capacity: count + 1)
    samples.histogram_offsets = .allocate(capacity: count + 1)
    samples.exemplar_offsets = .allocate(capacity: count + 1)
    samples.series_capacity = count
    samples.timestamps_ms = .allocate(capacity: count)
    samples.start_timestamps_ms = .allocate(capacity: count)
    samples.values = .allocate(capacity: count)
    samples.sample_capacity = count
    samples.label_bytes = .allocate(capacity: capacity)
    samples.label_capacity = capacity
    symbols.strings = .allocate(capacity: stringCapacity)
    symbols.capacity = stringCapacity
    symbols.bucket_count = 2 * stringCapacity
    symbols.buckets = .allocate(capacity: symbols.bucket_count)
    symbols.seed = 1
  }

  func read() -> Int {
    tsdb_wire_samples_clear(&samples)
    var position = 0
    guard tsdb_remote_write_read(body, body.count, &position, &samples) == TSDB_OK, samples.series_count == count else {
      fatalError("remote write: read")
    }
    return position
  }

  func write() -> Int {
    var written = 0
    guard tsdb_remote_write_write(&samples, 0, count, false, room, capacity, &written) == TSDB_OK else {
      fatalError("remote write: write")
    }
    return written
  }

  /// Numbers the strings and writes them; labels must be those of version 1, which stay in its bytes.
  func writeVersion2() -> Int {
    var written = 0
    tsdb_wire_symbols_clear(&symbols)
    guard tsdb_remote_write_v2_number(&samples, 0, count, &symbols, references, 32 * count) == TSDB_OK,
      tsdb_remote_write_v2_write(&samples, 0, count, &symbols, references, room, capacity, &written) == TSDB_OK
    else { fatalError("remote write 2: write") }
    return written
  }

  func readVersion2(_ size: Int) -> Int {
    var (symbolCount, position) = (0, 0)
    tsdb_wire_samples_clear(&samples)
    guard tsdb_remote_write_v2_symbols(room, size, strings, stringCapacity, &symbolCount) == TSDB_OK,
      tsdb_remote_write_v2_read(room, size, &position, strings, symbolCount, &samples) == TSDB_OK
    else { fatalError("remote write 2: read") }
    return position
  }
}
