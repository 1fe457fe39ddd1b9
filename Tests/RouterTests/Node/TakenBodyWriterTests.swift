import Hummingbird
import Synchronization
import Testing

@testable import Router

@Suite("Writing of large answers") struct TakenBodyWriterTests {
  private final class Parts: Sendable {
    private let parts = Mutex<[[UInt8]]>([])
    var all: [[UInt8]] { parts.withLock { $0 } }
    func append(_ part: [UInt8]) { parts.withLock { $0.append(part) } }
  }

  private struct Recorder: ResponseBodyWriter {
    let parts: Parts
    mutating func write(_ buffer: ByteBuffer) async throws {
      parts.append(Array(buffer.readableBytesView))
    }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  /// A client's time begins anew with each slice: in one piece a slow one would have it once.
  @Test(arguments: [1, 65_536, 65_537, 1_000_003, 3 << 20])
  func `an answer is written whole, in slices that a slow client takes in its time`(
    count: Int
  ) async throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 251) }
    let parts = Parts()
    var writer = TakenBodyWriter(Recorder(parts: parts), nil)
    try await writer.write(ByteBuffer(bytes: bytes))
    let all = parts.all
    #expect(all.flatMap { $0 } == bytes)
    #expect(all.allSatisfy { $0.count <= 256 * 1024 })
    // The last is above the mark at which the connection waits, and small.
    #expect(all.last?.count == min(count, 64 * 1024))
  }
}
