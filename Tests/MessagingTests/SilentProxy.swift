import Glibc
import Messaging
import Platform
import Synchronization

/// Forwards TCP connections to a listener of ours until it falls silent: then nothing is forwarded,
/// accepted or closed, as when a cable is pulled.
final class SilentProxy: Sendable {
  enum Fault: Error { case noSocket(Int32) }

  private struct State {
    var isSilent = false
    var isClosed = false
  }

  let address: Address
  private let target: UInt16
  private let listener: Int32
  private let state = Mutex(State())

  init(to address: Address) throws {
    target = UInt16(address.url.split(separator: ":").last ?? "") ?? 0
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = Self.loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard listener >= 0, isBound else { throw Fault.noSocket(errno) }
    self.listener = listener
    self.address = Address("tcp://127.0.0.1:\(UInt16(bigEndian: name.sin_port))")
    _ = OwnThread(name: "silent-proxy") { self.run() }
  }

  var isSilent: Bool {
    get { state.withLock { $0.isSilent } }
    set { state.withLock { $0.isSilent = newValue } }
  }

  func close() { state.withLock { $0.isClosed = true } }

  private func run() {
    var others: [Int32: Int32] = [:]
    while !state.withLock({ $0.isClosed }) {
      guard !isSilent else {
        usleep(5_000)
        continue
      }
      var polled = ([listener] + others.keys).map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      guard poll(&polled, nfds_t(polled.count), 20) > 0, !isSilent else { continue }
      for entry in polled where entry.revents != 0 {
        if entry.fd == listener { accept(&others) } else { forward(entry.fd, &others) }
      }
    }
    for descriptor in others.keys { Glibc.close(descriptor) }
    Glibc.close(listener)
  }

  private func accept(_ others: inout [Int32: Int32]) {
    let near = Glibc.accept(listener, nil, nil)
    guard near >= 0 else { return }
    let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = Self.loopback(port: target)
    let isConnected = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(far, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else {
      Glibc.close(near)
      Glibc.close(far)
      return
    }
    (others[near], others[far]) = (far, near)
  }

  private func forward(_ from: Int32, _ others: inout [Int32: Int32]) {
    // Its partner may have ended both in this round.
    guard let to = others[from] else { return }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(from, &buffer, buffer.count, 0)
    var sent = 0
    while sent < count {
      let more = buffer[sent..<count].withUnsafeBytes {
        send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard more > 0 else { break }
      sent += more
    }
    guard count <= 0 || sent < count else { return }
    for descriptor in [from, to] {
      others[descriptor] = nil
      Glibc.close(descriptor)
    }
  }

  private static func loopback(port: UInt16) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return name
  }
}
