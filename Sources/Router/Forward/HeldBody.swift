import Edge
import Synchronization
import Wire

/// What one large body holds of ``BodyRoom``, part by part as it comes; given back at the latest
/// when nobody knows it any more.
final class HeldBody: Sendable {
  private let holder: BodyRoom.Holder
  private let address: NetworkAddress?
  private let traffic: Traffic
  private let metrics: RouterMetrics
  private let bytes = Mutex(0)

  /// - Parameter address: Where it comes from; nil where that is not counted.
  init(
    _ holder: BodyRoom.Holder, from address: NetworkAddress?, _ traffic: Traffic,
    _ metrics: RouterMetrics
  ) {
    self.holder = holder
    self.address = address
    self.traffic = traffic
    self.metrics = metrics
  }

  deinit { leave() }

  /// Takes room for `count` bytes more, or throws what its client is to be told.
  func take(_ count: Int) throws(Failure) {
    let entry = traffic.enter(holder, from: address, bytes: count)
    guard entry == .entered else {
      metrics.shed(.bodiesFull)
      throw refusal(entry)
    }
    bytes.withLock { $0 += count }
  }

  /// Gives back all that was taken.
  func leave() {
    let held = bytes.withLock { bytes in
      defer { bytes = 0 }
      return bytes
    }
    if held > 0 { traffic.leave(holder, from: address, bytes: held) }
  }

  private func refusal(_ entry: BodyRoom.Entry) -> Failure {
    switch (holder, entry) {
    case (.webhooks, _), (.strangers, _):
      Failure(.notStored, "too many webhooks at a time", retryAfterMilliseconds: 1_000)
    case (_, .addressFull):
      Failure(
        .rateLimited, "too many large bodies at a time from this address",
        retryAfterMilliseconds: 1_000)
    case (.request(.tenant), .holderFull), (.answer(.tenant), .holderFull):
      Failure(
        .rateLimited, "too many large bodies at a time for this account",
        retryAfterMilliseconds: 1_000)
    default:
      Failure(
        .overloaded, "too many large bodies at a time; try again", retryAfterMilliseconds: 1_000)
    }
  }
}
