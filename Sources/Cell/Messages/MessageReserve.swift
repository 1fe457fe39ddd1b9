import Storage
import Wire

/// What is still held for an accepted message beyond its price.
///
/// Held because Meta may charge a template as a dearer category than it was sent as; used or given
/// back, once, when a status says what Meta charges or that the message failed.
struct MessageReserve {
  let message: RowID
  let hold: RowID
  let amount: Micros
  /// Of a campaign: its part of the common hold is settled in the message's own row.
  let campaign: RowID?
}

extension MessageTracking {
  /// The reserve of a message; nil where it has none, or it was settled.
  ///
  /// What was charged anew after its hold had ended has none, nor has one whose hold ran out.
  func openReserve(of message: Message) throws -> MessageReserve? {
    guard let charge = try charge(of: message), charge.isOwnHold || charge.reserve > .zero,
      let hold = try ledger.hold(charge.hold), hold.state == .pending,
      try ledger.usage(message.id)?.hold == hold.id
    else { return nil }
    let amount = charge.isOwnHold ? hold.remaining : charge.reserve
    if !charge.isOwnHold, try store.standing(message.id)?.isReserveSettled != false { return nil }
    guard amount > .zero, amount <= hold.remaining else { return nil }
    return MessageReserve(
      message: message.id, hold: hold.id, amount: amount, campaign: message.campaign)
  }

  /// Gives a reserve back, without the part that a correction used.
  func give(
    back reserve: MessageReserve, without used: Micros = .zero, _ tally: inout CampaignTally
  ) throws {
    let rest = try reserve.amount.subtracting(used)
    if rest > .zero {
      try ledger.release(rest, of: reserve.hold, cause: .settled(message: reserve.message))
    }
    guard reserve.campaign != nil, var standing = try store.standing(reserve.message) else {
      return
    }
    standing.isReserveSettled = true
    try store.put(standing, of: reserve.message)
    tally.released += rest.rawValue
    tally.reserved -= reserve.amount.rawValue
  }
}
