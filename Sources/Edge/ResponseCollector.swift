import Hummingbird

/// Takes a response body in memory: the writer of a response that leaves by messaging.
struct ResponseCollector: ResponseBodyWriter {
  /// Why a body was refused.
  enum Refused: Error { case tooLarge(limit: Int) }

  /// The bytes so far.
  ///
  /// A reference, since `finish` consumes the writer.
  final class Collected {
    var buffer = ByteBuffer()
  }

  let collected: Collected
  let limit: Int

  mutating func write(_ buffer: ByteBuffer) async throws {
    guard collected.buffer.readableBytes + buffer.readableBytes <= limit else {
      throw Refused.tooLarge(limit: limit)
    }
    // The common body is one buffer: take it instead of copying it.
    if collected.buffer.readableBytes == 0 {
      collected.buffer = buffer
    } else {
      collected.buffer.writeImmutableBuffer(buffer)
    }
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
