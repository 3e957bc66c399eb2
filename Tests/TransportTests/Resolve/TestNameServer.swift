// A name server for tests: a socket, a thread, and a table.
import Foundation
import Synchronization
import TestSupport

@testable import Transport

/// Answers questions for A and SRV records over UDP. Names that are not in its tables do not exist.
final class TestNameServer: @unchecked Sendable {
  let port: Int
  private let descriptor: CInt
  private let services: [String: [ServiceRecord]]
  private let addresses: [String: [[UInt8]]]
  /// Questions so far.
  let questions = Atomic<Int>(0)
  /// Answers are cut to so many bytes, or damaged at this place.
  let cutBytes = Atomic<Int>(Int.max)
  let flippedBit = Atomic<Int>(-1)

  init(services: [String: [ServiceRecord]] = [:], addresses: [String: [[UInt8]]] = [:]) throws {
    self.services = services
    self.addresses = addresses
    descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = self.descriptor
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw TestSupportError("no socket for a name server") }
    port = Int(UInt16(bigEndian: address.sin_port))
    // The thread ends with the socket.
    let thread = Thread { [weak self] in
      var buffer = [UInt8](repeating: 0, count: 1_500)
      var peer = sockaddr_in()
      while true {
        var peerLength = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &peer) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(descriptor, &buffer, buffer.count, 0, $0, &peerLength)
          }
        }
        guard count > 0, let self else { return }
        let answer = self.answer(to: Array(buffer[..<count]))
        _ = withUnsafePointer(to: &peer) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(descriptor, answer, answer.count, 0, $0, peerLength)
          }
        }
      }
    }
    thread.start()
  }

  deinit {
    shutdown(descriptor, CInt(SHUT_RDWR))
    close(descriptor)
  }

  private func answer(to question: [UInt8]) -> [UInt8] {
    questions.add(1, ordering: .relaxed)
    // The name: labels, each after its length.
    var labels: [String] = []
    var position = 12
    while position < question.count, question[position] > 0 {
      let length = Int(question[position])
      labels.append(String(decoding: question[position + 1..<position + 1 + length], as: UTF8.self))
      position += 1 + length
    }
    let name = labels.joined(separator: ".").lowercased()
    let type = Int(question[position + 1]) << 8 | Int(question[position + 2])
    let asked = question[12..<position + 5]
    var records: [[UInt8]] = []
    func big(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }
    if type == 1 { records = addresses[name] ?? [] }
    if type == 33 {
      records = (services[name] ?? []).map { record in
        big(record.priority) + big(record.weight) + big(record.port)
          + record.target.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
      }
    }
    let exists = services[name] != nil || addresses[name] != nil
    var bytes =
      Array(question[0..<2]) + [0x85, exists ? 0x80 : 0x83, 0, 1] + big(records.count) + [0, 0, 0, 0] + asked
    for record in records { bytes += [0xC0, 12] + big(type) + [0, 1, 0, 0, 0, 1] + big(record.count) + record }
    let flipped = flippedBit.load(ordering: .relaxed)
    if flipped >= 0, flipped / 8 < bytes.count { bytes[flipped / 8] ^= 1 << UInt8(flipped % 8) }
    return Array(bytes.prefix(cutBytes.load(ordering: .relaxed)))
  }
}
