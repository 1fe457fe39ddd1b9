import Synchronization
import Wire

/// Lets a few requests of each tenant be with its cell at a time; its others wait here, in their
/// order: ``TurnLines``.
final class TenantTurns: Sendable {
  typealias Caller = UnsafeContinuation<TenantTurn?, Never>

  /// How often waiting requests are looked at that nobody's leaving calls.
  static let lookInterval = Duration.milliseconds(20)

  private struct State: Sendable {
    var lines: TurnLines<Caller>
    /// Whether somebody looks at those who wait.
    var isLooking = false
  }

  private let state: Mutex<State>

  /// The same turns for every tenant, however many are active.
  convenience init(limit: Int) {
    self.init(TurnLines(window: limit, turns: limit...limit, brief: .zero))
  }

  convenience init(sharedUnder limits: RouterLimits) {
    self.init(
      TurnLines(
        window: limits.cellWindow, turns: limits.tenantTurns, brief: limits.briefTurn))
  }

  init(_ lines: TurnLines<Caller>) { state = Mutex(State(lines: lines)) }

  /// Waits for a turn, which ``leave(_:)`` ends; nil where none came by `deadline`.
  func enter(
    _ tenant: TenantID, at cell: CellID, by deadline: ContinuousClock.Instant
  ) async -> TenantTurn? {
    if let turn = state.withLock({ $0.lines.begin(tenant, at: cell, now: .now) }) { return turn }
    return await withUnsafeContinuation { caller in
      let (turn, looks) = state.withLock { state -> (TenantTurn?, Bool) in
        // Somebody may have left meanwhile.
        if let turn = state.lines.begin(tenant, at: cell, now: .now) { return (turn, false) }
        state.lines.wait(caller, for: tenant, at: cell, deadline: deadline)
        defer { state.isLooking = true }
        return (nil, !state.isLooking)
      }
      if let turn { caller.resume(returning: turn) }
      if looks { Task { await look() } }
    }
  }

  /// Ends a turn: the next in line has it.
  func leave(_ turn: TenantTurn) {
    call(state.withLock { $0.lines.leave(turn, now: .now) })
  }

  private func call(_ called: [TurnLines<Caller>.Called]) {
    for one in called { one.caller.resume(returning: one.turn) }
  }

  /// Looks as long as anybody waits.
  private func look() async {
    var goesOn = true
    while goesOn {
      try? await Task.sleep(for: Self.lookInterval)
      let called = state.withLock { state in
        let called = state.lines.look(at: .now)
        goesOn = state.lines.waiting > 0
        state.isLooking = goesOn
        return called
      }
      call(called)
    }
  }
}
