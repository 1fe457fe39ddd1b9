import Storage
import Wire

/// Sees to it that nothing is sent whose money is not set aside any more.
///
/// A hold ends after 30 days. What waited longer, behind a blocked number, a stop or a pause, would
/// otherwise go out and be charged to a wallet that may be empty.
struct OutboxFunds {
  private let tx: Transaction
  private let tracking: MessageTracking

  init(_ tx: Transaction, _ tracking: MessageTracking) {
    self.tx = tx
    self.tracking = tracking
  }

  static let pauseReason =
    "the money held for it went back when its time ran out; resume holds it anew"

  /// Whether the money of a candidate is held.
  ///
  /// Where it is not, a single message expires and a campaign pauses.
  func areHeld(for candidate: SendCandidate) throws -> Bool {
    let ledger = try Ledger(tx)
    let campaigns = CampaignStore(try tx.file(.messages))
    let message = try tracking.store.message(candidate.id)
    if let campaign = candidate.unclaimedOf ?? message?.campaign {
      guard let launch = try campaigns.launch(campaign), let hold = try ledger.hold(launch.hold),
        hold.state != .pending
      else { return true }
      let recipient = try CampaignQueueStore(tx.file(.messages)).recipient(candidate.id)
      let charge = try recipient.flatMap { try campaigns.charge(campaign, market: $0.market) }
      // Free in its market, whatever its category: nothing of the hold is for it.
      if try charge?.worst == .zero { return true }
      try ErrorConsequences.pause(campaign, code: nil, reason: Self.pauseReason, tx)
      return false
    }
    guard let charge = message?.charge, let hold = try ledger.hold(charge.hold),
      hold.state != .pending
    else { return true }
    try tracking.store.put(
      MessageError(
        code: 0, title: "expired",
        details: "the money held for it went back before it could be sent"), of: candidate.id)
    try tracking.apply(to: candidate.id) { $0.expire() }
    return false
  }
}
