import Storage
import Wire

/// Ends a campaign when it has nothing left to do, and its hold when nothing can use it.
struct CampaignProgress {
  private let tx: Transaction
  private let store: CampaignStore
  private let ledger: Ledger

  init(_ tx: Transaction, _ store: CampaignStore, _ ledger: Ledger) {
    self.tx = tx
    self.store = store
    self.ledger = ledger
  }

  /// Called after each change of a campaign's counts.
  func settle(_ id: RowID) throws {
    guard var standing = try store.standing(id), let tally = try store.tally(id) else { return }
    if standing.state == .running, tally.isDone {
      standing = CampaignStanding(
        state: .completed, since: tx.now, scheduledAt: standing.scheduledAt)
      try store.put(standing, of: id)
      tx.dueMayHaveChanged()
    }
    guard standing.state.isOver, tally.isResolved, let launch = try store.launch(id) else {
      return
    }
    let rest = try ledger.close(
      launch.hold, cause: standing.state == .cancelled ? .cancelled : .completed)
    if rest > .zero {
      var released = CampaignTally()
      released.released = rest.rawValue
      try store.add(released, to: id)
    }
  }
}
