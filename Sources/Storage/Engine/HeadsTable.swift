import Synchronization
import Wire

/// The heads of all tenants of this cell, and who still needs the journal.
///
/// Updated on the journal's thread in the order of positions, so that a copy of it is true up to
/// exactly `through`.
package final class HeadsTable: Sendable {
  struct State: Sendable {
    var heads: [TenantID: TenantHead]
    var through: CellSeq
    /// Per tenant the first record that its files may lack on disk.
    var unflushed: [TenantID: CellSeq] = [:]
    /// Tenants that lost records: the journal is the only trace of what is missing.
    var lost: Set<TenantID> = []
    /// How often a head has changed, and what was made of them at which change.
    var changes: UInt64 = 0
    var overview: (at: UInt64, made: HeadsOverview)?
  }

  private let state: Mutex<State>

  package init(heads: [TenantID: TenantHead], through: CellSeq) {
    state = Mutex(State(heads: heads, through: through))
  }

  package subscript(tenant: TenantID) -> TenantHead? { state.withLock { $0.heads[tenant] } }

  package var tenants: [TenantID: TenantHead] { state.withLock { $0.heads } }

  /// Made outside of the lock: what the journal's thread may wait for is a copy of the heads.
  package var overview: HeadsOverview {
    let (known, heads, changes) = state.withLock { ($0.overview, $0.heads, $0.changes) }
    if let known, known.at == changes { return known.made }
    let made = HeadsOverview(heads)
    state.withLock { $0.overview = (changes, made) }
    return made
  }

  package func durable(_ tenant: TenantID, _ head: TenantHead) {
    state.withLock { state in
      state.heads[tenant] = head
      state.changes += 1
      state.through = head.cellSeq
      if state.unflushed[tenant] == nil { state.unflushed[tenant] = head.cellSeq }
    }
  }

  /// At a start: this tenant needs the journal from `first` on, if not from before.
  package func replayed(_ tenant: TenantID, from first: CellSeq) {
    state.withLock { state in
      state.unflushed[tenant] = min(first, state.unflushed[tenant] ?? first)
    }
  }

  /// At a start: of this tenant records are missing, from `first` on.
  func lost(_ tenant: TenantID, from first: CellSeq) {
    replayed(tenant, from: first)
    state.withLock { _ = $0.lost.insert(tenant) }
  }

  var lost: Set<TenantID> { state.withLock { $0.lost } }

  /// The first record that the tenant's files may lack; nil: none.
  func unflushed(_ tenant: TenantID) -> CellSeq? { state.withLock { $0.unflushed[tenant] } }

  /// The tenant's files are on disk with everything up to `through`.
  package func flushed(_ tenant: TenantID, through: CellSeq) {
    state.withLock { state in
      guard let head = state.heads[tenant] else { return }
      state.unflushed[tenant] = head.cellSeq > through ? through.next : nil
    }
  }

  /// The last position that no tenant needs for a replay.
  package var flushedThrough: CellSeq { flushedThrough(without: []) }

  /// The same as if `others` needed nothing.
  func flushedThrough(without others: Set<TenantID>) -> CellSeq {
    state.withLock { state in
      let first = state.unflushed.lazy.filter { !others.contains($0.key) }.map(\.value).min()
      guard let first else { return state.through }
      return CellSeq(first.rawValue - 1)
    }
  }

  /// Those that pin the journal, the longest first.
  package var pinning: [TenantID] {
    state.withLock { state in state.unflushed.sorted { $0.value < $1.value }.map(\.key) }
  }

  /// What of the journal may go now.
  package var trimming: JournalTrimming {
    let now = state.withLock { $0 }
    return JournalTrimming(
      checkpoint: HeadsCheckpoint(through: now.through, heads: now.heads),
      pastAll: min(flushedThrough, now.through))
  }
}

/// What of a journal may go, and the heads that are to be stored before.
package struct JournalTrimming: Sendable {
  package let checkpoint: HeadsCheckpoint
  /// The last position that no file needs for a replay.
  package let pastAll: CellSeq

  package init(checkpoint: HeadsCheckpoint, pastAll: CellSeq) {
    self.checkpoint = checkpoint
    self.pastAll = pastAll
  }
}

extension Journal {
  /// The heads first: a trimmed record may be the last of its tenant.
  package func trim(_ trimming: JournalTrimming) throws(JournalError) {
    try writeHeads(trimming.checkpoint)
    try trim(pastAll: trimming.pastAll)
  }
}
