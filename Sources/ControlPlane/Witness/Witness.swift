import Cryptography
import Logging
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
  /// does not go on from the last one: somebody has rewritten the log, or cut it.
  func sign(_ payload: [UInt8], trace: String) async throws(Failure) -> [UInt8] {
    guard let statement = WitnessStatement(payload) else {
      throw Failure(.invalidRequest, "not a statement of a log")
    }
    let key = key
    let outcome = try await store.write(trace: trace) { transaction, rows in
      let known = try rows.witnessedLog(statement.tenant)
      guard
        statement.checkpoint.isSigned(statement.checkpoint.origin, by: statement.key),
        known == nil || known?.key == statement.key.bytes
      else { return Result<Checkpoint, Failure>.failure(Failure(.forbidden, "wrong key")) }
      guard statement.goesOn(from: known?.checkpoint) else {
        try rows.append(
          AuditEntry(
            operatorID: "witness", action: "audit.verification_failed",
            subject: statement.tenant.rawValue,
            detail: "size \(statement.checkpoint.size) after \(known?.checkpoint.size ?? 0)",
            traceID: trace), id: transaction.freshID(), at: transaction.now)
        return .failure(Failure(.conflict, "not the log that was signed before"))
      }
      let signed = statement.checkpoint.signed(Checkpoint.witnessName, by: key)
      try rows.put(
        WitnessedLog(tenant: statement.tenant, key: statement.key.bytes, checkpoint: signed),
        at: transaction.now)
      return .success(signed)
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
}
