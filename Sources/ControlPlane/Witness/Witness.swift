import Cryptography
import Logging
import Storage
import Trust
import Wire

/// Signs what tenants' audit logs say of themselves, in another trust domain than theirs: never two
/// histories of one log.
struct Witness: Sendable {
  let store: PlatformStore
  let key: SigningKey
  let logger: Logger

  /// Answers the checkpoint with the witness's signature.
  ///
  /// Throws `forbidden` for a log that is not signed with its key, `conflict` where the checkpoint
  /// does not go on from the last one: somebody has rewritten the log, or cut it. A tenant that was
  /// restored, or whose loss an operator has accepted, may go on from an earlier point once; what
  /// it left is kept, and the platform's log says so.
  /// Throws `epoch_stale`, to be asked again, where the tenant is placed elsewhere.
  ///
  /// - Parameter cell: Who asks; nil in tests of the rule.
  func sign(
    _ payload: [UInt8], from cell: CellID?, trace: String
  ) async throws(Failure) -> [UInt8] {
    guard let statement = WitnessStatement(payload) else {
      throw Failure(.invalidRequest, "not a statement of a log")
    }
    let key = key
    let outcome = try await store.write(trace: trace) { transaction, rows in
      let known = try rows.witnessedLog(statement.tenant)
      // Another cell's word would fix the key of a log that it does not keep.
      if let cell, try rows.tenant(statement.tenant)?.placement.cell != cell {
        return Result<Checkpoint, Failure>.failure(
          Failure(.epochStale, "the tenant is placed elsewhere"))
      }
      guard
        statement.checkpoint.isSigned(statement.checkpoint.origin, by: statement.key),
        known == nil || known?.key == statement.key.bytes
      else {
        try Self.tell(statement, "not the log's key", rows, transaction, trace)
        return .failure(Failure(.forbidden, "wrong key"))
      }
      if let known, !statement.goesOn(from: known.checkpoint) {
        if let branch = try rows.useBranch(
          of: statement.tenant, leaving: known.checkpoint, at: transaction.now)
        {
          try rows.append(
            AuditEntry(
              operatorID: "witness", action: "audit.branch", subject: statement.tenant.rawValue,
              detail: "size \(statement.checkpoint.size) after \(known.checkpoint.size), "
                + "\(branch.id): \(branch.reason)", traceID: trace),
            id: transaction.freshID(), at: transaction.now)
          return .success(try Self.sign(statement, key, rows, at: transaction.now))
        }
        try Self.tell(
          statement, "size \(statement.checkpoint.size) after \(known.checkpoint.size)", rows,
          transaction, trace)
        return .failure(Failure(.conflict, "not the log that was signed before"))
      }
      return .success(try Self.sign(statement, key, rows, at: transaction.now))
    }
    switch outcome {
    case .success(let checkpoint): return Array(checkpoint.text.utf8)
    case .failure(let failure):
      logger.error(
        "an audit log is not what it was",
        metadata: [
          "tenant": .string(statement.tenant.rawValue),
          "size": .stringConvertible(statement.checkpoint.size),
          "code": .string(failure.code.rawValue), "trace_id": .string(trace),
        ])
      throw failure
    }
  }

  /// Tells of a refusal, once: the cell asks again every few minutes.
  private static func tell(
    _ statement: WitnessStatement, _ detail: String, _ rows: PlatformRows,
    _ transaction: Transaction, _ trace: String
  ) throws {
    let subject = statement.tenant.rawValue
    let last = try rows.lastAudit(of: "audit.verification_failed", subject: subject)
    guard last?.detail != detail else { return }
    try rows.append(
      AuditEntry(
        operatorID: "witness", action: "audit.verification_failed", subject: subject,
        detail: detail, traceID: trace), id: transaction.freshID(), at: transaction.now)
  }

  private static func sign(
    _ statement: WitnessStatement, _ key: SigningKey, _ rows: PlatformRows, at now: Timestamp
  ) throws -> Checkpoint {
    let signed = statement.checkpoint.signed(Checkpoint.witnessName, by: key)
    try rows.put(
      WitnessedLog(tenant: statement.tenant, key: statement.key.bytes, checkpoint: signed),
      at: now)
    return signed
  }
}
