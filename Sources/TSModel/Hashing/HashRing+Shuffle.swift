// Rings of some of the nodes, others for each tenant: what a tenant does reaches its own nodes alone.
internal import CTSDB

extension HashRing {
  /// The ring of a tenant: `size` of the nodes, the same ones as long as the ring is the same, and few others after a change of it. Zones
  /// give equal shares, rounded up, unless `ignoringZones`.
  ///
  /// Throws where this ring is none of ketama, a zone has fewer nodes than its share, and where there are fewer than the copies.
  /// Cost: a thousand hashes a node; the first call takes some ten milliseconds more. Rings are to be kept.
  public func shuffled(tenant: String, size: Int, ignoringZones: Bool = false) throws(ModelError) -> HashRing {
    guard algorithm == .ketama else { throw ModelError(.argument, "only ketama rings are shuffled") }
    guard size > 0 else { throw ModelError(.argument, "a shard of \(size) nodes") }
    let zones = ignoringZones ? [""] : Set(nodes.map(\.zone)).sorted()
    let share = ignoringZones ? size : size / zones.count + (size % zones.count == 0 ? 0 : 1)
    var chosen: [Node] = []
    for zone in zones {
      let members = unique(ignoringZones ? nodes : nodes.filter { $0.zone == zone })
      guard share <= members.count else {
        throw ModelError(
          .argument, "a shard of \(size) nodes takes \(share) of zone \"\(zone)\", which has \(members.count)")
      }
      chosen += Self.draw(share, of: members, tenant: tenant, zone: zone)
    }
    return try HashRing(chosen, algorithm: .ketama, copies: copies)
  }

  private func unique(_ nodes: [Node]) -> [Node] {
    var seen: Set<String> = []
    return nodes.filter { seen.insert($0.address).inserted }
  }

  private static func draw(_ count: Int, of nodes: [Node], tenant: String, zone: String) -> [Node] {
    let perNode = Int(TSDB_RING_SECTIONS)
    let total = nodes.count * perNode
    let digest = MD5.digest(Array(tenant.utf8) + (zone.isEmpty ? [] : [0] + Array(zone.utf8)))
    var random = GoRandom(seed: Int64(bitPattern: digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }))
    var chosen: [Int] = []
    unsafe withUnsafeTemporaryAllocation(of: tsdb_ring_section.self, capacity: total) { sections in
      guard let base = sections.baseAddress else { return }
      for (index, node) in nodes.enumerated() {
        var address = node.address
        address.withUTF8 { bytes in
          let view = unsafe tsdb_bytes_view(bytes: bytes.baseAddress, size: bytes.count)
          unsafe tsdb_ring_sections_of(view, UInt32(index), 0, base + index * perNode)
        }
      }
      unsafe tsdb_ring_sections_sort(base, total)
      let hashes = (0..<total).map { unsafe sections[$0].hash }
      for _ in 0..<count {
        // From a random place on the first node that is not there yet.
        var place = unsafe tsdb_ring_find(hashes, total, random.next())
        while chosen.contains(unsafe Int(sections[place].node)) { place = (place + 1) % total }
        chosen.append(unsafe Int(sections[place].node))
      }
    }
    return chosen.map { nodes[$0] }
  }
}
