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
  /// `count` different free ports of 127.0.0.1; all are held until the last is found.
  static func free(_ count: Int) throws(CommandFailure) -> [Int] {
    var sockets: [Int32] = []
    var ports: [Int] = []
    defer { for descriptor in sockets { close(descriptor) } }
    for _ in 0..<count {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard descriptor >= 0 else { throw failure() }
      sockets.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard bound else { throw failure() }
      ports.append(Int(UInt16(bigEndian: address.sin_port)))
    }
    return ports
  }

  private static func failure() -> CommandFailure {
    CommandFailure(
      .refused, code: "no_free_port", detail: String(cString: strerror(errno)))
  }
}
