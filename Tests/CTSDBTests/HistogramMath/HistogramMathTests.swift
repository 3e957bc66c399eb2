import CTSDB
import TestSupport
import Testing

@Suite struct HistogramMathTests {
  typealias Model = HistogramModel

  /// {{schema:0 sum:5 count:4 buckets:[1 2 1]}} and others of Prometheus' own test scripts, with the answers told there.
  private let single = Model(count: 4, sum: 5, positive: Model.run([1, 2, 1]))
  private let trimmed = Model(
    zeroThreshold: 0.001, zeroCount: 1, count: 34, sum: 123.75, positive: Model.run([2, 4, 8, 16]),
    negative: Model.run([1, 2]))

  private func quantile(_ phi: Double, _ model: Model) -> (Double, UInt32) {
    var seen: UInt32 = 0
    let value = model.withView { view in
      var view = view
      return tsdb_histogram_quantile(&view, phi, &seen)
    }
    return (value, seen)
  }

  private func fraction(_ lower: Double, _ upper: Double, _ model: Model) -> Double {
    var seen: UInt32 = 0
    return model.withView { view in
      var view = view
      return tsdb_histogram_fraction(&view, lower, upper, &seen)
    }
  }

  @Test func quantilesAndFractionsOfTheScripts() {
    #expect(abs(quantile(0.5, single).0 - 1.414213562373095) < 1e-15)
    #expect(quantile(-1, single).0 == -.infinity && quantile(2, single).0 == .infinity)
    #expect(quantile(.nan, single).0.isNaN && quantile(0.5, Model()).0.isNaN)
    #expect(fraction(1, 2, single) == 0.5 && fraction(0, 8, single) == 1 && fraction(2, 1, single) == 0)
    #expect(fraction(0, 8, Model()).isNaN)
    // Custom buckets are linear; the first one begins at 0, the last one ends where it begins.
    let custom = Model(schema: -53, count: 4, sum: 10, positive: Model.run([1, 2, 1]), custom: [2, 4])
    #expect(quantile(0.5, custom).0 == 3 && quantile(0.1, custom).0 == 0.8 && quantile(0.99, custom).0 == 4)
    let below = Model(schema: -53, count: 1, sum: -5, positive: [0: 1], custom: [-2, 4])
    #expect(quantile(0.5, below).0 == -2)
    // The zero bucket of a positive histogram begins at 0.
    let zero = Model(zeroThreshold: 0.5, zeroCount: 2, count: 3, sum: 1, positive: [1: 1])
    #expect(abs(quantile(1.0 / 3, zero).0 - 0.25) < 1e-15)
    let mirrored = Model(count: 4, sum: -5, negative: Model.run([1, 2, 1]))
    #expect(abs(quantile(0.5, mirrored).0 + 1.414213562373095) < 1e-15)
    // Observations of NaN are in no bucket.
    let nan = Model(count: 8, sum: .nan, positive: Model.run([1, 2, 1]))
    #expect(quantile(0.9, nan).0.isNaN && quantile(0.9, nan).1 == UInt32(TSDB_HISTOGRAM_SEEN_NAN_RESULT))
    #expect(quantile(0.1, nan).1 == UInt32(TSDB_HISTOGRAM_SEEN_NAN_SKEW))
  }

  @Test func averagesAndVariances() {
    single.withView { view in
      var view = view
      #expect(tsdb_histogram_average(&view) == 1.25)
      // Middles √½, √2, √8 around the mean.
      let expected = [(0.5, 1.0), (2.0, 2.0), (8.0, 1.0)].reduce(0) {
        $0 + $1.1 * ($1.0.squareRoot() - 1.25) * ($1.0.squareRoot() - 1.25)
      }
      #expect(abs(tsdb_histogram_variance(&view) - expected / 4) < 1e-14)
    }
  }

  @Test func trimsOfTheScripts() {
    func trim(_ bound: Double, isUpper: Bool) -> Model? {
      trimmed.result { a, _, out in tsdb_histogram_trim(&a, bound, isUpper, out) }
    }
    #expect(trim(-.infinity, isUpper: false) == trimmed && trim(.infinity, isUpper: true) == trimmed)
    let empty = Model(zeroThreshold: 0.001)
    #expect(trim(.infinity, isUpper: false) == empty && trim(-.infinity, isUpper: true) == empty)
    let above = trim(0, isUpper: false)
    #expect(above?.positive == trimmed.positive && above?.negative == [:] && above?.zeroCount == 0.5)
    #expect(above?.count == 30.5 && abs((above?.sum ?? 0) - 120.20840280171308) < 1e-12)
    let below = trim(0, isUpper: true)
    #expect(below?.count == 3.5 && abs((below?.sum ?? 0) + 3.53578390593273768) < 1e-14)
    let cut = trim(1.4142135624, isUpper: true)
    #expect(abs((cut?.positive[1] ?? 0) - 2) < 1e-9 && cut?.positive[2] == nil)
    #expect(abs((cut?.sum ?? 0) - 0.2570938865989847) < 1e-9)
    let rest = trim(1.4142135624, isUpper: false)
    #expect(abs((rest?.count ?? 0) - 26) < 1e-9 && abs((rest?.sum ?? 0) - 116.50067065070982) < 1e-8)
  }

  /// Sums over random histograms of one zero bucket, against dictionaries; what is added and taken away again is gone.
  @Test func sumsAgreeWithDictionaries() {
    var random = SplitMix64(seed: 31)
    func side(_ schema: Int32) -> [Int: Double] {
      var buckets: [Int: Double] = [:]
      for _ in 0..<random.below(12) { buckets[random.below(60) - 20] = Double(random.below(50)) }
      return buckets
    }
    func coarser(_ buckets: [Int: Double], _ shift: Int32) -> [Int: Double] {
      Dictionary(buckets.map { ((($0.key - 1) >> Int(shift)) + 1, $0.value) }, uniquingKeysWith: +)
    }
    for _ in 0..<2000 {
      let models = (0..<2).map { _ in
        let schema = Int32(random.below(4))
        return Model(
          schema: schema, zeroCount: Double(random.below(5)), count: Double(random.below(100)),
          sum: Double(random.below(100)), positive: side(schema), negative: side(schema))
      }
      let (a, b) = (models[0], models[1])
      let schema = min(a.schema, b.schema)
      let (pa, pb) = (coarser(a.positive, a.schema - schema), coarser(b.positive, b.schema - schema))
      let (na, nb) = (coarser(a.negative, a.schema - schema), coarser(b.negative, b.schema - schema))
      let (sum, seen) = a.adding(b)
      #expect(seen == 0)
      #expect(
        sum
          == Model(
            schema: schema, zeroCount: a.zeroCount + b.zeroCount, count: a.count + b.count, sum: a.sum + b.sum,
            positive: pa.merging(pb, uniquingKeysWith: +), negative: na.merging(nb, uniquingKeysWith: +)))
      let (difference, _) = a.adding(b, subtracts: true)
      #expect(difference?.positive == pa.merging(pb.mapValues { -$0 }, uniquingKeysWith: +))
      let reduced = a.result { a, _, out in tsdb_histogram_copy_to_schema(&a, schema, out) }
      #expect(reduced?.positive == pa && reduced?.negative == na)
      let compact = sum?.result { a, _, out in tsdb_histogram_compact(&a, 0, out) }
      #expect(compact == sum?.compacted)
    }
  }

  @Test func zeroBucketsAreWidenedToTheEndsOfBuckets() {
    // b's zero bucket reaches to 3: into a's bucket (2, 4], so that both end at 4.
    let a = Model(zeroThreshold: 0.5, zeroCount: 1, count: 15, sum: 9, positive: Model.run([1, 2, 3, 4, 5], at: 0))
    let b = Model(zeroThreshold: 3, zeroCount: 10, count: 30, sum: 1, positive: Model.run([20], at: 3))
    let (sum, _) = a.adding(b)
    #expect(sum?.zeroThreshold == 4 && sum?.zeroCount == 1 + 1 + 2 + 3 + 10)
    #expect(sum?.positive == [3: 4 + 20, 4: 5])
    let (other, _) = b.adding(a)
    #expect(other?.zeroThreshold == 4 && other?.zeroCount == 17 && other?.positive == [3: 24, 4: 5])
    // An empty bucket is no reason to widen.
    let empty = Model(zeroThreshold: 0.5, count: 3, sum: 9, positive: [2: 0, 5: 3])
    #expect(empty.adding(b).0?.zeroThreshold == 3)
  }

  @Test func customBoundsMeetInTheCommonOnes() {
    let a = Model(schema: -53, count: 10, sum: 1, positive: Model.run([1, 2, 3, 4]), custom: [1, 2, 5])
    let b = Model(schema: -53, count: 60, sum: 2, positive: Model.run([10, 20, 30]), custom: [1, 5])
    let (sum, seen) = a.adding(b)
    #expect(seen == UInt32(TSDB_HISTOGRAM_SEEN_BOUNDS_RECONCILED))
    #expect(sum?.custom == [1, 5] && sum?.positive == [0: 11, 1: 25, 2: 34])
    #expect(a.adding(a).0?.positive == Model.run([2, 4, 6, 8]) && a.adding(a).1 == 0)
    let (none, mixed) = a.adding(single)
    #expect(none == nil && mixed == UInt32(TSDB_HISTOGRAM_SEEN_MIXED_SCHEMAS))
    let apart = Model(schema: -53, count: 1, sum: 2, positive: [0: 1], custom: [7])
    #expect(a.adding(apart).0?.positive == [0: 11] && a.adding(apart).0?.custom == [])
  }

  @Test func hintsAgreeOrBecomeUnknown() {
    let (unknown, not, reset, gauge) = (
      UInt8(TSDB_HISTOGRAM_RESET_UNKNOWN), UInt8(TSDB_HISTOGRAM_RESET_NOT), UInt8(TSDB_HISTOGRAM_RESET),
      UInt8(TSDB_HISTOGRAM_GAUGE)
    )
    for (ours, theirs, expected, collides) in [
      (unknown, not, unknown, false), (not, not, not, false), (not, reset, unknown, true), (reset, not, unknown, true),
      (gauge, reset, gauge, false), (reset, gauge, gauge, false), (reset, unknown, unknown, false),
    ] {
      var (a, b) = (single, single)
      (a.hint, b.hint) = (ours, theirs)
      let (sum, seen) = a.adding(b)
      #expect(sum?.hint == expected)
      #expect((seen == UInt32(TSDB_HISTOGRAM_SEEN_RESET_COLLISION)) == collides)
    }
  }

  private func detects(_ current: Model, after previous: Model) -> Bool {
    current.withView { current in
      previous.withView { previous in
        var (a, b) = (current, previous)
        return tsdb_histogram_detect_reset(&a, &b)
      }
    }
  }

  @Test func resetsAreSeenInBucketsTotalsAndLayout() {
    var grown = single
    (grown.count, grown.positive) = (6, Model.run([1, 2, 1, 2]))
    #expect(!detects(grown, after: single) && detects(single, after: grown))
    var shifted = grown
    shifted.positive[0] = 0
    #expect(detects(shifted, after: single))  // a bucket lost an observation though the total grew
    var finer = grown
    finer.schema = 1
    #expect(detects(finer, after: single))
    var wider = grown
    (wider.zeroThreshold, wider.zeroCount, wider.positive) = (1, 1, [1: 2, 2: 1, 3: 2])
    #expect(!detects(wider, after: single))
    wider.zeroCount = 0.5
    #expect(detects(wider, after: single))
    wider.zeroThreshold = 1.5  // would cut a populated bucket of the one before
    wider.zeroCount = 10
    #expect(detects(wider, after: single))
    shifted.hint = UInt8(TSDB_HISTOGRAM_RESET_NOT)
    #expect(!detects(shifted, after: single))
    grown.hint = UInt8(TSDB_HISTOGRAM_RESET)
    #expect(detects(grown, after: single))
    let a = Model(schema: -53, count: 10, sum: 1, positive: Model.run([1, 2, 3, 4]), custom: [1, 2, 5])
    let b = Model(schema: -53, count: 12, sum: 2, positive: Model.run([1, 6, 5]), custom: [1, 5])
    #expect(!detects(b, after: a))
    #expect(detects(Model(schema: -53, count: 12, sum: 2, positive: Model.run([1, 4, 7]), custom: [1, 5]), after: a))
  }

  @Test func validityIsThatOfTheDataModel() {
    func isValid(_ model: Model) -> Bool {
      model.withView { view in
        var view = view
        return tsdb_histogram_validate_view(&view) == TSDB_OK
      }
    }
    #expect(isValid(single) && isValid(trimmed) && isValid(Model()))
    #expect(!isValid(Model(schema: 9)) && !isValid(Model(count: -1)) && !isValid(Model(positive: [3: -1])))
    #expect(isValid(Model(schema: -53, positive: [2: 1], custom: [1, 2])))
    #expect(!isValid(Model(schema: -53, positive: [3: 1], custom: [1, 2])))
    #expect(!isValid(Model(schema: -53, custom: [2, 2])) && !isValid(Model(schema: -53, custom: [1, .infinity])))
    #expect(!isValid(Model(schema: -53, zeroCount: 1, custom: [1])) && !isValid(Model(custom: [1])))
  }

  @Test func jsonListsBucketsWithTheirBounds() {
    let model = Model(
      zeroThreshold: 0.25, zeroCount: 3, count: 42, sum: 34593.34, positive: [1: 21, 0: 0], negative: [1: 2])
    let json = model.withView { view in
      var view = view
      var out = [UInt8](repeating: 0, count: tsdb_json_histogram_bound(&view))
      var size = 0
      #expect(tsdb_json_histogram(&view, &out, out.count, &size) == TSDB_OK)
      #expect(tsdb_json_histogram(&view, &out, out.count - 1, &size) == TSDB_ERR_CAPACITY)
      return String(decoding: out.prefix(size), as: UTF8.self)
    }
    #expect(
      json
        == #"{"count":"42","sum":"34593.34","buckets":[[1,"-2","-1","2"],[3,"-0.25","0.25","3"],[0,"1","2","21"]]}"#)
  }

  @Test func boundsArePowersOfTheSchema() {
    for schema in Int32(-4)...8 {
      for index in Int64(-300)...300 {
        let bound = tsdb_histogram_bound(index, schema, nil, 0)
        var exact = 1.0
        // 2^(index · 2^-schema) by roots, within a few units of the last place.
        let exponent = Double(index) * (schema >= 0 ? 1 / Double(1 << Int(schema)) : Double(1 << Int(-schema)))
        if exponent.magnitude > 1020 { continue }
        let whole = exponent.rounded(.down)
        var rest = exponent - whole
        var root = 2.0
        while rest > 0 {
          root = root.squareRoot()
          rest *= 2
          if rest >= 1 {
            exact *= root
            rest -= 1
          }
        }
        exact = Double(sign: .plus, exponent: Int(whole), significand: exact)
        #expect(abs(bound / exact - 1) < 1e-14, "schema \(schema), bucket \(index)")
      }
    }
    #expect(tsdb_histogram_bound(1024, 0, nil, 0) == .greatestFiniteMagnitude)
    #expect(
      tsdb_histogram_bound(1025, 0, nil, 0) == .infinity
        && tsdb_histogram_bound(64, -4, nil, 0) == .greatestFiniteMagnitude)
  }

  @Test func classicQuantilesOfBuckets() {
    func quantile(_ phi: Double, _ pairs: [(Double, Double)]) -> (Double, Bool) {
      var buckets = pairs.map { tsdb_classic_bucket(upper_bound: $0.0, count: $0.1) }
      var repair = tsdb_classic_repair()
      let value = tsdb_classic_quantile(&buckets, buckets.count, phi, &repair)
      return (value, repair.is_forced)
    }
    let buckets = [(1.0, 10.0), (.infinity, 40), (2, 20), (4, 40)]
    #expect(quantile(0.5, buckets).0 == 2 && quantile(0.75, buckets).0 == 3 && quantile(0.125, buckets).0 == 0.5)
    #expect(quantile(0.99, [(1, 1), (.infinity, 100)]).0 == 1)
    #expect(quantile(0.5, [(1, 1), (2, 100)]).0.isNaN && quantile(0.5, [(.infinity, 5)]).0.isNaN)
    #expect(quantile(0.1, [(-1, 5), (.infinity, 10)]).0 == -1)
    #expect(quantile(0.5, [(1, 10), (2, 8), (.infinity, 20)]).1)
    #expect(!quantile(0.5, [(1, 10), (2, 10 - 1e-13), (.infinity, 20)]).1)
    var classic = [(1.0, 10.0), (2, 30), (.infinity, 40)].map { tsdb_classic_bucket(upper_bound: $0.0, count: $0.1) }
    #expect(
      tsdb_classic_fraction(&classic, 3, 0, 1.5) == 0.5 && tsdb_classic_fraction(&classic, 3, 1, .infinity) == 0.75)
  }
}
