import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A peer that sends what it likes, at the pace it likes.
struct DrippingClient {
  enum Fault: Error { case notConnected(Int32) }

  private let descriptor: Int32

  /// - Parameter receiving: How much waits for it where it does not read; nil: the system's choice.
  init(port: Int, receiving: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var receiving {
      setsockopt(
        descriptor, SOL_SOCKET, SO_RCVBUF, &receiving, socklen_t(MemoryLayout<Int32>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw Fault.notConnected(errno) }
  }

  func send(_ text: String) { _ = text.withCString { write(descriptor, $0, strlen($0)) } }

  /// Sends one byte after the other until the other side closes; answers what it said.
  func dripUntilClosed(every milliseconds: UInt32) async -> String {
    await withCheckedContinuation { continuation in
      _ = OwnThread(name: "drip") {
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
          // MSG_NOSIGNAL: the other side may have closed. What it said before that is still there.
          let isOpen = Glibc.send(descriptor, "a", 1, Int32(MSG_NOSIGNAL)) >= 0
          if isOpen { usleep(milliseconds * 1_000) }
          let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
          if count > 0 { answer += buffer[..<count] }
          if count == 0 || (count < 0 && (!isOpen || errno != EAGAIN)) { break }
        }
        continuation.resume(returning: String(decoding: answer, as: UTF8.self))
      }
    }
  }

  /// Reads so many bytes at most, and again after a pause, until the other side closes.
  func readUntilClosed(_ count: Int, every milliseconds: UInt32) async {
    await withCheckedContinuation { continuation in
      _ = OwnThread(name: "sip") {
        var buffer = [UInt8](repeating: 0, count: count)
        while recv(descriptor, &buffer, count, 0) > 0 { usleep(milliseconds * 1_000) }
        continuation.resume()
      }
    }
  }

  func end() { close(descriptor) }
}
