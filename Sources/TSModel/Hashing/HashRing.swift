// Which nodes take which series, as Thanos receive decides it (Sources/CTSDB/include/tsdb/hash_ring.h has the drawing).
internal import CTSDB

/// A ring of nodes. Made once from a configuration, then only read.
public struct HashRing: Sendable {
  /// How series are spread over nodes.
  public enum Algorithm: String, Hashable, Sendable {
    /// The hash modulo the number of nodes: a node more moves nearly all series.
    case hashmod
    /// A thousand sections a node on a ring: a node more moves only what it takes.
    case ketama
  }

  /// A node.
  public struct Node: Hashable, Sendable {
    /// Host and port, which the place on the ring comes of.
    public var address: String
    /// Its availability zone; empty: none.
    public var zone: String

    /// The node at `address`, in `zone`.
    public init(address: String, zone: String = "") {
      self.address = address
      self.zone = zone
    }
  }

  /// The nodes in the order of their addresses; the indices of `nodes(forHash:)` refer to them.
  public let nodes: [Node]
  /// How series are spread.
  public let algorithm: Algorithm
  /// On how many nodes each series lies.
  public let copies: Int

  /// Where the sections end, ascending, and the nodes of each: `copies` a section. Empty for hashmod.
  private var sectionHashes: [UInt64] = []
  private var sectionNodes: [UInt32] = []

  /// A ring over `nodes`, in any order, on which each series lies `copies` times.
  ///
  /// Throws where there are fewer nodes than copies, and for zones with hashmod.
  public init(_ nodes: [Node], algorithm: Algorithm, copies: Int) throws(ModelError) {
    guard copies > 0 else { throw ModelError(.argument, "a hash ring needs at least one copy of each series") }
    guard nodes.count >= copies else {
      throw ModelError(.argument, "a hash ring of \(nodes.count) nodes cannot keep \(copies) copies of each series")
    }
    if algorithm == .hashmod, let node = nodes.first(where: { !$0.zone.isEmpty }) {
      throw ModelError(
        .argument,
        "hashmod knows no zones, but node \(node.address) is in zone \(node.zone): choose ketama, or leave zones out")
    }
    self.nodes = nodes.sorted { compareBytes($0.address, $1.address) < 0 }
    self.algorithm = algorithm
    self.copies = copies
    if algorithm == .ketama { try fillSections() }
  }

  private mutating func fillSections() throws(ModelError) {
    let zones = Set(nodes.map(\.zone)).sorted()
    var numbers: [String: UInt32] = [:]
    for (number, zone) in zones.enumerated() { numbers[zone] = UInt32(number) }
    let perNode = Int(TSDB_RING_SECTIONS)
    let count = nodes.count * perNode
    let (nodes, copies) = (nodes, copies)
    var hashes = [UInt64](repeating: 0, count: count)
    var found = [UInt32](repeating: 0, count: count * copies)
    var status = TSDB_OK
    unsafe withUnsafeTemporaryAllocation(of: tsdb_ring_section.self, capacity: count) { sections in
      guard let base = sections.baseAddress else { return }
      for (index, node) in nodes.enumerated() {
        var address = node.address
        address.withUTF8 { bytes in
          let view = unsafe tsdb_bytes_view(bytes: bytes.baseAddress, size: bytes.count)
          unsafe tsdb_ring_sections_of(view, UInt32(index), numbers[node.zone] ?? 0, base + index * perNode)
        }
      }
      unsafe tsdb_ring_sections_sort(base, count)
      for index in 0..<count { unsafe hashes[index] = sections[index].hash }
      var zoneCounts = [UInt32](repeating: 0, count: zones.count)
      var seen = [UInt32](repeating: 0, count: nodes.count)
      unsafe status = tsdb_ring_nodes_fill(
        base, count, nodes.count, zones.count, copies, &found, &zoneCounts, &seen)
    }
    guard status == TSDB_OK else {
      throw ModelError(.argument, "a hash ring of \(nodes.count) nodes cannot be made: \(status.rawValue)")
    }
    sectionHashes = hashes
    sectionNodes = found
  }

  /// The indices of the nodes that take the series of this hash, the first copy first.
  public func nodes(forHash hash: UInt64) -> [Int] { (0..<copies).map { node(forHash: hash, copy: $0) } }

  /// The index of the node that takes copy number `copy` of the series of this hash.
  public func node(forHash hash: UInt64, copy: Int) -> Int {
    precondition(copy >= 0 && copy < copies, "no copy \(copy) of \(copies)")
    if algorithm == .hashmod { return Int((hash &+ UInt64(copy)) % UInt64(nodes.count)) }
    let section = unsafe tsdb_ring_find(sectionHashes, sectionHashes.count, hash)
    return Int(sectionNodes[section * copies + copy])
  }
}
