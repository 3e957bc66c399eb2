import TSModel
import Testing

@Suite struct LabelsTests {
  @Test func labelsAreSortedByBytesOfTheirNames() {
    let labels = Labels([("b", "1"), ("__name__", "up"), ("A", "2"), ("a", "3")])
    #expect(labels.map(\.name) == ["A", "__name__", "a", "b"])
  }

  @Test func emptyValuesAreNoLabels() {
    #expect(Labels([("a", ""), ("b", "1")]) == Labels([("b", "1")]))
    #expect(Labels([("a", "1")])["b"] == nil)
  }

  @Test func theLastOfTwoEqualNamesCounts() {
    #expect(Labels([("a", "1"), ("b", "2"), ("a", "3")])["a"] == "3")
    #expect(Labels([("a", "1"), ("a", "")]).isEmpty)
  }

  @Test func canonicallyEquivalentTextsAreDifferentLabels() {
    let composed = Labels([("a", "\u{E9}")])
    let decomposed = Labels([("a", "e\u{301}")])
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    #expect((decomposed < composed) && !(composed < decomposed))
  }

  @Test func orderIsNameThenValuePairByPairThenCount() {
    let ascending: [Labels] = [
      [:], ["A": "2"], ["__name__": "a"], ["__name__": "a", "b": "1"], ["__name__": "a", "b": "1", "c": "1"],
      ["__name__": "a", "b": "2"], ["__name__": "a", "c": "0"], ["__name__": "b"], ["a": "0"],
    ]
    for (index, left) in ascending.enumerated() {
      for (otherIndex, right) in ascending.enumerated() {
        #expect((left < right) == (index < otherIndex), "\(left) \(right)")
      }
    }
  }

  @Test(
    arguments: [
      (["__name__": "up", "job": "a"], "up{job=\"a\"}"),
      (["__name__": "up"], "up"),
      ([:], "{}"),
      (["job": "a", "b": "x\"\\\n\u{1}é"], "{b=\"x\\\"\\\\\\n\\x01é\", job=\"a\"}"),
      (["__name__": "na.me", "l.b": "x"], "{\"na.me\", \"l.b\"=\"x\"}"),
      (["__name__": "a:b"], "a:b"),
      (["__name__": "9a"], "{\"9a\"}"),
    ] as [(Labels, String)])
  func descriptionIsPrometheusForm(labels: Labels, text: String) { #expect(labels.description == text) }
}

@Suite struct ULIDTests {
  @Test func textAndBitsRoundTrip() throws {
    for text in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
      #expect(try #require(ULID(text)).description == text)
    }
    #expect(ULID("01ARZ3NDEKTSV4RRFFQ69G5FAV")?.timeMs == 1_469_922_850_259)
    #expect(ULID("01arz3ndektsv4rrffq69g5fav") == ULID("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
  }

  @Test(arguments: [
    "", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAVV", "81ARZ3NDEKTSV4RRFFQ69G5FAV",
    "01ARZ3NDEKTSV4RRFFQ69G5FAU", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01ARZ3NDEKTSV4RRFFQ69G5FAL",
    "01ARZ3NDEKTSV4RRFFQ69G5FAO", "01ARZ3NDEKTSV4RRFFQ69G5FA-", "01ARZ3NDEKTSV4RRFFQ69G5Fé",
  ])
  func otherTextsAreRefused(text: String) { #expect(ULID(text) == nil) }

  @Test func orderIsThatOfTheTexts() {
    let ulids = [
      ULID(timeMs: 0, randomBytes: []), ULID(timeMs: 0, randomBytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
      ULID(timeMs: 0, randomBytes: [1]), ULID(timeMs: 1, randomBytes: []), ULID(timeMs: .max, randomBytes: [255]),
    ]
    #expect(ulids.sorted() == ulids)
    #expect(ulids.map(\.description).sorted() == ulids.map(\.description))
    #expect(ulids.last?.timeMs == 1 << 48 - 1)
    #expect(ULID(timeMs: -5, randomBytes: []).timeMs == 0)
  }

  @Test func generatedOnesDifferAndCarryTheTime() {
    let (a, b) = (ULID.generate(), ULID.generate())
    #expect(a != b)
    #expect(a.timeMs > 1_700_000_000_000)
    #expect(ULID(a.description) == a)
  }
}

@Suite struct TimeRangeTests {
  @Test func bothEndsAreIncluded() {
    let range = TimeRange(minTimeMs: 10, maxTimeMs: 20)
    #expect(range.contains(10) && range.contains(20) && !range.contains(9) && !range.contains(21))
    #expect(range.overlaps(TimeRange(minTimeMs: 20, maxTimeMs: 30)))
    #expect(!range.overlaps(TimeRange(minTimeMs: 21, maxTimeMs: 30)))
    #expect(range.intersection(TimeRange(minTimeMs: 21, maxTimeMs: 30)).isEmpty)
    #expect(TimeRange.all.contains(range))
  }
}
