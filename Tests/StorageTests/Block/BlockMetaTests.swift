import Foundation
import TSModel
import TestSupport
import Testing

@testable import Storage

@Suite struct BlockMetaTests {
  static let metaFiles: [String] = {
    guard let shared = Fixtures.shared else { return [] }
    let folder = shared + "/fixtures"
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix("meta.json") }.sorted().map { folder + "/" + $0 }
  }()

  @Test(.needsShared) func everyRecordedFileIsWrittenAgainByteForByte() throws {
    var (prometheus, thanos, others) = (0, 0, 0)
    for path in Self.metaFiles {
      let bytes = try readFile(path)
      guard let meta = try? BlockMeta(json: bytes) else {
        others += 1
        continue
      }
      if Array(meta.prometheusJSON()) == bytes {
        prometheus += 1
      } else if Array(meta.thanosJSON()) == bytes {
        thanos += 1
      } else {
        others += 1
        // Written by hand or by a script: at least what we write of it says the same.
        #expect(try BlockMeta(json: meta.thanosJSON()).stats == meta.stats, "\(path)")
      }
    }
    say("meta.json: \(prometheus) as Prometheus, \(thanos) as Thanos wrote them, \(others) others")
    #expect(prometheus >= 90)
    #expect(thanos > 400)
  }

  @Test func theLastDuplicateKeyWinsWhateverItsCase() throws {
    let json = """
      {"ulid":"01M81XF89X9QX54AYHAVT5YAD5","minTime":1,"MINTIME":2,"maxTime":9,"version":3,"Version":1,
       "stats":{"numSeries":4},"STATS":{"numChunks":5},"compaction":null,"zzz":[{"a":[null]}],
       "compaction":{"level":2,"parents":[{"ulid":"01M81XF89X9QX54AYHAVT5YAD5","minTime":-1,"maxTime":7}]}}
      """
    let meta = try BlockMeta(json: Array(json.utf8))
    #expect(meta.minTimeMs == 2 && meta.maxTimeExclusiveMs == 9)
    #expect(meta.stats.seriesCount == 4 && meta.stats.chunkCount == 5)
    #expect(meta.compaction.level == 2 && meta.compaction.parents.first?.minTimeMs == -1)
    #expect(meta.thanos == nil)
    #expect(meta.timeRange == TimeRange(minTimeMs: 2, maxTimeMs: 8))
  }

  @Test(arguments: [
    ("", "unexpected end of JSON input"),
    ("{", "unexpected end of JSON input"),
    ("hello", "invalid character 'h' looking for beginning of value"),
    ("{\"version\":2}", "unexpected meta file version 2"),
    ("{}", "unexpected meta file version 0"),
    ("null", "unexpected meta file version 0"),
    ("[]", "json: cannot unmarshal array into field meta.json of type object"),
    ("{\"version\":1,}", "invalid character '}' looking for beginning of object key string"),
    ("\u{FEFF}{\"version\":1}", "invalid character 'ï' looking for beginning of value"),
    ("{\"version\":1,\"minTime\":\"1\"}", "json: cannot unmarshal string into field minTime of type Int64"),
    ("{\"version\":1,\"minTime\":1.5}", "json: cannot unmarshal number 1.5 into field minTime of type Int64"),
    (
      "{\"version\":1,\"stats\":{\"numSeries\":-1}}",
      "json: cannot unmarshal number -1 into field stats.numSeries of type UInt64"
    ),
    ("{\"version\":1,\"ulid\":\"abc\"}", "ulid: bad data size when unmarshaling (ulid)"),
    ("{\"version\":1,\"thanos\":{\"version\":2}}", "unexpected meta file Thanos section version 2"),
    ("{\"version\":1,\"thanos\":[]}", "json: cannot unmarshal array into field thanos of type object"),
    (
      "{\"version\":1,\"thanos\":{\"upload_time\":\"today\"}}",
      "cannot read \"today\" of field thanos.upload_time as a time of RFC 3339"
    ),
  ]) func whatIsNoMetaIsRefusedWithAReason(json: String, message: String) {
    do {
      _ = try BlockMeta(json: Array(json.utf8))
      Issue.record("accepted \(json)")
    } catch {
      #expect(error.message == message)
    }
  }

  @Test func everythingSetSurvivesARoundTrip() throws {
    var meta = BlockMeta(ulid: ULID.generate(), minTimeMs: .min, maxTimeExclusiveMs: .max)
    meta.stats.sampleCount = .max
    meta.stats.tombstoneCount = 3
    meta.compaction.level = 4
    meta.compaction.sources = [meta.ulid, .generate()]
    meta.compaction.isDeletable = true
    meta.compaction.isFailed = true
    meta.compaction.hints = ["from-out-of-order"]
    meta.compaction.parents = [.init(ulid: .generate(), minTimeMs: -5, maxTimeExclusiveMs: 5)]
    #expect(try BlockMeta(json: meta.prometheusJSON()) == meta)
    var thanos = ThanosMeta()
    thanos.labels = [.init(name: "a", value: "<&>\u{2028}\"\\\u{1}"), .init(name: "é", value: "")]
    thanos.resolutionMs = 300_000
    thanos.source = "test"
    thanos.segmentFiles = ["000001"]
    var digest = ThanosMeta.File.Digest()
    digest.function = "SHA256"
    digest.value = "00ff"
    thanos.files = [.init(relativePath: "index", sizeBytes: 7, digest: digest), .init(relativePath: "meta.json")]
    var rewrite = ThanosMeta.Rewrite()
    rewrite.sources = [meta.ulid]
    rewrite.deletions = [
      try JSONValue(parsing: Array(#"{"matchers":"{a=\"b\"}","intervals":[{"Mint":1,"Maxt":2}]}"#.utf8))
    ]
    thanos.rewrites = [rewrite]
    thanos.seriesSizeBytesMax = 1
    thanos.chunkSizeBytesMax = 2
    thanos.extensions = .object([.init("z", .number("1.50")), .init("a", .array([]))])
    thanos.uploadTime = "2026-11-22T15:04:54.284790891+01:00"
    meta.thanos = thanos
    #expect(try BlockMeta(json: meta.thanosJSON()) == meta)
    #expect(String(decoding: meta.thanosJSON(), as: UTF8.self).contains(#""a": "\u003c\u0026\u003e\u2028\"\\\u0001""#))
  }

  @Test func aMetaWithoutThanosGetsAnEmptySection() throws {
    let meta = BlockMeta(ulid: ULID(timeMs: 0, randomBytes: []), minTimeMs: 0, maxTimeExclusiveMs: 1)
    let expected = """
      \t"version": 1,
      \t"thanos": {
      \t\t"version": 1,
      \t\t"labels": null,
      \t\t"downsample": {
      \t\t\t"resolution": 0
      \t\t},
      \t\t"source": "",
      \t\t"index_stats": {},
      \t\t"upload_time": "0001-01-01T00:00:00Z"
      \t}
      }

      """
    #expect(String(decoding: meta.thanosJSON(), as: UTF8.self).hasSuffix(expected))
    #expect(String(decoding: meta.prometheusJSON(), as: UTF8.self).contains("\t\"stats\": {},\n"))
  }

  /// Mutated files yield a value or an error, never a trap; what is read can be written and read again.
  @Test func mutatedFilesNeverTrap() throws {
    var random = SplitMix64(seed: 0x6d65_7461)
    let seed = """
      {"ulid":"01M81XF89X9QX54AYHAVT5YAD5","minTime":-1e3,"maxTime":12,"stats":{"numSamples":1},"version":1,
      "thanos":{"version":1,"labels":{"a\\u00e9":"\\ud83d\\ude00\\n"},"files":[{"rel_path":"x","hash":{"value":"y"}}],
      "extensions":{"x":[1.5e-7,true,false,null,{}]},"upload_time":"2026-11-22T15:04:54Z"}}
      """.replacing("-1e3", with: "-1000")
    let bytes = Array(seed.utf8)
    #expect((try? BlockMeta(json: bytes)) != nil)
    var (accepted, refused) = (0, 0)
    for length in 0..<bytes.count { #expect((try? BlockMeta(json: Array(bytes[..<length]))) == nil) }
    for _ in 0..<30_000 {
      var mutated = bytes
      for _ in 0...random.below(3) {
        let place = random.below(mutated.count)
        switch random.below(4) {
        case 0: mutated[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: mutated[place] ^= 1 << UInt8(random.below(8))
        case 2: mutated.remove(at: place)
        default: mutated.insert(Array("{}[],:\"\\u0e-".utf8)[random.below(12)], at: place)
        }
      }
      guard let meta = try? BlockMeta(json: mutated) else {
        refused += 1
        continue
      }
      accepted += 1
      #expect(try BlockMeta(json: meta.thanosJSON()).stats == meta.stats)
    }
    #expect(accepted > 1000 && refused > 1000)
  }
}
