// Exponential buckets against their definition.
import TestSupport
import Testing

@testable import Observability

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

@Suite struct NativeBucketsTests {
  @Test(arguments: -4...8) func indexAgreesWithItsDefinition(_ schema: Int) {
    var random = SplitMix64(seed: UInt64(bitPattern: Int64(schema)))
    for _ in 0..<2000 {
      let size = exp2(Double.random(in: -120...120, using: &random))
      let index = NativeBuckets.index(of: size, schema: schema)
      let step = exp2(-Double(schema))
      let (lower, upper) = (exp2(Double(index - 1) * step), exp2(Double(index) * step))
      #expect(lower < size * 1.0000000001 && size <= upper * 1.0000000001)
    }
    // Powers of two are bounds themselves and belong to the bucket below them.
    for exponent in stride(from: -96, through: 96, by: 16) {
      let index = NativeBuckets.index(of: exp2(Double(exponent)), schema: schema)
      #expect(index == (schema >= 0 ? exponent << schema : exponent >> -schema))
      #expect(NativeBuckets.index(of: exp2(Double(exponent)).nextUp, schema: schema) == index + 1)
    }
    #expect(
      NativeBuckets.index(of: .infinity, schema: schema)
        == NativeBuckets.index(of: .greatestFiniteMagnitude, schema: schema) + 1)
  }

  @Test func bucketsStayWithinTheirNumber() {
    var buckets = NativeBuckets()
    var random = SplitMix64(seed: 7)
    for _ in 0..<20_000 {
      buckets.observe((Bool.random(using: &random) ? 1 : -1) * exp2(Double.random(in: -100...100, using: &random)))
      #expect(buckets.positive.count + buckets.negative.count <= NativeBuckets.countMax)
    }
    #expect(buckets.count == 20_000 && buckets.schema < 0)
  }

  @Test func joiningNeighboursIsTheSameAsTheSmallerSchemaFromTheStart() {
    var random = SplitMix64(seed: 11)
    var buckets = NativeBuckets()
    var sizes: [Double] = []
    for _ in 0..<5000 {
      let size = exp2(Double.random(in: -20...20, using: &random))
      sizes.append(size)
      buckets.observe(size)
    }
    var expected: [Int: UInt64] = [:]
    for size in sizes { expected[NativeBuckets.index(of: size, schema: buckets.schema), default: 0] += 1 }
    #expect(buckets.positive == expected)
  }

  @Test func zeroAndNoNumbersHaveTheirPlaces() {
    var buckets = NativeBuckets()
    for value in [0, -0.0, 1e-40, .nan, 1] { buckets.observe(value) }
    #expect(buckets.zeroCount == 3 && buckets.notANumberCount == 1 && buckets.count == 5)
    #expect(buckets.positive == [0: 1])
  }

  @Test func spansHoldWhatTheBucketsHold() {
    let (spans, deltas) = NativeBuckets.spans([-3: 2, -2: 5, 1: 1, 9: 4])
    // -3, -2, two empty ones, 1; then a gap of seven.
    #expect(spans.map(\.offset) == [-3, 7] && spans.map(\.length) == [5, 1])
    #expect(deltas == [2, 3, -5, 0, 1, 3])
    #expect(NativeBuckets.spans([:]).deltas.isEmpty)
  }
}
