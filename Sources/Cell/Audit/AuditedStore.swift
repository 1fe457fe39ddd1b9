import Storage
import Trust
import Wire

/// The tenants' store as routes see it: what a command does is written to the audit log in the
/// command's own transaction, by the rule of its route.
///
/// Under impersonation every command is written, and every message and ledger transfer that it made
/// is marked with both identities.
struct AuditedStore: TenantStore {
  let base: any TenantStore

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    let body = Self.observed(body)
    guard let request = Self.recorded else { return try await base.write(tenant, origin, body) }
    return try await base.write(tenant, origin) { tx in try Self.run(request, tx, body) }
  }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    let body = Self.observed(body)
    guard let request = Self.recorded else {
      return try await base.perform(tenant, origin, claim, body)
    }
    return try await base.perform(tenant, origin, claim) { tx in try Self.run(request, tx, body) }
  }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    try await base.read(tenant, files, body)
  }

  /// The command with its request's observation, which runs on the tenant's writer.
  private static func observed<T>(
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) -> @Sendable (Transaction) throws -> T {
    guard let observation = RequestObservation.current else { return body }
    return { tx in
      observation.beginCommand()
      return try RequestObservation.$current.withValue(observation) { try body(tx) }
    }
  }

  /// The request that runs, where something of it is kept.
  private static var recorded: RequestActor? {
    guard let request = RequestActor.current else { return nil }
    if request.actor.impersonatedBy != nil { return request }
    if case .action = request.rule.record { return request }
    return nil
  }

  private static func run<T>(
    _ request: RequestActor, _ tx: Transaction, _ body: (Transaction) throws -> T
  ) throws -> T {
    // Keys of rows rise: what the command makes lies above this one.
    let floor = request.actor.impersonatedBy == nil ? nil : tx.freshID()
    let result = try body(tx)
    if let floor, let by = request.actor.impersonatedBy {
      try ImpersonatedRowsStore(tx).mark(
        above: floor, session: request.actor.session ?? "", by: by)
    }
    let action: String
    switch request.rule.record {
    case .action(let name): action = name
    case .own: return result
    case .none: action = "\(request.rule.method) \(request.rule.path)"
    }
    try AuditLog(tx).append(request.event(action, subject: request.target), at: tx.now)
    return result
  }
}
