import Glibc
import Platform
import Simulation

/// One connection of a peer that means harm.
struct HostilePeer {
  /// What it does.
  enum Manner: String, CaseIterable, Sendable {
    /// Connects, says nothing and stays.
    case halfOpen = "half-open"
    case garbage
    /// Announces, and begins, more than any limit allows.
    case oversize
    /// A byte now and then.
    case slowLoris = "slow-loris"
    /// Half a request, then RST.
    case reset
  }

  static let garbageBytes = 600
  static let oversizeBytes = 100_000

  let manner: Manner
  let descriptor: Int32

  /// Nil where the port takes no connection.
  init?(_ manner: Manner, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    // The other side may stop reading: nobody waits for it.
    var patience = timeval(tv_sec: 0, tv_usec: 200_000)
    setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else {
      Glibc.close(descriptor)
      return nil
    }
    self.manner = manner
    self.descriptor = descriptor
  }

  /// Does its harm; answers whether it stays connected for more.
  func begin(_ dice: SeededRandomSource) -> Bool {
    switch manner {
    case .halfOpen: return true
    case .garbage:
      send((0..<Self.garbageBytes).map { _ in UInt8(truncatingIfNeeded: dice.uint64()) })
      return false
    case .oversize:
      // NNG's greeting and a frame of 2^62 bytes, or a header without end.
      if dice.below(2) == 0 {
        send([0x00, 0x53, 0x50, 0x00, 0x00, 0x31, 0x00, 0x00])
        send([0x40] + [UInt8](repeating: 0, count: 7))
      } else {
        send(Array("POST /v1/messages HTTP/1.1\r\nhost: api.localhost\r\nx: ".utf8))
      }
      send([UInt8](repeating: 0x61, count: Self.oversizeBytes))
      return false
    case .slowLoris:
      send(Array("POST /v1/messages HTTP/1.1\r\nhost: ".utf8))
      return true
    case .reset:
      send(Array("POST /v1/messages HTTP/1.1\r\ncontent-length: 100\r\n\r\n{".utf8))
      var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &linger,
        socklen_t(MemoryLayout<Glibc.linger>.size))
      return false
    }
  }

  /// One byte more, of a peer that drips.
  func drip() { if manner == .slowLoris { send([0x61]) } }

  func end() { Glibc.close(descriptor) }

  private func send(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }
}
