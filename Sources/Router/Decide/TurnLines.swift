import Wire

/// One request's turn; to be given back.
struct TenantTurn: Hashable, Sendable {
  let tenant: TenantID
  let id: UInt64
}

/// Which requests are with their cells, and which wait for a turn, tenant by tenant; decides,
/// without I/O.
///
/// A cell works through few requests at a time, and who comes stands behind all that are there. So
/// the tenants that have asked lately share one window of each cell: whoever is alone has ``most``
/// turns, who has many neighbours ``least``, and what is more waits here, where waiting costs
/// nobody anything. A turn held for longer than ``brief`` is no part of the share: what takes so
/// long waits for something else than the processor, and must not keep its tenant from the rest.
struct TurnLines<Caller: Sendable>: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// One whose waiting is over.
  struct Called: Sendable {
    let caller: Caller
    /// Nil where its deadline passed first.
    let turn: TenantTurn?
  }

  private struct Waiter: Sendable {
    let caller: Caller
    let cell: CellID
    let deadline: Instant
  }

  private struct Line: Sendable {
    /// When each turn began, by its number.
    var running: [(id: UInt64, began: Instant)] = []
    /// Bounded by what the router has in flight of one tenant.
    var waiting: [Waiter] = []
  }

  /// What the active tenants of one cell share.
  let window: Int
  /// What a tenant has at least, and at most.
  let turns: ClosedRange<Int>
  /// After this time a turn counts for ``turns`` only, not for the share.
  let brief: Duration

  private var lines: [TenantID: Line] = [:]
  private var active: [CellID: ActiveTenants] = [:]
  private var lastID: UInt64 = 0
  /// How many wait in all lines.
  private(set) var waiting = 0

  init(window: Int, turns: ClosedRange<Int>, brief: Duration) {
    self.window = window
    self.turns = turns
    self.brief = brief
  }

  /// Begins a turn; nil where the tenant has as many as it may, or others of its wait.
  mutating func begin(_ tenant: TenantID, at cell: CellID, now: Instant) -> TenantTurn? {
    active[cell, default: ActiveTenants()].note(tenant, at: now)
    var line = lines[tenant] ?? Line()
    guard line.waiting.isEmpty, hasRoom(line, at: cell, now) else { return nil }
    let turn = take(tenant, &line, cell, now)
    lines[tenant] = line
    return turn
  }

  /// Puts a request in its tenant's line, where it stays until ``leave(_:now:)`` or
  /// ``look(at:)`` call it.
  mutating func wait(
    _ caller: Caller, for tenant: TenantID, at cell: CellID, deadline: Instant
  ) {
    lines[tenant, default: Line()].waiting.append(
      Waiter(caller: caller, cell: cell, deadline: deadline))
    waiting += 1
  }

  /// Ends a turn; answers who has one now.
  mutating func leave(_ turn: TenantTurn, now: Instant) -> [Called] {
    guard var line = lines[turn.tenant],
      let place = line.running.firstIndex(where: { $0.id == turn.id })
    else { preconditionFailure("\(turn.tenant) has no such turn") }
    line.running.remove(at: place)
    let called = advance(turn.tenant, &line, now)
    lines[turn.tenant] = line.running.isEmpty && line.waiting.isEmpty ? nil : line
    return called
  }

  /// Calls those whose turn has come by time alone, and those whose deadline has passed.
  mutating func look(at now: Instant) -> [Called] {
    guard waiting > 0 else { return [] }
    var called: [Called] = []
    for (tenant, line) in lines where !line.waiting.isEmpty {
      var line = line
      let before = line.waiting.count
      line.waiting.removeAll { waiter in
        guard waiter.deadline <= now else { return false }
        called.append(Called(caller: waiter.caller, turn: nil))
        return true
      }
      waiting -= before - line.waiting.count
      called += advance(tenant, &line, now)
      lines[tenant] = line.running.isEmpty && line.waiting.isEmpty ? nil : line
    }
    return called
  }

  private mutating func advance(
    _ tenant: TenantID, _ line: inout Line, _ now: Instant
  ) -> [Called] {
    var called: [Called] = []
    while let next = line.waiting.first, hasRoom(line, at: next.cell, now) {
      line.waiting.removeFirst()
      waiting -= 1
      called.append(
        Called(caller: next.caller, turn: take(tenant, &line, next.cell, now)))
    }
    return called
  }

  private func hasRoom(_ line: Line, at cell: CellID, _ now: Instant) -> Bool {
    guard line.running.count < turns.upperBound else { return false }
    let share = window / max(1, active[cell]?.count ?? 1)
    let mine = min(max(share, turns.lowerBound), turns.upperBound)
    return line.running.count < mine
      || line.running.count(where: { now - $0.began < brief }) < mine
  }

  private mutating func take(
    _ tenant: TenantID, _ line: inout Line, _ cell: CellID, _ now: Instant
  ) -> TenantTurn {
    lastID += 1
    line.running.append((lastID, now))
    return TenantTurn(tenant: tenant, id: lastID)
  }
}
