import Wire

extension StorageEngine {
  /// What became of a record that was appended by itself.
  enum Appended: Sendable {
    case durable(TenantHead)
    /// Durable here, and not in time at the followers.
    case late(TenantHead)
    /// Certainly not durable.
    case failed(AppendOutcome)
  }

  /// Appends one record that is no batch of commands; answers once it is durable in its mode.
  ///
  /// `isPatient` waits for the followers as long as they take, and never answers `late`. The tenant
  /// must be at rest, or not served here.
  func append(
    _ identity: RecordIdentity, detail: [UInt8], counterpart: CellID? = nil,
    isPatient: Bool = false, _ context: EngineContext
  ) async throws(Failure) -> Appended {
    let record: SealedRecord
    do throws(JournalError) {
      var encoder = RecordEncoder(capacity: 256)
      encoder.begin()
      record = try encoder.seal(identity, files: [], detail: detail)
    } catch {
      throw Failure(.internalError, "\(error)")
    }
    let tenant = identity.tenant
    return await withUnsafeContinuation { (caller: UnsafeContinuation<Appended, Never>) in
      context.journal.append(record) { outcome in
        guard case .durable(let position) = outcome else {
          caller.resume(returning: .failed(outcome))
          return
        }
        let head = TenantHead(
          after: context.heads[tenant], identity, hash: record.hash, at: position,
          counterpart: counterpart)
        context.heads.durable(tenant, head)
        let isHeld = context.journal.gate.hold(tenant, at: position) { verdict in
          switch verdict {
          case .acknowledged: caller.resume(returning: .durable(head))
          case .late: if !isPatient { caller.resume(returning: .late(head)) }
          case .acknowledgedLate: if isPatient { caller.resume(returning: .durable(head)) }
          }
        }
        if !isHeld { caller.resume(returning: .durable(head)) }
      }
    }
  }
}
