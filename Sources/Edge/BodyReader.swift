import Hummingbird
import Wire

/// Reads a request's body whole, within its limits of size and time.
public enum BodyReader {
  /// Bodies up to here come with the head in one or two packets, and pass without a timer: the
  /// clock is looked at with each part, and where none comes the connection's idle limit ends it.
  public static let smallBytes = 16 * 1024

  /// Throws `body_too_large`, or `request_timeout` where the body does not come in time.
  ///
  /// - Parameter take: Asked for room once a body has more than ``smallBytes``, for all of it so
  ///   far and then for each part; what it throws ends the reading.
  public static func read(
    _ request: Request, within time: Duration, taking take: @escaping @Sendable (Int) throws -> Void
  ) async throws -> ByteBuffer {
    let length = request.headers[.contentLength].map { Int($0) ?? Int.max }
    if length == nil, request.headers[.transferEncoding] == nil { return ByteBuffer() }
    guard (length ?? 0) <= EdgeLimits.requestBytes else { throw tooLarge }
    let deadline = ContinuousClock.now + time
    let body = request.body
    if let length, length <= smallBytes {
      return try await collect(body, until: deadline) { _ in }
    }
    return try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
      group.addTask { try await collect(body, until: deadline, taking: take) }
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
    _ body: RequestBody, until deadline: ContinuousClock.Instant, taking take: (Int) throws -> Void
  ) async throws -> ByteBuffer {
    var whole = ByteBuffer()
    var taken = 0
    for try await part in body {
      let size = whole.readableBytes + part.readableBytes
      guard size <= EdgeLimits.requestBytes else { throw tooLarge }
      if size > smallBytes {
        try take(size - taken)
        taken = size
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
