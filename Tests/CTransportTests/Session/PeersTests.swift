// What addresses owe: the table alone, with a clock that is a number.
import CTransport
import Testing

@Suite struct PeersTests {
  /// A table with its allowance.
  private final class Table {
    let peers = transport_peers_new()
    var now: UInt64 = 1_000_000
    let burst: UInt32 = 10
    let rate: UInt32 = 5

    deinit { transport_peers_free(peers) }

    func charge(_ key: UInt64, _ count: UInt32 = 1) -> Bool {
      transport_peers_charge(peers, key, count, burst, rate, now)
    }
    func owes(_ key: UInt64) -> Bool { transport_peers_owes(peers, key, burst, rate, now) }
  }

  @Test func addressesBecomeKeys() {
    #expect(transport_peers_key("127.0.0.1") != transport_peers_key("127.0.0.2"))
    #expect(transport_peers_key("127.0.0.1") == transport_peers_key("127.0.0.1"))
    // All of a /64 are one, its neighbour is another.
    #expect(transport_peers_key("2001:db8:0:1::1") == transport_peers_key("2001:db8:0:1:ffff::2"))
    #expect(transport_peers_key("2001:db8:0:1::1") != transport_peers_key("2001:db8:0:2::1"))
    #expect(transport_peers_key("::1") != 0)
    for text in ["", "host", "/run/socket", "1.2.3"] { #expect(transport_peers_key(text) == 0, "\(text)") }
  }

  @Test func anAllowanceIsUsedUpAndComesBack() {
    let table = Table()
    #expect(!table.owes(7))
    for _ in 0..<10 { #expect(table.charge(7)) }
    #expect(!table.owes(7))
    #expect(!table.charge(7) && table.owes(7))
    #expect(table.charge(8) && !table.owes(8))
    table.now += 100
    #expect(table.owes(7))
    table.now += 100
    #expect(!table.owes(7))
    // Never more than the burst.
    table.now += 1_000_000
    for _ in 0..<10 { #expect(table.charge(7)) }
    #expect(!table.charge(7))
  }

  @Test func aDebtHasABound() {
    let table = Table()
    for _ in 0..<1000 { _ = table.charge(7, 1_000_000) }
    // Four times ten at five a second.
    table.now += 7_900
    #expect(table.owes(7))
    table.now += 200
    #expect(!table.owes(7))
  }

  @Test func whoOwesIsRememberedBeforeWhoDoesNot() {
    let table = Table()
    _ = table.charge(1, 40)
    for key: UInt64 in 100..<100_000 { _ = table.charge(key) }
    #expect(table.owes(1))
  }

  @Test func noAddressAndNoLimitOweNothing() {
    let table = Table()
    for _ in 0..<100 { #expect(table.charge(0)) }
    #expect(!table.owes(0))
    #expect(transport_peers_charge(table.peers, 7, 1000, 0, 0, table.now))
    #expect(!transport_peers_owes(table.peers, 7, 0, 0, table.now))
  }
}
