import Hummingbird
import NIOCore

/// Writes a large answer so that it has ended when its client has taken it, and not when it is
/// queued.
///
/// It is written in slices, each when the client has taken most of the one before: a ``SlowReader``
/// gives the client its time for each anew, beside the one for the whole.
struct TakenBodyWriter: ResponseBodyWriter {
  /// Above the mark under which a connection takes more: what it still has by then is a copy, and
  /// keeps nothing of the rest.
  private static let tailBytes = 64 * 1024
  private static let sliceBytes = 256 * 1024

  private var rest: any ResponseBodyWriter
  private let connection: (any Channel)?

  init(_ rest: any ResponseBodyWriter, _ connection: (any Channel)?) {
    self.rest = rest
    self.connection = connection
  }

  mutating func write(_ buffer: ByteBuffer) async throws {
    var buffer = buffer
    while buffer.readableBytes > Self.tailBytes {
      let count = min(buffer.readableBytes - Self.tailBytes, Self.sliceBytes)
      guard let slice = buffer.readSlice(length: count) else { break }
      try await rest.write(slice)
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
