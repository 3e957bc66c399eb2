// What is left of a chunk of which a part was deleted, as a chunk again.
internal import TSModel

extension SeriesSamples {
  /// A chunk of those samples of the last decoded one that are to be seen, in `encoding`; nil of aggregates and where there are
  /// none. Throws `.argument` where `encoding` does not fit.
  package func encoded(_ content: Content, _ encoding: ChunkEncoding) throws(StorageError) -> EncodedChunk? {
    let kept = keptIndices
    guard content != .aggregates, !kept.isEmpty else { return nil }
    if content == .floats {
      let (times, values, starts) = (floats.timestampsMs, floats.values, floats.startTimestampsMs)
      return try .wholeFloats(
        encoding: encoding, timestampsMs: kept.indices.map { times[Int(kept[$0])] },
        values: kept.indices.map { values[Int(kept[$0])] },
        startTimestampsMs: encoding.hasStartTimestamps ? kept.indices.map { starts[Int(kept[$0])] } : [])
    }
    let (times, starts) = (histograms.timestampsMs, histograms.startTimestampsMs)
    var samples: [(timestampMs: Int64, histogram: Histogram, startTimestampMs: Int64)] = []
    for place in kept.indices {
      let index = Int(kept[place])
      let start = encoding.hasStartTimestamps ? starts[index] : 0
      samples.append((times[index], histograms.histogram(at: index), start))
    }
    return try .wholeHistograms(encoding: encoding, resetHeader: histograms.resetHeader, samples: samples)
  }
}
