import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An HTTP server that answers one request without a body, and shows it as it came.
final class OneRequestServer: Sendable {
  private let listener: LoopbackListener
  var port: Int { listener.port }

  init() throws { listener = try LoopbackListener() }

  deinit { close(listener.descriptor) }

  /// The head of the request that comes.
  func request(answered status: Int, _ body: String) async -> String {
    let answer =
      "HTTP/1.1 \(status) X\r\nconnection: close\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
      + body
    return await withCheckedContinuation { continuation in
      _ = OwnThread(name: "one-request") { [listener] in
        let connection = accept(listener.descriptor, nil, nil)
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
