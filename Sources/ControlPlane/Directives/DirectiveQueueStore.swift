import Storage
import Wire

/// Directives together with the operations that wait for them.
extension PlatformRows {
  /// Queues `directive`; an operation that waited for an older one of the same subject no longer
  /// does.
  func enqueue(_ directive: Directive, at now: Timestamp) throws {
    let replaced = try connection.first(
      "SELECT operation FROM directives WHERE cell = ?1 AND kind = ?2 AND subject = ?3",
      .text(directive.cell.rawValue), .text(directive.kind.rawValue), .text(directive.subject)
    ) { $0.optionalText(0) }
    try put(directive)
    if case .some(.some(let id)) = replaced, id != directive.operation?.rawValue {
      try settle(OperationID(trusted: id), at: now)
    }
  }

  /// The cell has made `directive` durable: its operation goes on.
  func acknowledge(_ directive: Directive, at now: Timestamp) throws {
    try remove(directive)
    if directive.kind == .provision, let id = TenantID(directive.subject),
      var tenant = try tenant(id), !tenant.isProvisioned, tenant.placement.cell == directive.cell
    {
      tenant.isProvisioned = true
      tenant.version = try raiseVersion()
      try put(tenant)
    }
    if let operation = directive.operation { try settle(operation, at: now) }
  }

  /// Ends an operation once no cell is missing.
  private func settle(_ id: OperationID, at now: Timestamp) throws {
    guard var operation = try operation(id), operation.state == .running else { return }
    let waiting = try directiveCount(of: id)
    operation.progress.done = max(0, operation.progress.total - Int64(waiting))
    if waiting == 0 {
      for step in operation.kind.steps { try operation.finished(step: step.name, at: now) }
      try operation.succeeded(result: "{}", at: now)
    }
    try put(operation)
  }
}
