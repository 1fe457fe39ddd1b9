import Synchronization
import Wire

/// A tenant whose commands wait, or go to another cell.
extension TenantWriter {
  /// Whether the tenant is another cell's.
  var isAway: Bool { mailbox.withLock { $0.isAway } }

  /// Lets what runs come to its end; commands that come wait in the mailbox.
  ///
  /// False where the tenant is stopped, stalled, away or held already.
  func hold() -> Bool {
    mailbox.withLock { box in
      guard box.problem == nil, !box.isHeld, !box.isAway else { return false }
      box.isHeld = true
      return true
    }
  }

  /// Whether a held tenant has come to rest: no transaction is open, no record is on its way.
  var isAtRest: Bool { mailbox.withLock { $0.isHeld && $0.machine.state == .idle } }

  /// Ends a ``hold()``: what waits runs.
  func endHold() {
    let mayRun = mailbox.withLock { box in
      box.isHeld = false
      return box.problem == nil && box.isRunWanted && box.machine.submitted()
    }
    if mayRun { context.writers.push(.run(self)) }
  }

  /// A record that is not a batch of commands was made durable while the tenant was held.
  func didAppend(_ head: TenantHead) {
    withCore { $0.goesOn(from: head) }
    didApply(through: head)
  }

  /// The tenant is another cell's from here on: what waits hears `moved`, files are closed.
  func leave() {
    let waiting = mailbox.withLock { box -> [any Command] in
      box.isAway = true
      box.isHeld = false
      var rest: [any Command] = []
      while !box.commands.isEmpty { rest += take(&box) }
      return rest
    }
    for command in waiting { command.refuse(Self.isAway) }
    answer(waiting, [])
    tap.withLock { $0 = nil }
    _ = evict()
  }

  /// The tenant is this cell's from here on.
  func arrive() { mailbox.withLock { $0.isAway = false } }
}
