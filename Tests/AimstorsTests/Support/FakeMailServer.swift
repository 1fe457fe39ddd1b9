import Platform
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A mail server that takes whatever comes, one connection after the other.
final class FakeMailServer: Sendable {
  private let listener: LoopbackListener
  private let taken = Mutex<[String]>([])
  var port: Int { listener.port }

  init() throws {
    listener = try LoopbackListener()
    _ = OwnThread(name: "mail-server") { [self] in
      while true {
        let connection = accept(listener.descriptor, nil, nil)
        guard connection >= 0 else { return }
        serve(connection)
        close(connection)
      }
    }
  }

  /// Everything that was said to the server, by letter.
  var letters: [String] { taken.withLock { $0 } }

  func stop() {
    shutdown(listener.descriptor, Int32(SHUT_RDWR))
    close(listener.descriptor)
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
