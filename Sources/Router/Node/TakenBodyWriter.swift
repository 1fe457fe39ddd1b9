import Hummingbird
import NIOCore

/// Writes a large answer so that it has ended when its client has taken it, and not when it is
/// queued.
struct TakenBodyWriter: ResponseBodyWriter {
  /// Above the mark under which a connection takes more: what it still has by then is a copy, and
  /// keeps nothing of the rest.
  private static let tailBytes = 64 * 1024

  private var rest: any ResponseBodyWriter
  private let connection: (any Channel)?

  init(_ rest: any ResponseBodyWriter, _ connection: (any Channel)?) {
    self.rest = rest
    self.connection = connection
  }

  mutating func write(_ buffer: ByteBuffer) async throws {
    var buffer = buffer
    let tail = min(buffer.readableBytes, Self.tailBytes)
    if let first = buffer.readSlice(length: buffer.readableBytes - tail), first.readableBytes > 0 {
      try await rest.write(first)
    }
    try await rest.write(ByteBuffer(bytes: buffer.readableBytesView))
    // What is written is the connection's only once its loop has run: before it the end would be
    // written as to a client that reads.
    _ = try? await connection?.eventLoop.submit {}.get()
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
    try await rest.finish(trailingHeaders)
  }
}
