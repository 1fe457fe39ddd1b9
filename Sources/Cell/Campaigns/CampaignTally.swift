import Wire

/// A campaign's counts, kept by adding differences: one narrow row, never recounted.
///
/// `accepted`, `delivered` and `read` count recipients who ever came so far; a message that failed
/// after it was accepted counts in both.
struct CampaignTally: Hashable, Sendable {
  var recipients: Int64 = 0
  /// Recipients whose message exists: each is claimed exactly once.
  var claimed: Int64 = 0
  /// Claimed and waiting, to be tried again or for their turn.
  var waiting: Int64 = 0
  var sending: Int64 = 0
  var ambiguous: Int64 = 0
  var accepted: Int64 = 0
  var delivered: Int64 = 0
  var read: Int64 = 0
  var failed: Int64 = 0
  var suppressed: Int64 = 0
  var cancelled: Int64 = 0
  // Micros.
  var captured: Int64 = 0
  var released: Int64 = 0
  var refunded: Int64 = 0
  /// Held for accepted messages beyond their price, until Meta says what it charges.
  var reserved: Int64 = 0

  /// What one message adds to the counts where it stands.
  init(of message: MessageLifecycle) {
    switch message.state {
    case .queued: waiting = 1
    case .sending: sending = 1
    case .ambiguous: ambiguous = 1
    case .failed, .expired: failed = 1
    case .suppressed: suppressed = 1
    case .cancelled: cancelled = 1
    case .accepted, .sent, .delivered, .read, .played, .received: break
    }
    if message.wasAccepted { accepted = 1 }
    if message.state.hasArrived { delivered = 1 }
    if (message.state.deliveryRank ?? 0) >= MessageState.read.rawValue { read = 1 }
  }

  init() {}

  static func difference(from old: MessageLifecycle, to new: MessageLifecycle) -> CampaignTally {
    var tally = CampaignTally(of: new)
    let before = CampaignTally(of: old)
    for field in fields { tally[keyPath: field] -= before[keyPath: field] }
    return tally
  }

  mutating func add(_ other: CampaignTally) {
    for field in Self.fields { self[keyPath: field] += other[keyPath: field] }
  }

  /// In the order of the table's columns.
  static var fields: [WritableKeyPath<CampaignTally, Int64>] {
    [
      \.recipients, \.claimed, \.waiting, \.sending, \.ambiguous, \.accepted, \.delivered, \.read,
      \.failed, \.suppressed, \.cancelled, \.captured, \.released, \.refunded, \.reserved,
    ]
  }

  /// Whether every recipient was claimed and none waits or is on its way.
  var isDone: Bool { claimed >= recipients && waiting == 0 && sending == 0 }

  /// Whether no message can change the hold any more.
  var isResolved: Bool { waiting == 0 && sending == 0 && ambiguous == 0 && reserved == 0 }
}
