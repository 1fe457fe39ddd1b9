import Messaging
import Wire

extension AdminServices {
  /// Asks a cell; its refusals pass through, a cell that does not answer is `cell_unavailable`.
  func ask(
    _ cell: CellRecord, _ method: WireMethod, _ payload: [UInt8], timeout: Duration, trace: String
  ) async throws(Failure) -> [UInt8] {
    do {
      return try await messenger.peer(at: Address(cell.address)).request(
        method, payload, timeout: timeout, traceID: trace)
    } catch {
      throw CellCalls.failure(of: error, cell: cell.id)
    }
  }
}

/// What an operator is told when a cell does not answer.
enum CellCalls {
  static func failure(of error: MessagingError, cell: CellID) -> Failure {
    switch error {
    case .refused(let failure) where failure.code == .moved:
      // An operator is told what it means; where the tenant is, the next question finds.
      Failure(.cellUnavailable, "the tenant is moving", retryAfterMilliseconds: 1_000)
    case .refused(let failure): failure
    case .unreachable(_, let sent):
      sent
        ? Failure(
          .outcomeUnknown, "\(cell) went away; repeat with the same Idempotency-Key",
          retryAfterMilliseconds: 1_000)
        : Failure(.cellUnavailable, "\(cell) does not answer", retryAfterMilliseconds: 1_000)
    case .deadlineExceeded:
      Failure(
        .outcomeUnknown, "\(cell) did not answer in time; repeat with the same Idempotency-Key",
        retryAfterMilliseconds: 1_000)
    case .tooLarge(let bytes, let limit):
      Failure(.bodyTooLarge, "\(bytes) bytes, at most \(limit)")
    case .saturated: Failure(.overloaded, "\(cell) is busy", retryAfterMilliseconds: 1_000)
    case .helloRefused(_, let reason):
      Failure(.versionMismatch, "\(cell) refused the connection: \(reason)")
    case .closed: Failure(.shuttingDown, "the control plane is stopping")
    }
  }
}
