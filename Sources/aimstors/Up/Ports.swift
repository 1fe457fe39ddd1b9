#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Free ports of this machine.
///
/// A port found here is free until somebody takes it; children bind theirs within a second or two.
/// It is promised to nobody else who looks here (two systems that start at the same moment would
/// choose one port in some fifty cases, and the one that came second never start).
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
    for _ in 0..<count + attempts where ports.count < count {
      let descriptor = stream()
      guard descriptor >= 0 else { throw failure() }
      sockets.append(descriptor)
      guard let port = any(descriptor) else { throw failure() }
      if claim(port) { ports.append(port) }
    }
    guard ports.count == count else { throw failure() }
    return ports
  }

  /// Promises a port to this process until it ends, by a name that the kernel forgets with it.
  ///
  /// False where it is promised. Where there are no such names, nothing is.
  private static func claim(_ port: Int) -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return true }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // A name that begins with a zero byte stands in no directory.
    let name = [0] + Array("aimstors-port-\(port)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, length) == 0
      }
    }
    guard !isBound else { return true }
    let isTaken = errno == EADDRINUSE
    close(descriptor)
    return !isTaken
  }

  /// A socket that no child inherits: one that was started meanwhile would keep its port.
  private static func stream() -> Int32 {
    #if canImport(Glibc)
      socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    #else
      socket(AF_INET, SOCK_STREAM, 0)
    #endif
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
      let descriptor = stream()
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
