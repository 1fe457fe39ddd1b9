import Storage
import Trust
import Wire

/// What a fork must not inherit: whoever held a credential of the tenant that it was made of holds
/// none of the fork.
///
/// People keep their names, roles and passwords; secrets are sealed for their new owner.
struct ForkedAccess {
  let tx: Transaction

  init(_ tx: Transaction) { self.tx = tx }

  /// Runs once: the mark is an entry of the fork's audit log.
  func close(of source: TenantID, by operation: String, _ sealer: Sealer) throws {
    let log = try AuditLog(tx)
    let marks = try AuditStore(tx).newest(before: .max, action: "tenant.forked_from", limit: 1)
    guard marks.first?.subject != operation else { return }
    try ForkedAccessStore(tx).close(at: tx.now)
    try Resealing.reseal(tx, sealer, from: source)
    try log.append(
      AuditEvent(
        action: "tenant.forked_from", actor: .system, subject: operation,
        detail: [.init("source", source.rawValue)]), at: tx.now)
  }
}
