// Hashes and rings as Thanos has them: every placement that was recorded.
import Foundation
import TSModel
import TestSupport
import Testing

@Suite struct HashRingTests {
  private func records(_ name: String) throws -> [[String: Any]]? {
    guard let folder = Fixtures.path("thanos/hashes") else { return nil }
    return try textLines(folder + "/" + name).map { line in
      guard let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
        throw TestSupportError("\(name) is malformed")
      }
      return record
    }
  }

  private func nodes(_ ring: [String: Any]) -> [HashRing.Node] {
    (ring["endpoints"] as? [Any] ?? []).map { endpoint in
      if let address = endpoint as? String { return HashRing.Node(address: address) }
      let endpoint = endpoint as? [String: String] ?? [:]
      return HashRing.Node(address: endpoint["address"] ?? "", zone: endpoint["az"] ?? "")
    }
  }

  /// Rings without shards of their own: what a series is hashed to, and where each copy goes.
  @Test func recordedPlacements() throws {
    guard let records = try records("hashring-placement.jsonl.gz") else { return }
    var checked = 0
    for record in records {
      let rings = record["config"] as? [[String: Any]] ?? []
      let name = record["case"] as? String ?? ""
      guard rings.count == 1, rings[0]["shuffle_sharding_config"] == nil, rings[0]["tenants"] == nil,
        rings[0]["algorithm"] == nil, let copies = record["replication_factor"] as? Int,
        let algorithm = (record["algorithm"] as? String).flatMap({ HashRing.Algorithm(rawValue: $0) })
      else { continue }
      let ring = try? HashRing(nodes(rings[0]), algorithm: algorithm, copies: copies)
      // Thanos makes a hashmod ring with fewer nodes than copies, and fails later.
      let isRefused = record["error"] != nil || name == "rf greater than nodes hashmod"
      #expect((ring == nil) == isRefused, "\(name)")
      guard let ring, !isRefused else { continue }
      for placement in record["placement"] as? [[String: Any]] ?? [] {
        let values = placement["labels"] as? [String] ?? []
        let labels = Labels([("__name__", values[0]), ("instance", values[1]), ("job", values[2])])
        let hash = labels.placementHash(tenant: placement["tenant"] as? String ?? "")
        #expect(String(hash) == placement["hash"] as? String, "\(name)")
        #expect(
          ring.nodes(forHash: hash).map { ring.nodes[$0].address } == placement["nodes"] as? [String],
          "\(name) \(labels)")
        checked += 1
      }
    }
    #expect(checked > 1500)
  }

  /// Shards of their own for each tenant, with and without zones.
  @Test func recordedShards() throws {
    guard let records = try records("hashring-placement.jsonl.gz") else { return }
    var checked = 0
    for record in records {
      let rings = record["config"] as? [[String: Any]] ?? []
      let name = record["case"] as? String ?? ""
      guard rings.count == 1, let shard = rings[0]["shuffle_sharding_config"] as? [String: Any],
        let size = shard["shard_size"] as? Int, let copies = record["replication_factor"] as? Int
      else { continue }
      let ring = try HashRing(nodes(rings[0]), algorithm: .ketama, copies: copies)
      let ignoringZones = shard["zone_awareness_disabled"] as? Bool ?? false
      for placement in record["placement"] as? [[String: Any]] ?? [] {
        let values = placement["labels"] as? [String] ?? []
        let labels = Labels([("__name__", values[0]), ("instance", values[1]), ("job", values[2])])
        let tenant = placement["tenant"] as? String ?? ""
        let own = try ring.shuffled(tenant: tenant, size: size, ignoringZones: ignoringZones)
        let found = own.nodes(forHash: labels.placementHash(tenant: tenant)).map { own.nodes[$0].address }
        #expect(found == placement["nodes"] as? [String], "\(name) \(tenant) \(labels)")
        checked += 1
      }
    }
    #expect(checked >= 200)
  }

  @Test func shardsThatCannotBe() throws {
    let nodes = ["a", "b", "c"].map { HashRing.Node(address: $0, zone: $0 == "a" ? "x" : "y") }
    let ring = try HashRing(nodes, algorithm: .ketama, copies: 2)
    #expect(throws: ModelError.self) { try ring.shuffled(tenant: "t", size: 4) }
    #expect(throws: ModelError.self) { try ring.shuffled(tenant: "t", size: 1, ignoringZones: true) }
    #expect(try ring.shuffled(tenant: "t", size: 2).nodes.count == 2)
    let hashmod = try HashRing([HashRing.Node(address: "a")], algorithm: .hashmod, copies: 1)
    #expect(throws: ModelError.self) { try hashmod.shuffled(tenant: "t", size: 1) }
  }

  @Test func recordedGroupKeys() throws {
    guard let records = try records("group-keys.jsonl") else { return }
    for record in records {
      let pairs = (record["labels"] as? [String: String] ?? [:]).map { (name: $0.key, value: $0.value) }
      #expect(String(Labels.separatedHash(of: pairs)) == record["labels_hash"] as? String, "\(pairs)")
      if pairs.allSatisfy({ !$0.value.isEmpty }) {
        #expect(Labels(pairs).separatedHash == Labels.separatedHash(of: pairs))
      }
    }
    #expect(records.count == 24)
  }

  /// XXH64 of no bytes; of one byte; over 32 bytes.
  @Test func hashesOfKnownLabels() {
    #expect(Labels().separatedHash == 0xEF46_DB37_51D8_E999)
    #expect((["cluster": "a"] as Labels).separatedHash == 11_374_182_680_297_109_404)
  }

  /// A node more moves only the series that it takes; the order of nodes does not matter.
  @Test func aNodeMoreMovesOnlyWhatItTakes() throws {
    let names = ["a:1", "b:1", "c:1", "d:1", "e:1"]
    func ring(_ names: some Sequence<String>) throws -> HashRing {
      try HashRing(names.map { HashRing.Node(address: $0) }, algorithm: .ketama, copies: 2)
    }
    let (four, five, turned) = (try ring(names.dropFirst()), try ring(names), try ring(names.reversed()))
    var moved = 0
    for number in 0..<2000 {
      let hash = (["series": "\(number)"] as Labels).placementHash(tenant: "t")
      let (before, after) = (
        four.nodes(forHash: hash).map { four.nodes[$0].address },
        five.nodes(forHash: hash).map { five.nodes[$0].address }
      )
      #expect(after == turned.nodes(forHash: hash).map { turned.nodes[$0].address })
      #expect(Set(after).count == 2)
      if before != after {
        #expect(after.contains("a:1"))
        moved += 1
      }
    }
    #expect(moved > 400 && moved < 1200)
  }

  /// Zones whose nodes are fewer than their share get what they can take.
  @Test func zonesOfDifferentSize() throws {
    let nodes =
      [HashRing.Node(address: "a:1", zone: "x")]
      + ["b:1", "c:1", "d:1", "e:1"].map { HashRing.Node(address: $0, zone: "y") }
    let ring = try HashRing(nodes, algorithm: .ketama, copies: 4)
    for number in 0..<200 {
      let found = ring.nodes(forHash: UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
      #expect(Set(found).count == 4 && found.contains(0))
    }
  }
}
