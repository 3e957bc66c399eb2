// Every row that `bench` knows, in the order of the report. A topic's rows live in a file of their own beside this one.

let allRows: [Row] =
  yardstickRows + crcRows + xorRows + histogramRows + postingsRows + regexRows + indexRows + blockRows
  + seriesResponseRows + remoteWriteRows + otlpRows + expositionRows + compactionRows + walRows + queryRows
  + networkRows

/// Nobody's code here: how fast memory and libsnappy are on this machine.
let yardstickRows: [Row] = [
  Row(name: "memcpy_l2", unit: "ns/byte") { memcpyInCache() },
  Row(name: "snappy_decode_remote_write", unit: "ns/byte") { snappyDecode(of: remoteWriteBody()) },
  Row(name: "zstd_decode_remote_write", unit: "ns/byte") { zstdDecode(of: remoteWriteBody()) },
]
