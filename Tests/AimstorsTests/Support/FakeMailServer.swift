import Platform
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A mail server that takes whatever comes, one connection after the other.
final class FakeMailServer: Sendable {
  let port: Int
  private let listener: Int32
  private let taken = Mutex<[String]>([])

  struct Failed: Error {}

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    listener = descriptor
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, length) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, pointer, &length) == 0
      }
    }
    guard isBound else { throw Failed() }
    port = Int(UInt16(bigEndian: address.sin_port))
    _ = OwnThread(name: "mail-server") { [self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        serve(connection)
        close(connection)
      }
    }
  }

  /// Everything that was said to the server, by letter.
  var letters: [String] { taken.withLock { $0 } }

  func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private func serve(_ connection: Int32) {
    var said: [UInt8] = []
    var isContent = false
    var line: [UInt8] = []
    say(connection, "220 fake")
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { return }
      for byte in buffer[..<count] {
        said.append(byte)
        line.append(byte)
        guard byte == 0x0A else { continue }
        let text = String(decoding: line, as: UTF8.self)
        line = []
        if isContent {
          guard text == ".\r\n" else { continue }
          isContent = false
          let letter = String(decoding: said, as: UTF8.self)
          taken.withLock { $0.append(letter) }
          say(connection, "250 taken")
        } else if text.hasPrefix("DATA") {
          isContent = true
          say(connection, "354 go on")
        } else if text.hasPrefix("QUIT") {
          return say(connection, "221 bye")
        } else {
          say(connection, "250 fine")
        }
      }
    }
  }

  private func say(_ connection: Int32, _ text: String) {
    let bytes = Array("\(text)\r\n".utf8)
    _ = write(connection, bytes, bytes.count)
  }
}
