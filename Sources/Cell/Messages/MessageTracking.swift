import Storage
import Wire

/// Applies events to messages inside one transaction: state, money and campaign counts together.
///
/// Counts are collected and written once by ``finish()``, which every command calls last.
final class MessageTracking {
  let tx: Transaction
  let store: MessageStore
  let ledger: Ledger
  let campaigns: CampaignStore
  private var tallies: [RowID: CampaignTally] = [:]

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = MessageStore(try tx.file(.messages))
    campaigns = CampaignStore(try tx.file(.messages))
    ledger = try Ledger(tx)
  }

  /// Runs one event of a message's life and does what follows from it.
  ///
  /// `due` says when the message is looked at next in its new state; it is kept where nothing
  /// changed. False where there is no such message.
  @discardableResult
  func apply(
    to id: RowID, due: Timestamp? = nil,
    _ event: (inout MessageLifecycle) -> [MessageLifecycle.Effect]
  ) throws -> Bool {
    guard let message = try store.message(id), var standing = try store.standing(id) else {
      return false
    }
    let before = standing.lifecycle
    let effects = event(&standing.lifecycle)
    if standing.lifecycle != before {
      if standing.lifecycle.state != before.state { standing.at = tx.now }
      standing.due = due
      try store.put(standing, of: id)
      tx.dueMayHaveChanged()
    }
    var tally = CampaignTally.difference(from: before, to: standing.lifecycle)
    for effect in effects { try perform(effect, message, &tally) }
    count(tally, in: message.campaign)
    return true
  }

  /// Adds to a campaign's counts.
  func count(_ tally: CampaignTally, in campaign: RowID?) {
    guard let campaign, tally != CampaignTally() else { return }
    tallies[campaign, default: CampaignTally()].add(tally)
  }

  /// Writes the counts and completes the campaigns that have nothing left to do.
  func finish() throws {
    for (id, tally) in tallies.sorted(by: { $0.key < $1.key }) {
      try campaigns.add(tally, to: id)
      try CampaignProgress(tx, campaigns, ledger).settle(id)
    }
    tallies = [:]
  }

  // MARK: - Money

  /// What a message costs and which hold pays: its own, or its campaign's at the prices of launch.
  func charge(of message: Message) throws -> MessageCharge? {
    if let own = message.charge { return own }
    guard let campaign = message.campaign else { return nil }
    return try campaigns.charge(campaign, market: message.market)
  }

  private func perform(
    _ effect: MessageLifecycle.Effect, _ message: Message, _ tally: inout CampaignTally
  ) throws {
    switch effect {
    case .alert(let alert):
      try store.insertAlert(alert, id: tx.freshID(), of: message.id, at: tx.now)
    case .refund:
      guard let usage = try ledger.usage(message.id) else { return }
      if try ledger.refund(usage: message.id, cause: .failedStatus) {
        tally.refunded += usage.charged.rawValue
      }
      if let reserve = try openReserve(of: message) { try give(back: reserve, &tally) }
    case .capture:
      guard let charge = try charge(of: message) else { return }
      try capture(message, charge, &tally)
    case .release:
      guard let charge = try charge(of: message) else { return }
      try release(message, charge, &tally)
    case .chargeAgain:
      guard let charge = try charge(of: message) else { return }
      try chargeAgain(message, charge, &tally)
    }
  }

  private func capture(
    _ message: Message, _ charge: MessageCharge, _ tally: inout CampaignTally
  ) throws {
    guard let hold = try ledger.hold(charge.hold), hold.state == .pending,
      hold.remaining >= charge.quote.amount
    else { return try chargeAgain(message, charge, &tally) }
    try ledger.capture(
      charge.quote.amount, of: charge.hold, for: UsageEvent(id: message.id, quote: charge.quote))
    tally.captured += charge.quote.amount.rawValue
    // What is left stands for a dearer category until Meta says what it charges.
    tally.reserved += charge.reserve.rawValue
    if charge.isOwnHold, charge.quote.amount == hold.remaining {
      _ = try ledger.close(charge.hold, cause: .completed)
    }
  }

  private func release(
    _ message: Message, _ charge: MessageCharge, _ tally: inout CampaignTally
  ) throws {
    guard let hold = try ledger.hold(charge.hold), hold.state == .pending else { return }
    let share = charge.isOwnHold ? hold.remaining : try charge.worst
    guard hold.remaining >= share else { return }
    try ledger.release(share, of: charge.hold, cause: .failed(message: message.id))
    tally.released += share.rawValue
    if charge.isOwnHold { _ = try ledger.close(charge.hold, cause: .completed) }
  }

  /// Debits the wallet without a hold: the money that was held or paid has gone back.
  ///
  /// Where the wallet cannot pay it is flagged, because what arrived cannot be taken back.
  private func chargeAgain(
    _ message: Message, _ charge: MessageCharge, _ tally: inout CampaignTally
  ) throws {
    guard try ledger.balances().available >= charge.quote.amount else {
      return try store.insertAlert(.uncharged, id: tx.freshID(), of: message.id, at: tx.now)
    }
    let isFirst = try ledger.usage(message.id) == nil
    let usage = isFirst ? message.id : tx.freshID()
    try ledger.charge(UsageEvent(id: usage, quote: charge.quote))
    tally.captured += charge.quote.amount.rawValue
    if !isFirst {
      try store.insertAlert(.chargedAgain, id: usage, of: message.id, at: tx.now)
    }
  }
}
