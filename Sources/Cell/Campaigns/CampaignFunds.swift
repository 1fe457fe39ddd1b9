import Storage
import Wire

/// Holds a campaign's money anew after its hold ran out while the campaign was stopped.
struct CampaignFunds {
  private let tx: Transaction
  private let store: CampaignStore
  private let queue: CampaignQueueStore
  private let ledger: Ledger

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = CampaignStore(try tx.file(.messages))
    queue = CampaignQueueStore(try tx.file(.messages))
    ledger = try Ledger(tx)
  }

  /// Sets aside what the recipients who wait cost at the prices of the launch; does nothing while
  /// the hold stands.
  ///
  /// Throws `insufficient_funds`.
  func holdAnew(_ id: RowID) throws {
    guard let launch = try store.launch(id), let old = try ledger.hold(launch.hold),
      old.state != .pending
    else { return }
    var waiting = try queue.unclaimedMarkets(id)
    for open in try queue.open(id) { waiting[open.market, default: 0] += 1 }
    var amount = Micros.zero
    for (market, count) in waiting {
      guard let charge = try store.charge(id, market: market) else { continue }
      amount = try amount.adding(try charge.worst.multiplied(by: count))
    }
    try countExpiry(id)
    let hold = try ledger.hold(
      amount, for: .campaign(id), until: tx.now.adding(seconds: MessageLimits.holdSeconds))
    try store.setHold(hold, of: id)
  }

  /// Adds what expiry gave back to the campaign's counts, which only messages add to.
  private func countExpiry(_ id: RowID) throws {
    let released = try ledger.holds(of: .campaign(id)).reduce(0) { $0 + $1.released.rawValue }
    guard let counted = try store.tally(id) else { return }
    var tally = CampaignTally()
    tally.released = max(0, released - counted.released)
    // Reserves were part of what went back.
    tally.reserved = -counted.reserved
    guard tally != CampaignTally() else { return }
    try store.add(tally, to: id)
  }
}
