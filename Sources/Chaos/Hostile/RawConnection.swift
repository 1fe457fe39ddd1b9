import Glibc

/// A socket to a port of this machine, on which anything may be said.
///
/// Its waits block their thread, each for a few seconds at most.
struct RawConnection {
  /// The other side may stop reading: nobody waits for it.
  private static let sendMicroseconds = 200_000
  /// A minute of them.
  private static let patientSends = 300
  /// A busy machine needs its time to hang up.
  private static let receiveSeconds = 5

  private let descriptor: Int32

  /// Nil where the port takes no connection.
  ///
  /// `source` is which of this machine's own addresses it comes from, 127.0.0.1 and those that
  /// follow, counted from 0; nil: any, as the kernel has it.
  init?(port: UInt16, source: UInt8? = nil) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    Self.bound(descriptor, SO_SNDTIMEO, timeval(tv_sec: 0, tv_usec: Self.sendMicroseconds))
    Self.bound(descriptor, SO_RCVTIMEO, timeval(tv_sec: Self.receiveSeconds, tv_usec: 0))
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound =
      source.map { source in
        Self.withAddress(0x7F00_0001 + UInt32(source), port: 0) { bind(descriptor, $0, size) } == 0
      } ?? true
    let status = Self.withAddress(0x7F00_0001, port: port) { connect(descriptor, $0, size) }
    guard isBound, status == 0 else {
      Glibc.close(descriptor)
      return nil
    }
    self.descriptor = descriptor
  }

  private static func withAddress(
    _ number: UInt32, port: UInt16, _ body: (UnsafePointer<sockaddr>) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(number).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
    }
  }

  private static func bound(_ descriptor: Int32, _ option: Int32, _ time: timeval) {
    var time = time
    setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ bytes: [UInt8]) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// Sends all of it, as slowly as the other side reads; false where that one hangs up, or reads
  /// nothing for a minute.
  func sendAll(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    var silent = 0
    while sent < bytes.count, silent < Self.patientSends {
      let count = bytes.withUnsafeBytes {
        Glibc.send(
          descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count > 0 {
        sent += count
        silent = 0
      } else if count < 0, errno == EAGAIN || errno == EINTR {
        silent += 1
      } else {
        return false
      }
    }
    return sent == bytes.count
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  /// The next `count` bytes of the other side; fewer where it ends or is silent.
  func hear(_ count: Int) -> [UInt8] {
    var heard: [UInt8] = []
    while heard.count < count {
      guard case .bytes(let bytes) = next(count - heard.count) else { break }
      heard += bytes
    }
    return heard
  }

  /// Whether the other side hangs up; what it says before that is dropped.
  func isHungUpOn() -> Bool {
    while true {
      switch next(4_096) {
      case .bytes: continue
      case .end: return true
      case .silence: return false
      }
    }
  }

  enum Heard {
    case bytes(ArraySlice<UInt8>)
    /// Closed or reset.
    case end
    case silence
  }

  /// At most `count` bytes of the other side, as soon as there are any.
  func next(_ count: Int) -> Heard {
    var buffer = [UInt8](repeating: 0, count: count)
    while true {
      let received = recv(descriptor, &buffer, count, 0)
      if received > 0 { return .bytes(buffer[..<received]) }
      if received < 0, errno == EINTR { continue }
      return received < 0 && errno == EAGAIN ? .silence : .end
    }
  }

  func close() { Glibc.close(descriptor) }

  /// Ends it by RST.
  func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    close()
  }
}
