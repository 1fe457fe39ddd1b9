import Messaging
import Platform
import Storage
import Synchronization
import Wire

/// What a cell said in its last heartbeat.
struct CellReport: Hashable, Sendable {
  var tenants = 0
  var openTenants = 0
  /// Since the cell's start.
  var operations: UInt64 = 0
  var operationsPerSecond = 0.0
  var journalBytes: UInt64 = 0
  /// Nil until the first heartbeat.
  var diskFreeBytes: UInt64?
  var state = ""
  var directivesVersion: UInt64 = 0
  /// Since when the oldest work of its outbox has been due.
  var oldestDue: Timestamp?
  var problems: [ReportedProblem] = []
  /// Of the process that reports, since it started.
  var requests = UpgradeRule.Counts()
  var startedAt: Int64 = 0
  /// The newest format level that it reads.
  var readsLevel: UInt32 = 1
  /// Whether it asks a follower, or has one so near that it will.
  var hasFollower = false
}

/// Whether heartbeats arrive, judged on the time since boot so that a step of the wall clock kills
/// nobody.
///
/// Pure: time is a parameter.
struct CellLiveness: Sendable {
  private struct Entry {
    var heardAtNanoseconds: UInt64
    var heardAt: Timestamp
    var report = CellReport()
  }
  private var entries: [CellID: Entry] = [:]
  private let timeoutNanoseconds: UInt64

  init(timeoutMilliseconds: Int64 = ControlPlaneLimits.heartbeatTimeoutMilliseconds) {
    timeoutNanoseconds = UInt64(timeoutMilliseconds) * 1_000_000
  }

  /// The cell joined, or this process started and knows it: alive until it proves otherwise.
  mutating func expect(_ cell: CellID, at now: Timestamp, boot: UInt64) {
    entries[cell] = Entry(heardAtNanoseconds: boot, heardAt: now, report: report(cell))
  }

  mutating func heard(_ cell: CellID, _ report: CellReport, at now: Timestamp, boot: UInt64) {
    var report = report
    if let last = entries[cell], boot > last.heardAtNanoseconds,
      report.operations >= last.report.operations
    {
      let seconds = Double(boot - last.heardAtNanoseconds) / 1e9
      report.operationsPerSecond =
        Double(report.operations - last.report.operations) / max(seconds, 0.001)
    }
    entries[cell] = Entry(heardAtNanoseconds: boot, heardAt: now, report: report)
  }

  func isAlive(_ cell: CellID, boot: UInt64) -> Bool {
    guard let entry = entries[cell] else { return false }
    return boot < entry.heardAtNanoseconds + timeoutNanoseconds
  }

  func lastHeard(_ cell: CellID) -> Timestamp? { entries[cell]?.heardAt }
  func report(_ cell: CellID) -> CellReport { entries[cell]?.report ?? CellReport() }
}

/// A router as its pulls and heartbeats show it.
struct RouterSight: Hashable, Sendable {
  let id: String
  /// The newest map version that it has compared itself with; between two comparisons it follows
  /// the publications, which nobody acknowledges.
  var mapVersion: UInt64
  var lastSeen: Timestamp

  func isSilent(at now: Timestamp) -> Bool {
    lastSeen.adding(milliseconds: ControlPlaneLimits.routerSilenceMilliseconds) < now
  }

  func isGone(at now: Timestamp) -> Bool {
    lastSeen.adding(milliseconds: ControlPlaneLimits.routerGoneMilliseconds) < now
  }
}

/// The cells and routers that this process knows, in memory: rows of the store plus liveness.
final class CellRoster: Sendable {
  private struct State {
    var cells: [CellID: CellRecord] = [:]
    var liveness = CellLiveness()
    var routers: [String: RouterSight] = [:]
    var conflicts = OwnerConflicts()
    var formatCeiling: UInt32 = 0
  }

  private let state = Mutex(State())
  private let clock: any WallClock
  private let boot: any BootClock

  /// What the own store's engine holds to.
  private let ceiling: FormatCeiling

  init(clock: any WallClock, boot: any BootClock, ceiling: FormatCeiling = .unlimited) {
    self.clock = clock
    self.ceiling = ceiling
    self.boot = boot
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// A row as stored; one that was not known is expected from now on.
  func set(_ cell: CellRecord) {
    let (now, boot) = (now, boot.nanoseconds())
    state.withLock { state in
      if state.cells[cell.id] == nil { state.liveness.expect(cell.id, at: now, boot: boot) }
      if let known = state.cells[cell.id], known.mapVersion > cell.mapVersion { return }
      state.cells[cell.id] = cell
      if cell.isGone { state.conflicts.gone(cell.id) }
    }
  }

  func joined(_ cell: CellRecord) {
    set(cell)
    let (now, boot) = (now, boot.nanoseconds())
    state.withLock { $0.liveness.expect(cell.id, at: now, boot: boot) }
  }

  func heard(_ cell: CellID, _ report: CellReport) {
    let (now, boot) = (now, boot.nanoseconds())
    state.withLock { $0.liveness.heard(cell, report, at: now, boot: boot) }
  }

  func saw(router id: String, mapVersion: UInt64) {
    let now = now
    state.withLock { state in
      let known = state.routers[id]?.mapVersion ?? 0
      state.routers[id] = RouterSight(
        id: id, mapVersion: max(known, mapVersion), lastSeen: now)
    }
  }

  func heard(_ conflict: OwnerConflict) { state.withLock { $0.conflicts.heard(conflict) } }

  /// A cell has named all that it serves, of which these contradict.
  func claimed(by cell: CellID, _ conflicts: [OwnerConflict]) {
    state.withLock { $0.conflicts.claimed(by: cell, conflicts) }
  }

  /// A tenant has given a key up.
  func released(_ kind: ClaimKind, _ key: String, by tenant: TenantID) {
    state.withLock { $0.conflicts.released(kind, key, by: tenant) }
  }

  /// A cell has named all keys of a tenant.
  func told(_ cell: CellID, _ tenant: TenantID, holds keys: Set<OwnerConflict.Subject>) {
    state.withLock { $0.conflicts.told(cell, tenant, holds: keys) }
  }

  func end(_ claims: [OwnerConflict.Claim]) { state.withLock { $0.conflicts.end(claims) } }

  /// As it is stored; said in every heartbeat's answer, and held to by the own store.
  var formatCeiling: UInt32 { state.withLock { $0.formatCeiling } }
  func know(formatCeiling level: UInt32) {
    state.withLock { $0.formatCeiling = max($0.formatCeiling, level) }
    ceiling.raise(to: level)
  }

  func cell(_ id: CellID) -> CellRecord? { state.withLock { $0.cells[id] } }

  func isAlive(_ id: CellID) -> Bool {
    let boot = boot.nanoseconds()
    return state.withLock { $0.liveness.isAlive(id, boot: boot) }
  }

  struct Sight: Sendable {
    let record: CellRecord
    let isAlive: Bool
    let lastHeard: Timestamp?
    let report: CellReport

    /// Whether a heartbeat has come since this process started.
    var isHeard: Bool { report.diskFreeBytes != nil }
  }

  /// Every cell, by name.
  func sights() -> [Sight] {
    let boot = boot.nanoseconds()
    return state.withLock { state in
      state.cells.values.sorted { $0.id < $1.id }.map { cell in
        Sight(
          record: cell, isAlive: state.liveness.isAlive(cell.id, boot: boot),
          lastHeard: state.liveness.lastHeard(cell.id), report: state.liveness.report(cell.id))
      }
    }
  }

  /// The cells that answer now, and may.
  func living() -> [CellRecord] {
    sights().filter { $0.isAlive && !$0.record.isGone }.map(\.record)
  }

  /// Cells that were retired with nothing in them; those that were lost are not among them.
  func retired() -> [CellRecord] {
    state.withLock { state in
      state.cells.values.filter { $0.state == .retired && $0.generation < .ended }
    }
  }

  /// The routers, by name; one that has been silent for long was removed, and is forgotten.
  func routers() -> [RouterSight] {
    let now = now
    return state.withLock { state in
      state.routers = state.routers.filter { !$0.value.isGone(at: now) }
      return state.routers.values.sorted { $0.id < $1.id }
    }
  }

  func conflicts() -> [OwnerConflict] { state.withLock { $0.conflicts.all } }
}
