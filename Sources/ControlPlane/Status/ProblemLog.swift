import Synchronization
import Wire

/// The problems of cells with the moment they began, in memory and in the store.
final class ProblemLog: Sendable {
  private let store: PlatformStore
  private let roster: CellRoster
  private let startedAt: Timestamp
  private let state = Mutex(ProblemSightings())
  /// Since when headroom for a cell is missing, in this process.
  private let headroom = Mutex<[CellID: Timestamp]>([:])

  init(store: PlatformStore, roster: CellRoster, startedAt: Timestamp) {
    self.store = store
    self.roster = roster
    self.startedAt = startedAt
  }

  var sightings: ProblemSightings { state.withLock { $0 } }

  /// Reads what was known before the start.
  func load() async throws(Failure) {
    let known = try await store.read { try $0.sightings() }
    state.withLock { $0 = ProblemSightings(known) }
  }

  /// Remembers for which cells headroom is missing now; answers since when it is for each.
  func headroom(missing cells: [CellID], at now: Timestamp) -> [CellID: Timestamp] {
    headroom.withLock { known in
      known = Dictionary(cells.map { ($0, known[$0] ?? now) }) { first, _ in first }
      return known
    }
  }

  /// One look at the cells.
  ///
  /// Writes only where a problem began or ended; what could not be written is tried again.
  func look(trace: String) async {
    await endConflicts()
    let sights = roster.sights()
    let changes = state.withLock { $0.changes(sights, startedAt: startedAt) }
    guard !changes.isEmpty else { return }
    do {
      try await store.write(trace: trace) { _, rows in
        for (key, since) in changes.began { try rows.put(key, since: since) }
        for key in changes.ended { try rows.remove(key) }
      }
    } catch {
      return
    }
    state.withLock { $0.apply(changes) }
  }

  /// Forgets claims that nothing stored contradicts any more.
  private func endConflicts() async {
    let claims = roster.conflicts().map(\.claim)
    guard !claims.isEmpty else { return }
    let over = try? await store.read { rows in try claims.filter { try rows.isOver($0) } }
    roster.end(over ?? [])
  }
}
