#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Free ports of this machine.
///
/// A port found here is free until somebody takes it; children bind theirs within a second or two,
/// and one that finds it taken ends and is started again.
enum Ports {
  /// Below those that the system gives to outgoing connections: one of these may sit on a port that
  /// was free a moment ago, for as long as it lasts.
  private static let range = 20_000..<32_768
  private static let attempts = 100

  /// `count` different free ports of 127.0.0.1; all are held until the last is found.
  static func free(_ count: Int) throws(CommandFailure) -> [Int] {
    var sockets: [Int32] = []
    var ports: [Int] = []
    defer { for descriptor in sockets { close(descriptor) } }
    for _ in 0..<count {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard descriptor >= 0 else { throw failure() }
      sockets.append(descriptor)
      guard let port = any(descriptor) else { throw failure() }
      ports.append(port)
    }
    return ports
  }

  /// Binds to a free port, by chance: who looks at the same time finds another one.
  private static func any(_ descriptor: Int32) -> Int? {
    for _ in 0..<attempts {
      if let port = bind(descriptor, to: Int.random(in: range)) { return port }
    }
    return bind(descriptor, to: 0)
  }

  /// Throws `port_in_use` where another program listens on one of `ports` of 127.0.0.1.
  ///
  /// Asked before anything is started, so that the reason is not only in a child's log.
  static func require(_ ports: [Int]) throws(CommandFailure) {
    for port in ports {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard descriptor >= 0 else { throw failure() }
      defer { close(descriptor) }
      // As the children do: what only lingers from connections that have ended is no obstacle.
      var yes: Int32 = 1
      setsockopt(
        descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
      guard bind(descriptor, to: port) != nil else {
        throw CommandFailure(
          .refused, code: "port_in_use",
          detail: "port \(port): \(String(cString: strerror(errno))); set AIMSTORS_PORT to"
            + " another port (0 = any)")
      }
    }
  }

  /// Binds to a port of 127.0.0.1, 0 for any; answers it, nil where it cannot be had.
  private static func bind(_ descriptor: Int32, to port: Int) -> Int? {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
  }

  private static func failure() -> CommandFailure {
    CommandFailure(
      .refused, code: "no_free_port", detail: String(cString: strerror(errno)))
  }
}
