// Answers of Prometheus remote read between bytes and columns. docs/formats/remote-read.md.
internal import CTSDB
public import TSModel

// MARK: Samples

extension SampleBatch {
  /// Appends the series of a `prometheus.ReadResponse`, unpacked from snappy. Returns the series of each query.
  public func append(readResponse message: [UInt8]) throws -> [Range<Int>] {
    let bytes = unsafe try message.withUnsafeBytes { unsafe try copy($0) }
    let what = "a remote read answer of \(message.count) bytes"
    var position = 0
    var results: [Range<Int>] = []
    while true {
      var result = unsafe tsdb_bytes_view()
      let status = unsafe tsdb_read_response_next(bytes, message.count, &position, &result)
      guard status == TSDB_OK else { throw Self.malformed(status, what) }
      guard unsafe result.bytes != nil else { return results }
      let first = seriesCount
      var positionInResult = 0
      try growing(what) { unsafe tsdb_remote_write_read(result.bytes, result.size, &positionInResult, &samples) }
      results.append(first..<seriesCount)
    }
  }

  /// All series as a `prometheus.ReadResponse`; `resultEnds` tells where those of each query end, ascending. Labels must be in order
  /// (`normalizeLabels`).
  public func readResponse(resultEnds: [Int]) throws(ModelError) -> [UInt8] {
    precondition(
      resultEnds.last ?? 0 == seriesCount && zip(resultEnds, resultEnds.dropFirst()).allSatisfy { $0 <= $1 },
      "results end at \(resultEnds) of \(seriesCount) series")
    let size = unsafe tsdb_read_response_size(&samples, resultEnds, resultEnds.count)
    return unsafe try Self.written(size) { bytes, written in
      unsafe tsdb_read_response_write(
        &samples, resultEnds, resultEnds.count, bytes.baseAddress, bytes.count, &written)
    }
  }
}

// MARK: Chunks

/// Series with chunks as one frame of an answer carries them (`prometheus.ChunkedReadResponse`).
public struct ChunkedReadFrame: Hashable, Sendable {
  /// A chunk.
  public struct Chunk: Hashable, Sendable {
    /// Time of the first sample, milliseconds.
    public var minTimeMs: Int64
    /// Time of the last one, milliseconds.
    public var maxTimeMs: Int64
    /// Its encoding, as in blocks.
    public var encoding: UInt8
    /// Its bytes, as in blocks, without length and checksum.
    public var data: [UInt8]

    /// A chunk of these parts.
    public init(minTimeMs: Int64, maxTimeMs: Int64, encoding: UInt8, data: [UInt8]) {
      self.minTimeMs = minTimeMs
      self.maxTimeMs = maxTimeMs
      self.encoding = encoding
      self.data = data
    }
  }

  /// A series, or a part of its chunks.
  public struct Series: Hashable, Sendable {
    /// Its labels.
    public var labels: Labels
    /// Its chunks, by time.
    public var chunks: [Chunk]

    /// A series of these parts.
    public init(labels: Labels, chunks: [Chunk]) {
      self.labels = labels
      self.chunks = chunks
    }
  }

  /// The query that this answers, by index.
  public var queryIndex: Int
  /// The series; servers send one a frame.
  public var series: [Series]

  /// A frame of these parts.
  public init(queryIndex: Int, series: [Series]) {
    self.queryIndex = queryIndex
    self.series = series
  }

  /// The most that a frame may have unless the caller says otherwise, bytes: 64 MiB.
  public static let sizeMax = 64 << 20

  /// Takes the next frame from `bytes`, beginning at `position`, which is moved behind it. Returns nil where it is not there as a whole
  /// yet. Throws where it is damaged, malformed, or larger than `sizeMax`.
  public init?(
    _ bytes: RawSpan, position: inout Int, sizeMax: Int = ChunkedReadFrame.sizeMax
  ) throws(ModelError) {
    precondition(position >= 0 && position <= bytes.byteCount, "position \(position) of \(bytes.byteCount)")
    var message = unsafe tsdb_bytes_view()
    let status = unsafe bytes.withUnsafeBytes { bytes in
      unsafe tsdb_read_frame_next(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, &position, sizeMax, &message)
    }
    if status == TSDB_ERR_TRUNCATED { return nil }
    guard status == TSDB_OK else { throw SampleBatch.malformed(status, "a frame of a remote read answer") }
    try unsafe self.init(message)
  }

  /// Reads a message that stays where it is.
  private init(_ message: tsdb_bytes_view) throws(ModelError) {
    var capacity = 16
    while true {
      var window = unsafe tsdb_wire_window()
      let (blobs, data) = (
        UnsafeMutablePointer<tsdb_bytes_view>.allocate(capacity: capacity),
        UnsafeMutablePointer<UnsafePointer<UInt8>?>.allocate(capacity: capacity)
      )
      let (loose, encodings) = (
        UnsafeMutablePointer<UInt8>.allocate(capacity: capacity),
        UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
      )
      let (offsets, sizes) = (
        UnsafeMutablePointer<UInt32>.allocate(capacity: capacity + 1),
        UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
      )
      let (minTimes, maxTimes) = (
        UnsafeMutablePointer<Int64>.allocate(capacity: capacity),
        UnsafeMutablePointer<Int64>.allocate(capacity: capacity)
      )
      defer {
        unsafe blobs.deallocate()
        unsafe data.deallocate()
        unsafe loose.deallocate()
        unsafe encodings.deallocate()
        unsafe offsets.deallocate()
        unsafe sizes.deallocate()
        unsafe minTimes.deallocate()
        unsafe maxTimes.deallocate()
      }
      unsafe offsets[0] = 0
      unsafe window.blobs = blobs
      unsafe window.is_loose = loose
      unsafe window.chunk_offsets = offsets
      unsafe window.series_capacity = capacity
      unsafe window.min_times_ms = minTimes
      unsafe window.max_times_ms = maxTimes
      unsafe window.data = data
      unsafe window.sizes = sizes
      unsafe window.encodings = encodings
      unsafe window.chunks_capacity = capacity
      var query: UInt64 = 0
      let status = unsafe tsdb_read_chunks_scan(message.bytes, message.size, &window, &query)
      if status == TSDB_ERR_CAPACITY {
        capacity *= 4
        continue
      }
      guard status == TSDB_OK else { throw SampleBatch.malformed(status, "a remote read message") }
      queryIndex = Int(truncatingIfNeeded: query)
      series = unsafe (0..<window.series_count).map { index in
        unsafe Series(
          labels: Labels(SampleBatch.pairs(blobs[index])),
          chunks: (Int(offsets[index])..<Int(offsets[index + 1])).map { chunk in
            unsafe Chunk(
              minTimeMs: minTimes[chunk], maxTimeMs: maxTimes[chunk], encoding: encodings[chunk],
              data: Array(UnsafeBufferPointer(start: data[chunk], count: Int(sizes[chunk]))))
          })
      }
      return
    }
  }

  /// Frames with a series that answers query `queryIndex`, cut as Prometheus cuts them: as soon as labels and chunks have
  /// `sizeLimit` bytes. A series without chunks has none.
  public static func frames(
    of series: Series, queryIndex: Int, sizeLimit: Int = 1 << 20
  ) throws(ModelError) -> [UInt8] {
    var set = ProtobufWriter()
    for label in series.labels {
      var message = LabelMessage()
      (message.name, message.value) = (label.name, label.value)
      set.message(field: 1, message)
    }
    let all = series.chunks.flatMap(\.data)
    var frames: [UInt8] = []
    var status = TSDB_OK
    unsafe all.withUnsafeBufferPointer { all in
      unsafe set.bytes.withUnsafeBufferPointer { set in
        let labels = unsafe tsdb_bytes_view(bytes: set.baseAddress, size: set.count)
        var start = 0
        let chunks = unsafe series.chunks.map { chunk in
          defer { start += chunk.data.count }
          return unsafe tsdb_wire_chunk(
            min_time_ms: chunk.minTimeMs, max_time_ms: chunk.maxTimeMs,
            data: all.baseAddress.map { unsafe $0 + start }, size: UInt32(chunk.data.count), encoding: chunk.encoding)
        }
        unsafe chunks.withUnsafeBufferPointer { chunks in
          var first = 0
          while first < chunks.count, status == TSDB_OK, let base = chunks.baseAddress {
            var count = 0
            let bound = unsafe tsdb_read_frame_measure(labels, base + first, chunks.count - first, sizeLimit, &count)
            frames += unsafe [UInt8](unsafeUninitializedCapacity: bound) { bytes, written in
              unsafe status = tsdb_read_frame_write(
                labels, base + first, count, UInt64(queryIndex), bytes.baseAddress, bytes.count, &written)
              if status != TSDB_OK { written = 0 }
            }
            first += count
          }
        }
      }
    }
    guard status == TSDB_OK else { throw SampleBatch.malformed(status, "chunks to be written") }
    return frames
  }
}
