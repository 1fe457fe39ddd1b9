import Synchronization

/// A tenant at rest while its files are exchanged.
extension TenantWriter {
  /// Whether a run, a record or a settling is under way, or will be.
  var isBusy: Bool { mailbox.withLock { $0.machine.state != .idle || !$0.commands.isEmpty } }

  /// Refuses new commands with `reason` while the tenant is served and nothing else does; what was
  /// admitted goes on.
  ///
  /// Answers whether it did.
  func pause(_ reason: Obstacle) -> Bool {
    mailbox.withLock { box in
      guard box.problem == nil else { return false }
      box.problem = reason
      return true
    }
  }

  /// Ends a ``pause(_:)``.
  func resume() {
    let mayRun = mailbox.withLock { box in
      box.problem = nil
      return box.machine.state == .idle && !box.commands.isEmpty && box.machine.submitted()
    }
    if mayRun { context.writers.push(.run(self)) }
  }
}
