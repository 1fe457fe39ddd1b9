import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An HTTP server that answers one request without a body, and shows it as it came.
final class OneRequestServer: Sendable {
  let port: Int
  private let listener: Int32

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
  }

  deinit { close(listener) }

  /// The head of the request that comes.
  func request(answered status: Int, _ body: String) async -> String {
    let answer =
      "HTTP/1.1 \(status) X\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
      + body
    return await withCheckedContinuation { continuation in
      _ = OwnThread(name: "one-request") { [listener] in
        let connection = accept(listener, nil, nil)
        var head: [UInt8] = []
        var byte: UInt8 = 0
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), read(connection, &byte, 1) == 1 {
          head.append(byte)
        }
        let bytes = Array(answer.utf8)
        _ = write(connection, bytes, bytes.count)
        close(connection)
        continuation.resume(returning: String(decoding: head, as: UTF8.self))
      }
    }
  }
}
