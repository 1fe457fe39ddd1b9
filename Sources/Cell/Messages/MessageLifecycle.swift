/// The life of one outgoing message: events in, a new state and what to do about money out.
///
/// Invariants (MessageLifecycleTests, MessagePropertyTests): delivery never goes down; a message is
/// charged at most once for its acceptance and refunded at most once for its failure; an intent is
/// sent at most once unless its outcome proves that nothing was sent.
struct MessageLifecycle: Hashable, Sendable {
  private(set) var state: MessageState
  /// Whether Graph ever took it: charged from then on.
  private(set) var wasAccepted: Bool
  /// How often it was tried.
  private(set) var attempts: Int

  /// What the store does, in order, in the same transaction.
  enum Effect: Hashable, Sendable {
    /// Charge it out of its hold.
    case capture
    /// Give its part of the hold back.
    case release
    /// Give back what was charged.
    case refund
    /// It arrived although its money was given back: charge it anew, or flag it where the wallet
    /// cannot pay.
    case chargeAgain
    case alert(MessageAlert)
  }

  init(state: MessageState = .queued, wasAccepted: Bool = false, attempts: Int = 0) {
    self.state = state
    self.wasAccepted = wasAccepted
    self.attempts = attempts
  }

  /// The intent is being written.
  ///
  /// False where it is not waiting to be sent.
  mutating func beginSend() -> Bool {
    guard state == .queued else { return false }
    state = .sending
    attempts += 1
    return true
  }

  /// Graph answered with a message id, or a status proves that it had.
  mutating func noteAccepted() -> [Effect] {
    guard !wasAccepted else { return [] }
    wasAccepted = true
    switch state {
    case .queued, .sending, .ambiguous:
      state = .accepted
      return [.capture]
    case .failed, .suppressed, .cancelled, .expired:
      // It was given up and its money given back, and now there is proof that it went out.
      state = .accepted
      return [.chargeAgain, .alert(.acceptedAfterRelease)]
    case .accepted, .sent, .delivered, .read, .played, .received:
      return []
    }
  }

  /// No outcome is known, or the process stopped before one was.
  mutating func noteAmbiguous() -> [Effect] {
    if state == .sending { state = .ambiguous }
    return []
  }

  /// Nothing was sent, or Graph refused it for now: it waits to be tried again.
  mutating func noteRetry() -> [Effect] {
    guard state == .sending else { return contradiction }
    state = .queued
    return []
  }

  /// Graph refused it for good; also where that was heard late, and it counted as ambiguous.
  mutating func noteRefused() -> [Effect] {
    guard state == .sending || state == .queued || state == .ambiguous else {
      return contradiction
    }
    state = .failed
    return [.release]
  }

  /// A status webhook.
  ///
  /// Any status proves acceptance first.
  mutating func noteStatus(_ kind: StatusKind) -> [Effect] {
    var effects = noteAccepted()
    switch kind {
    case .failed:
      switch state {
      case .accepted, .sent:
        state = .failed
        effects.append(.refund)
      case .delivered, .read, .played:
        effects.append(.alert(.failedAfterDelivery))
      default: break
      }
    case .sent, .delivered, .read, .played:
      guard let reached = kind.reached else { break }
      if state == .failed {
        guard reached.hasArrived else { break }
        state = reached
        effects += [.chargeAgain, .alert(.deliveredAfterFailure)]
      } else if let rank = state.deliveryRank, reached.rawValue > rank {
        state = reached
      }
    case .other: break
    }
    return effects
  }

  /// Not to be sent: the recipient opted out.
  mutating func suppress() -> [Effect] {
    guard state == .queued else { return [] }
    state = .suppressed
    return [.release]
  }

  mutating func cancel() -> [Effect] {
    guard state == .queued else { return [] }
    state = .cancelled
    return [.release]
  }

  /// Its hold ran out before anything was heard of it.
  mutating func expire() -> [Effect] {
    guard state == .ambiguous || state == .queued else { return [] }
    state = .expired
    return [.release]
  }

  /// An outcome of Graph's that disagrees with a status that came first: the status stands.
  private var contradiction: [Effect] {
    wasAccepted ? [.alert(.refusedAfterStatus)] : []
  }
}

/// Something about a message that a person should look at.
///
/// The name stands in rows.
enum MessageAlert: String, Hashable, Sendable {
  /// Meta said failed, then delivered: charged again.
  case deliveredAfterFailure = "delivered_after_failure"
  case failedAfterDelivery = "failed_after_delivery"
  case acceptedAfterRelease = "accepted_after_release"
  case refusedAfterStatus = "refused_after_status"
  /// Statuses name two WhatsApp messages for one of ours: it went out twice.
  case sentTwice = "sent_twice"
  /// The second charge itself: its row carries the identifier of the usage event.
  case chargedAgain = "charged_again"
  /// Meta charged it as another category, and the wallet could not pay the difference.
  case undercharged
  /// Meta charged it as a category that the price book of its time has no price for.
  case unrated
  /// It arrived, its money had been given back, and the wallet could not pay again.
  case uncharged = "delivered_uncharged"
}
