import Storage
import Synchronization
import Wire

/// A tenant's files while a restore makes them: handed from thread to thread behind a lock.
final class RestoreWork: Sendable {
  /// A release that is the last record: the history goes on in another cell's journal, or nowhere.
  struct Departure: Hashable, Sendable {
    let to: CellID
    let tenantSeq: TenantSeq
    let hash: SHA256Hash
  }

  private struct State {
    var rebuild: TenantRebuild
    var isPast = false
    /// Whether the record was met of which a part is wanted.
    var isThere = false
    var leaving: CellID?
    var isRooted: Bool
    var departure: Departure?
    /// Positions that nobody has, behind the last record: the tenant may have had some there.
    var missing: ClosedRange<CellSeq>?
    /// The last record that was looked at past the target, for the start's proof only.
    var beyond: (tenantSeq: TenantSeq, hash: SHA256Hash)?
  }

  private let state: Mutex<State>
  private let target: RestoreTarget
  private let tenant: TenantID
  private let proof: RestoreStart.Proof
  private let running: RunningTenants?

  init(
    _ rebuild: sending TenantRebuild, _ target: RestoreTarget, _ start: RestoreStart,
    _ running: RunningTenants?
  ) {
    tenant = rebuild.tenant
    proof = start.proof
    state = Mutex(
      State(
        rebuild: rebuild, leaving: start.snapshot?.leaving, isRooted: start.proof == .itself))
    self.target = target
    self.running = running
  }

  var position: TenantRebuild.Position? { state.withLock { $0.rebuild.position } }
  var records: UInt64 { state.withLock { $0.rebuild.records } }
  var isThere: Bool { state.withLock { $0.isThere } }
  var isPast: Bool { state.withLock { $0.isPast } }
  var leaving: CellID? { state.withLock { $0.leaving } }
  /// Positions behind the last record that are not archived, where no later record shows that none
  /// of the tenant's were there.
  var missing: ClosedRange<CellSeq>? { state.withLock { $0.missing } }
  var departure: Departure? { state.withLock { $0.departure } }
  /// Whether the start is known to be of the tenant's history, and not what a restore or a move has
  /// stored before it came to nothing.
  var isRooted: Bool { state.withLock { $0.isRooted } }

  /// The next records lie behind positions that are not archived.
  func pass(over missing: ClosedRange<CellSeq>) {
    state.withLock { state in if !state.isPast { state.missing = state.missing ?? missing } }
  }

  /// Applies the tenant's own among the records, up to the target; answers whether more are wanted.
  func apply(_ records: [JournalRecord]) throws -> Bool {
    try running.during(tenant) { try applyAll(records) }
  }

  private func applyAll(_ records: [JournalRecord]) throws -> Bool {
    try state.withLock { state in
      for record in records
      where record.identity.tenant == tenant && record.identity.kind.isInChain {
        if let at = state.rebuild.position, record.identity.tenantSeq <= at.tenantSeq { continue }
        if let left = state.departure {
          // Whoever adopts names the release; the rest of this journal is of another stay.
          guard record.identity.previousHash == left.hash else { return false }
        }
        if state.isPast || target.isPast(record.identity) {
          if !state.isPast, let at = state.rebuild.position,
            record.identity.tenantSeq == at.tenantSeq.next, record.identity.previousHash == at.hash
          {
            state.missing = nil
          }
          state.isPast = true
          guard look(at: record, &state) else { return false }
          continue
        }
        guard try apply(record, &state) else { return false }
      }
      return true
    }
  }

  /// Looks past the target for what proves the start; answers whether more is wanted.
  private func look(at record: JournalRecord, _ state: inout State) -> Bool {
    guard !state.isRooted, let position = state.rebuild.position else { return false }
    let last = state.beyond ?? (position.tenantSeq, position.hash)
    let identity = record.identity
    guard identity.tenantSeq > last.tenantSeq else { return true }
    let isNext =
      identity.tenantSeq == last.tenantSeq.next && identity.previousHash == last.hash
    switch proof {
    case .itself, .firstRecord: return false
    case .nextRecord:
      state.isRooted = isNext
      return false
    case .adoption:
      if identity.kind == .adopt, isNext || identity.tenantSeq == last.tenantSeq.next.next {
        state.isRooted = true
        return false
      }
      state.beyond = (identity.tenantSeq, record.hash)
      return isNext
    }
  }

  private func apply(_ record: JournalRecord, _ state: inout State) throws -> Bool {
    let identity = record.identity
    let commands = target.commands(of: record)
    try state.rebuild.apply(record, commands: commands)
    state.missing = nil
    if proof != .adoption || identity.kind == .adopt { state.isRooted = true }
    if case .command(identity.tenantSeq, _) = target { state.isThere = true }
    if commands != nil {
      // A part of it is wanted: the rest is past the target.
      state.isPast = true
      state.beyond = (identity.tenantSeq, record.hash)
      return !state.isRooted
    }
    state.departure = nil
    switch identity.kind {
    case .begin: state.leaving = try record.counterpart
    case .release:
      let target = try record.counterpart
      state.leaving = target
      state.departure = Departure(
        to: target, tenantSeq: identity.tenantSeq, hash: record.hash)
    case .burn, .adopt, .restore: state.leaving = nil
    default: break
    }
    return true
  }

  /// Checks all that the files hold and makes them durable as those of their owner.
  func finish(as owner: TenantID, _ lineage: Lineage) throws -> [TenantSnapshot.File] {
    try running.during(tenant) {
      try state.withLock { state in
        try state.rebuild.verify()
        try state.rebuild.settle(as: owner, lineage)
        return try state.rebuild.files(of: owner)
      }
    }
  }
}
