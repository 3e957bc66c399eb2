// From matchers to series: which series of an index fulfil all of them.
//
// An empty value is the same as no label, so a matcher that takes the empty value cannot be answered from the lists of the
// values it takes: series without the label are in none of them. Such matchers take away the series whose value they refuse:
//
//   label must be set (one of its matchers refuses the empty value)
//     matcher takes empty, is negative     l!="a"      take away the series of the values it refuses
//     any other                            l="a"       keep only the series of the values it takes
//   label may be unset (all its matchers take the empty value)
//     any                                  l=~"a?"     take away the series of the values it refuses
//
// Lists to keep are intersected, shortest first; without any, all series are the start. What is taken away goes last.
internal import CTSDB
public import TSModel

/// References of series, ascending, each once.
public typealias SeriesRefs = [UInt32]

extension IndexReader {
  /// The series that fulfil all of `matchers`; all series where there are none.
  ///
  /// Throws what is wrong with the index; `.size` as a request to be rejected where a value is too long for an expression
  /// that only RE2 can decide.
  public func select(_ matchers: [LabelMatcher]) throws(StorageError) -> SeriesRefs {
    let result = try selection(matchers)
    try checkFault()
    return result
  }

  private func selection(_ matchers: [LabelMatcher]) throws(StorageError) -> SeriesRefs {
    var seen: Set<LabelMatcher> = []
    // The matcher without name and value, which Prometheus takes for "everything".
    let unique = matchers.filter { seen.insert($0).inserted && !($0.name.isEmpty && $0.valueBytes.isEmpty) }
    var labelsToBeSet: Set<[UInt8]> = []
    for matcher in unique where !matcher.matchesEmpty { labelsToBeSet.insert(Array(matcher.name.utf8)) }
    var (kept, takenAway): ([LabelMatcher], [LabelMatcher]) = ([], [])
    var equalities: [[UInt8]: [UInt8]] = [:]
    for matcher in unique {
      // `.*` says nothing, and its opposite says all: no values need to be listed for either.
      if matcher.regex?.shape == .any {
        if matcher.kind == .notRegex { return [] }
        continue
      }
      let mustBeSet = labelsToBeSet.contains(Array(matcher.name.utf8))
      if mustBeSet && !(matcher.kind.isNegative && matcher.matchesEmpty) {
        kept.append(matcher)
      } else {
        takenAway.append(matcher)
      }
      // Two values at once: nothing needs to be read to know that no series has both.
      if matcher.kind == .equal {
        let other = equalities.updateValue(matcher.valueBytes, forKey: Array(matcher.name.utf8))
        if let other, other != matcher.valueBytes { return [] }
      }
    }

    var lists: [PostingsList] = []
    for matcher in kept {
      let list = try postings(takenBy: matcher)
      if list.count == 0 { return [] }
      lists.append(list)
    }
    if lists.isEmpty { lists.append(.stored(try allPostings())) }
    lists.sort { $0.count < $1.count }
    var result = lists[0]
    for list in lists.dropFirst() where result.count > 0 {
      result = unsafe .native(
        try result.combined(with: list, count: min(result.count, list.count), tsdb_postings_intersect))
    }
    for matcher in takenAway where result.count > 0 {
      let list = try postings(refusedBy: matcher)
      if list.count == 0 { continue }
      result = unsafe .native(try result.combined(with: list, count: result.count, tsdb_postings_subtract))
    }
    return try result.refs()
  }

  /// The series whose value of the label, a value that is not empty, fulfils `matcher`.
  private func postings(takenBy matcher: LabelMatcher) throws(StorageError) -> PostingsList {
    if matcher.kind == .equal { return .stored(try postings(name: matcher.name, valueBytes: matcher.valueBytes)) }
    let table = try labelValues(of: matcher.name)
    return try union(of: table, try table.matches(of: matcher))
  }

  /// The series whose value of the label, a value that is not empty, does not fulfil `matcher`.
  private func postings(refusedBy matcher: LabelMatcher) throws(StorageError) -> PostingsList {
    if matcher.kind == .notEqual { return .stored(try postings(name: matcher.name, valueBytes: matcher.valueBytes)) }
    let table = try labelValues(of: matcher.name)
    return try union(of: table, try table.matches(of: matcher).complement(of: table.count))
  }

  /// The list of one pair; of none where the value is not UTF-8, which no lookup by string can find, it is searched for.
  private func postings(name: String, valueBytes: [UInt8]) throws(StorageError) -> Postings {
    let value = String(decoding: valueBytes, as: UTF8.self)
    if value.utf8.elementsEqual(valueBytes) { return try postings(name: name, value: value) }
    let table = try labelValues(of: name)
    for index in 0..<table.count {
      let isFound = unsafe table.withValue(index) { unsafe $0.elementsEqual(valueBytes) }
      if isFound { return try postings(table, at: index) }
    }
    return .empty
  }

  // MARK: Unions

  /// The series of those values of `table` that are in `matches`.
  private func union(of table: ValueTable, _ matches: ValueMatches) throws(StorageError) -> PostingsList {
    if case .range(0..<table.count) = matches, table.count > 64, let all = try allPostings(ifThoseOf: table) {
      return .stored(all)
    }
    let offsets =
      switch matches {
      case .range(let range): Array(table.postingsOffsets[range])
      case .indices(let indices): indices.map { table.postingsOffsets[Int($0)] }
      }
    switch offsets.count {
    case 0: return .native([])
    case 1: return .stored(try postings(at: offsets[0], of: table))
    // In version 1 references are file offsets: a bitmap over them would be sixteen times as large.
    case ...64: return .native(try mergedUnion(of: table, offsets))
    default: return .native(try version == 1 ? mergedUnion(of: table, offsets) : bitmapUnion(of: table, offsets))
    }
  }

  private func postings(at offset: UInt64, of table: ValueTable) throws(StorageError) -> Postings {
    try Postings(source, offset: offset) {
      "read a postings list of label \(quoted(table.name)) in \(self.source.name)"
    }
  }

  /// The list of all series where each has a value of this label: the union of all its values' lists then.
  private func allPostings(ifThoseOf table: ValueTable) throws(StorageError) -> Postings? {
    let offsets = table.postingsOffsets
    let attempt = { "count the series with label \(quoted(table.name)) in \(self.source.name)" }
    guard let first = offsets.first, let last = offsets.last, first <= last else { return nil }
    let region = try listRegion(from: first, lastList: last, attempt)
    var count: UInt64 = 0
    let status = unsafe region.withUnsafeBytes { bytes in
      unsafe offsets.withUnsafeBufferPointer { offsets in
        unsafe tsdb_postings_stored_count(bytes.bytes, bytes.count, first, offsets.baseAddress, offsets.count, &count)
      }
    }
    // Lists that lie elsewhere or are damaged are dealt with, or reported, by who reads them.
    guard status == TSDB_OK else { return nil }
    let all = try allPostings()
    return UInt64(all.count) == count ? all : nil
  }

  /// Few lists: each is opened, then they are merged in one call.
  private func mergedUnion(of table: ValueTable, _ offsets: [UInt64]) throws(StorageError) -> [UInt32] {
    var opened: [Postings] = []
    for offset in offsets { opened.append(try postings(at: offset, of: table)) }
    var lists = unsafe [tsdb_postings]()
    for postings in opened {
      // The regions are kept alive by `opened` to the end of this method.
      unsafe postings.region.withUnsafeBytes { bytes in
        unsafe lists.append(tsdb_postings_stored(bytes.bytes, postings.count))
      }
    }
    defer { withExtendedLifetime(opened) {} }
    let bound = unsafe tsdb_postings_union_bound(lists, lists.count)
    let scratchBound = unsafe tsdb_postings_union_scratch_bound(lists, lists.count)
    var status = TSDB_OK
    let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, scratchBound))
    defer { unsafe scratch.deallocate() }
    let refs = unsafe [UInt32](unsafeUninitializedCapacity: bound) { refs, filled in
      unsafe status = tsdb_postings_union(
        lists, lists.count, refs.baseAddress, bound, scratch, scratchBound, &filled)
    }
    guard status == TSDB_OK else {
      throw StorageError(status, "unite postings of label \(quoted(table.name)) in \(name)")
    }
    return refs
  }

  /// Many lists: their bits are set in a bitmap over all references of the index, straight from where they lie. Lists that
  /// lie near each other are read together.
  private func bitmapUnion(of table: ValueTable, _ offsets: [UInt64]) throws(StorageError) -> [UInt32] {
    let attempt = { "read postings of label \(quoted(table.name)) in \(self.source.name)" }
    let alignment = UInt64(TSDB_INDEX_SERIES_ALIGNMENT)
    let first = UInt32(truncatingIfNeeded: toc.series / alignment) & ~63
    let last = UInt32(clamping: toc.series_end / alignment)
    var bitmap = unsafe tsdb_postings_bitmap()
    unsafe bitmap.word_count = tsdb_postings_bitmap_bound(first, last)
    unsafe bitmap.first_ref = first
    let words = unsafe UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, bitmap.word_count))
    defer { unsafe words.deallocate() }
    unsafe words.initialize(repeating: 0, count: max(1, bitmap.word_count))
    unsafe bitmap.words = words

    var start = 0
    while start < offsets.count {
      var end = start + 1
      while end < offsets.count, offsets[end] > offsets[end - 1], offsets[end] - offsets[end - 1] <= Self.listGapMax {
        end += 1
      }
      let region = try listRegion(from: offsets[start], lastList: offsets[end - 1], attempt)
      var failed = 0
      let status = unsafe region.withUnsafeBytes { bytes in
        unsafe offsets.withUnsafeBufferPointer { offsets in
          unsafe tsdb_postings_bitmap_add_stored(
            &bitmap, bytes.bytes, bytes.count, offsets[start], offsets.baseAddress.map { unsafe $0 + start },
            end - start, &failed)
        }
      }
      guard status == TSDB_OK else {
        throw StorageError(status, "\(attempt()), offset \(offsets[min(start + failed, offsets.count - 1)])")
      }
      start = end
    }
    let count = unsafe tsdb_postings_bitmap_count(&bitmap)
    return unsafe [UInt32](unsafeUninitializedCapacity: count) { refs, filled in
      // There is room for all: it cannot fail.
      unsafe _ = tsdb_postings_bitmap_read(&bitmap, refs.baseAddress, count, &filled)
    }
  }

  /// From here on a gap between two lists is not read along.
  private static var listGapMax: UInt64 { 512 << 10 }

  /// The bytes from the list at `offset` to the end of the list at `lastList`.
  private func listRegion(
    from offset: UInt64, lastList: UInt64, _ attempt: () -> String
  ) throws(StorageError) -> ByteRegion {
    guard let start = Int(exactly: offset), let last = Int(exactly: lastList), last <= source.byteCount - 8,
      start <= last
    else {
      throw StorageError(.truncated, "\(attempt()), offset \(lastList): \(source.name) has \(source.byteCount) bytes")
    }
    let size = try source.beUInt32(at: last)
    guard size <= source.byteCount - last - 8 else {
      throw StorageError(
        .truncated,
        "\(attempt()), offset \(lastList): \(size) bytes are announced, \(source.name) has \(source.byteCount)")
    }
    return try source.region(offset: start, count: last - start + size + 8)
  }

  // MARK: Names and values

  /// The names of all labels of the series that fulfil `matchers`, ascending by bytes; at most `limit` of them (0: all).
  public func labelNames(matching matchers: [LabelMatcher], limit: Int = 0) throws(StorageError) -> [String] {
    if matchers.isEmpty { return limited(try labelNames(), limit) }
    return limited(try labelNames(ofSeries: try select(matchers)), limit)
  }

  /// The names of all labels of the series `refs`, ascending by bytes.
  public func labelNames(ofSeries refs: SeriesRefs) throws(StorageError) -> [String] {
    var ids: Set<UInt32> = []
    try eachSeries(of: refs) { batch in
      let pairs = batch.labelIDs
      var index = 0
      while index < pairs.count {
        ids.insert(pairs[index])
        index += 2
      }
    }
    return strings(ids)
  }

  /// The values of the label `name` among the series that fulfil `matchers`, ascending by bytes; at most `limit` (0: all).
  /// Throws `.argument` for an empty name.
  public func labelValues(
    of name: String, matching matchers: [LabelMatcher], limit: Int = 0
  ) throws(StorageError) -> [String] {
    guard !name.isEmpty else {
      throw StorageError(.argument, "label name parameter cannot be empty", disposition: .rejectRequest)
    }
    let table = try labelValues(of: name)
    guard table.count > 0 else { return [] }
    if matchers.isEmpty {
      return (0..<(limit > 0 ? min(limit, table.count) : table.count)).map { table.string($0) }
    }
    return limited(try labelValues(of: name, ofSeries: try select(matchers)), limit)
  }

  /// The values of the label `name` among the series `refs`, ascending by bytes.
  public func labelValues(of name: String, ofSeries refs: SeriesRefs) throws(StorageError) -> [String] {
    var ids: Set<UInt32> = []
    var nameID: UInt32?
    try eachSeries(of: refs) { batch in
      let pairs = batch.labelIDs
      var index = 0
      while index < pairs.count {
        let id = pairs[index]
        if nameID == nil, batch.symbols.string(id)?.utf8.elementsEqual(name.utf8) == true { nameID = id }
        if id == nameID { ids.insert(pairs[index + 1]) }
        index += 2
      }
    }
    return strings(ids)
  }

  /// Hands the series `refs` to `body`, some thousand at a time.
  private func eachSeries(of refs: SeriesRefs, _ body: (SeriesBatch) -> Void) throws(StorageError) {
    let batch = SeriesBatch(symbols: symbols)
    var start = 0
    while start < refs.count {
      let end = min(start + 4096, refs.count)
      batch.removeAll()
      try series(Array(refs[start..<end]), into: batch)
      body(batch)
      start = end
    }
    try checkFault()
  }

  private func strings(_ ids: Set<UInt32>) -> [String] {
    // Ids of an index compare as their strings do.
    ids.sorted().compactMap { symbols.string($0) }
  }

  private func limited(_ values: [String], _ limit: Int) -> [String] {
    limit > 0 && limit < values.count ? Array(values[..<limit]) : values
  }
}

extension ValueTable {
  /// Which values fulfil `matcher`.
  func matches(of matcher: LabelMatcher) throws(StorageError) -> ValueMatches {
    let result = unsafe region.withUnsafeBytes { bytes -> Result<ValueMatches, ModelError> in
      unsafe slices.withUnsafeBytes { slices -> Result<ValueMatches, ModelError> in
        let values = unsafe SortedValues(unsafeBytes: bytes, slices: slices.bindMemory(to: UInt32.self))
        do throws(ModelError) { return .success(try matcher.matching(values)) } catch { return .failure(error) }
      }
    }
    do { return try result.get() } catch {
      throw StorageError(.size, "match label \(quoted(name)): \(error)", disposition: .rejectRequest, cause: error)
    }
  }
}

/// References as stored, or as the result of an operation.
private enum PostingsList {
  case stored(Postings)
  case native([UInt32])

  var count: Int {
    switch self {
    case .stored(let postings): postings.count
    case .native(let refs): refs.count
    }
  }

  func withList<R>(_ body: (tsdb_postings) -> R) -> R {
    switch self {
    case .stored(let postings):
      unsafe postings.region.withUnsafeBytes { bytes in unsafe body(tsdb_postings_stored(bytes.bytes, postings.count)) }
    case .native(let refs):
      unsafe refs.withUnsafeBufferPointer { refs in unsafe body(tsdb_postings_native(refs.baseAddress, refs.count)) }
    }
  }

  /// The result of a set operation, which has at most `count` references.
  func combined(
    with other: PostingsList, count: Int,
    _ operation: (
      tsdb_postings, tsdb_postings, UnsafeMutablePointer<UInt32>?, Int, UnsafeMutablePointer<Int>?
    ) -> tsdb_status
  ) throws(StorageError) -> [UInt32] {
    var status = TSDB_OK
    let refs = unsafe [UInt32](unsafeUninitializedCapacity: count) { refs, filled in
      unsafe withList { left in
        unsafe other.withList { right in unsafe status = operation(left, right, refs.baseAddress, count, &filled) }
      }
    }
    guard status == TSDB_OK else { throw StorageError(status, "combine postings lists") }
    return refs
  }

  func refs() throws(StorageError) -> [UInt32] {
    switch self {
    case .native(let refs): refs
    case .stored(let postings): postings.refs()
    }
  }
}
