import Hummingbird
import Wire

/// Reads a request's body whole, within its limits of size and time.
public enum BodyReader {
  /// Bodies up to here come with the head in one or two packets, and pass without a timer: the
  /// clock is looked at with each part, and where none comes the connection's idle limit ends it.
  private static let smallBytes = 16 * 1024

  /// Throws `body_too_large`, or `request_timeout` where the body does not come in time.
  public static func read(_ request: Request, within time: Duration) async throws -> ByteBuffer {
    let length = request.headers[.contentLength].map { Int($0) ?? Int.max }
    if length == nil, request.headers[.transferEncoding] == nil { return ByteBuffer() }
    guard (length ?? 0) <= EdgeLimits.requestBytes else { throw tooLarge }
    let deadline = ContinuousClock.now + time
    let body = request.body
    if let length, length <= smallBytes { return try await collect(body, until: deadline) }
    return try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
      group.addTask { try await collect(body, until: deadline) }
      group.addTask {
        try await Task.sleep(for: time)
        throw tooSlow
      }
      defer { group.cancelAll() }
      guard let buffer = try await group.next() else { return ByteBuffer() }
      return buffer
    }
  }

  private static func collect(
    _ body: RequestBody, until deadline: ContinuousClock.Instant
  ) async throws -> ByteBuffer {
    var whole = ByteBuffer()
    for try await part in body {
      guard whole.readableBytes + part.readableBytes <= EdgeLimits.requestBytes else {
        throw tooLarge
      }
      if whole.readableBytes == 0 {
        whole = part
      } else {
        guard ContinuousClock.now < deadline else { throw tooSlow }
        whole.writeImmutableBuffer(part)
      }
    }
    return whole
  }

  private static let tooSlow = Failure(.requestTimeout, "the body did not come in time")
  private static let tooLarge = Failure(
    .bodyTooLarge, "a body may have at most \(EdgeLimits.requestBytes) bytes")
}
