import Synchronization
import Wire

/// Lets a few requests of each tenant be with its cell at a time; its others wait here, in their
/// order: ``TurnLines``.
final class TenantTurns: Sendable {
  typealias Caller = UnsafeContinuation<TenantTurn?, Never>

  /// How often waiting requests are looked at that nobody's leaving calls.
  static let lookInterval = Duration.milliseconds(20)

  private let lines: Mutex<TurnLines<Caller>>
  /// Whether somebody looks at those who wait.
  private let isLooking = Atomic(false)

  /// The same turns for every tenant, however many are active.
  convenience init(limit: Int) {
    self.init(TurnLines(window: limit, turns: limit...limit, brief: .zero))
  }

  convenience init(sharedUnder limits: RouterLimits) {
    self.init(
      TurnLines(
        window: limits.cellWindow, turns: limits.tenantTurns, brief: limits.briefTurn))
  }

  init(_ lines: TurnLines<Caller>) { self.lines = Mutex(lines) }

  /// Waits for a turn, which ``leave(_:)`` ends; nil where none came by `deadline`.
  func enter(
    _ tenant: TenantID, at cell: CellID, by deadline: ContinuousClock.Instant
  ) async -> TenantTurn? {
    if let turn = lines.withLock({ $0.begin(tenant, at: cell, now: .now) }) { return turn }
    return await withUnsafeContinuation { caller in
      // Somebody may have left meanwhile.
      let turn = lines.withLock { lines -> TenantTurn? in
        if let turn = lines.begin(tenant, at: cell, now: .now) { return turn }
        lines.wait(caller, for: tenant, at: cell, deadline: deadline)
        return nil
      }
      if let turn { caller.resume(returning: turn) } else { look() }
    }
  }

  /// Ends a turn: the next in line has it.
  func leave(_ turn: TenantTurn) {
    call(lines.withLock { $0.leave(turn, now: .now) })
  }

  private func call(_ called: [TurnLines<Caller>.Called]) {
    for one in called { one.caller.resume(returning: one.turn) }
  }

  /// Sees to it that somebody looks as long as anybody waits.
  ///
  /// First a request is in its line, then this; who looks goes in the opposite order, so that one
  /// of the two sees the other.
  private func look() {
    guard !isLooking.exchange(true, ordering: .sequentiallyConsistent) else { return }
    Task {
      while true {
        try? await Task.sleep(for: Self.lookInterval)
        call(lines.withLock { $0.look(at: .now) })
        guard lines.withLock({ $0.waiting }) == 0 else { continue }
        isLooking.store(false, ordering: .sequentiallyConsistent)
        guard lines.withLock({ $0.waiting }) > 0,
          !isLooking.exchange(true, ordering: .sequentiallyConsistent)
        else { return }
      }
    }
  }
}
