// Everything that can be wrong in an index, found by reading all of it: for `verify`, not for queries.
//
// Opening has checked header, table of contents, symbols and postings offset table. What is left: every series entry, the
// order of series, labels and chunks, every postings list, and whether lists and series say the same. For the last, each
// label pair has a sum of 64 bits over its series, made once from the series and once from the list.
internal import CTSDB
internal import TSModel

/// One thing that is wrong with an index.
public struct IndexDefect: Sendable, Hashable, CustomStringConvertible {
  /// Where, bytes from the start of the file.
  public var offset: Int
  /// What is wrong.
  public var what: String
  /// What it costs a reader: which data is lost or not found.
  public var cost: String

  /// A defect at `offset`.
  public init(offset: Int, what: String, cost: String) {
    self.offset = offset
    self.what = what
    self.cost = cost
  }

  public var description: String { "offset \(offset): \(what); \(cost)" }
}

extension IndexReader {
  /// Reads everything and reports each defect. `progress` gets the share that is done, from 0 to 1, now and then. Takes
  /// 16 bytes a label pair, 4 a symbol and 4 a series besides the file.
  public func verify(progress: (Double) -> Void = { _ in }, report: (IndexDefect) -> Void) {
    var all: [UInt32] = []
    do {
      all = try allPostings().refs()
    } catch {
      report(
        IndexDefect(
          offset: Int(toc.postings), what: error.message,
          cost: "series cannot be listed; those of other lists can be read"))
    }
    var tally = PairTally(self, report)
    verifySeries(all, &tally, progress, report)
    verifyLists(tally, progress, report)
    if symbolTable.content.hasFault {
      report(
        IndexDefect(
          offset: 0, what: "the file was cut short or could not be read", cost: "nothing of it can be trusted"))
    }
  }

  private func verifySeries(
    _ refs: [UInt32], _ tally: inout PairTally, _ progress: (Double) -> Void, _ report: (IndexDefect) -> Void
  ) {
    let batch = SeriesBatch(symbols: symbols)
    var done = 0
    var chunkRef: UInt64 = 0
    var lastRead: UInt32?
    while done < refs.count {
      let end = min(done + 4096, refs.count)
      batch.removeAll()
      // The last series of the batch before goes in front, so that the order is checked across batches.
      let front = lastRead.map { [$0] } ?? []
      do throws(StorageError) {
        try series(front + refs[done..<end], into: batch)
        done = end
      } catch {
        // The series before the damaged one are in the batch.
        done += max(0, batch.seriesCount - front.count)
        // A reference to nothing is a defect of the list that has it.
        let start = offset(of: refs[done])
        let inside = start < Int(toc.series_end) && start >= Int(toc.series)
        report(
          IndexDefect(offset: inside ? start : Int(toc.postings), what: error.message, cost: "one series is lost"))
        done += 1
      }
      if batch.seriesCount > front.count {
        validate(batch, from: front.count, &chunkRef, report)
        tally.add(batch, from: front.count, self, report)
        lastRead = batch.seriesRef(at: batch.seriesCount - 1)
      }
      progress(0.7 * Double(done) / Double(refs.count))
    }
  }

  private func validate(
    _ batch: SeriesBatch, from start: Int, _ chunkRef: inout UInt64, _ report: (IndexDefect) -> Void
  ) {
    var first = start
    while first < batch.seriesCount {
      var defect = unsafe tsdb_series_defect()
      var status = TSDB_OK
      let count = batch.seriesCount
      unsafe batch.fill { columns in
        var columns = unsafe tsdb_series_columns(columns, filled: count)
        status = unsafe tsdb_index_series_validate(&columns, first, symbolTable.hasEmptySymbol, &chunkRef, &defect)
        return count
      }
      guard status != TSDB_OK else { return }
      first = unsafe defect.series_index + 1
      let series = unsafe defect.series_index
      let reason = unsafe String(cString: defect.reason)
      report(
        IndexDefect(
          offset: offset(of: batch.seriesRef(at: series)), what: "\(reason): \(batch.labels(at: series))",
          cost: "selections can answer out of order or twice"))
    }
  }

  private func verifyLists(
    _ tally: PairTally, _ progress: (Double) -> Void, _ report: (IndexDefect) -> Void
  ) {
    var pair = 0
    for name in [""] + tally.names {
      guard let values = try? labelValues(of: name) else { continue }
      for value in 0..<values.count {
        let label = "\(name)=\(quoted(values.string(value)))"
        let offset = Int(clamping: values.postingsOffsets[value])
        do throws(StorageError) {
          let list = try postings(values, at: value)
          var place = 0
          let (status, sum) = unsafe list.region.withUnsafeBytes { bytes in
            guard let ids = unsafe bytes.bytes else { return (TSDB_OK, UInt64(0)) }
            return unsafe (
              tsdb_index_postings_validate(ids, list.count, &place), tsdb_index_postings_tally(ids, list.count)
            )
          }
          if status != TSDB_OK {
            report(
              IndexDefect(
                offset: offset + 8 + 4 * place, what: "postings of \(label) are not ascending at entry \(place)",
                cost: "selections by this label can miss series"))
          }
          if !name.isEmpty, pair < tally.sums.count, sum != tally.sums[pair] {
            report(
              IndexDefect(
                offset: offset, what: "postings of \(label) are not those series that have the label",
                cost: "selections by this label miss series or find wrong ones"))
          }
        } catch {
          report(IndexDefect(offset: offset, what: error.message, cost: "series with \(label) are not found by it"))
        }
        if !name.isEmpty { pair += 1 }
        if pair % 1024 == 0 { progress(0.7 + 0.3 * Double(pair) / Double(max(1, tally.sums.count))) }
      }
    }
    progress(1)
  }
}

/// For each label pair that has a postings list, a sum over the series that have the label.
private struct PairTally {
  private(set) var names: [String] = []
  private var keys: [UInt64] = []
  private(set) var sums: [UInt64] = []
  private var keyOfValue: [UInt32]

  init(_ index: IndexReader, _ report: (IndexDefect) -> Void) {
    keyOfValue = [UInt32](repeating: .max, count: index.symbols.count)
    names = (try? index.labelNames()) ?? []
    for name in names {
      guard let values = try? index.labelValues(of: name) else { continue }
      let nameID = index.symbolTable.id(of: name)
      for value in 0..<values.count {
        let valueID = unsafe values.withValue(value) { bytes in unsafe index.symbolTable.id(of: bytes) }
        if let nameID, let valueID {
          keyOfValue[Int(valueID)] = UInt32(truncatingIfNeeded: keys.count)
          keys.append(UInt64(nameID) << 32 | UInt64(valueID))
        } else {
          report(
            IndexDefect(
              offset: Int(index.toc.postings_table),
              what: "the postings offset table has \(name)=\(quoted(values.string(value))), the symbols do not",
              cost: "a label that no series can have"))
          // Above every key that follows from ids, so that the order holds; nothing adds to it.
          keys.append((keys.last ?? 0) + 1)
        }
      }
    }
    sums = [UInt64](repeating: 0, count: keys.count)
  }

  mutating func add(_ batch: SeriesBatch, from start: Int, _ index: IndexReader, _ report: (IndexDefect) -> Void) {
    var first = start
    let count = batch.seriesCount
    while first < count {
      var failed = 0
      var status = TSDB_OK
      unsafe batch.fill { columns in
        var columns = unsafe tsdb_series_columns(columns, filled: count)
        status = unsafe sums.withUnsafeMutableBufferPointer { sums in
          unsafe tsdb_index_series_tally(
            &columns, first, keys, keys.count, keyOfValue, sums.baseAddress, &failed)
        }
        return count
      }
      guard status != TSDB_OK else { return }
      report(
        IndexDefect(
          offset: index.offset(of: batch.seriesRef(at: failed)),
          what: "a label of \(batch.labels(at: failed)) has no postings list",
          cost: "the series is not found by that label"))
      first = failed + 1
    }
  }
}
