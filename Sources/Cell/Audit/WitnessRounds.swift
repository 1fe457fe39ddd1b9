import Cryptography
import Logging
import Storage
import Synchronization
import Trust
import Wire

/// Has the control plane sign what tenants' audit logs say of themselves, soon after they grew.
///
/// While the control plane is away nothing waits for it: a later round carries all that came since.
final class WitnessRounds: Sendable {
  /// Tenants in one round; the others wait for the next.
  static let batch = 100

  private let store: any TenantStore
  private let sealer: Sealer
  private let waiting = Mutex<Set<TenantID>>([])

  init(store: any TenantStore, sealer: Sealer) {
    self.store = store
    self.sealer = sealer
  }

  /// Says that a tenant's log may have grown.
  func note(_ tenant: TenantID) { waiting.withLock { _ = $0.insert(tenant) } }

  /// One round; `ask` is the way to the witness.
  func run(
    logger: Logger, ask: ([UInt8]) async throws(Failure) -> [UInt8]
  ) async {
    let tenants = waiting.withLock { waiting in
      let tenants = Array(waiting.prefix(Self.batch))
      waiting.subtract(tenants)
      return tenants
    }
    for tenant in tenants {
      do throws(Failure) {
        try await sign(tenant, ask)
      } catch {
        // The witness refuses for good what is another history; all else is tried again.
        if error.code == .conflict || error.code == .forbidden {
          logger.error(
            "the witness refuses a tenant's audit log",
            metadata: ["tenant": "\(tenant)", "code": "\(error.code.rawValue)"])
        } else {
          note(tenant)
        }
      }
    }
  }

  private func sign(
    _ tenant: TenantID, _ ask: ([UInt8]) async throws(Failure) -> [UInt8]
  ) async throws(Failure) {
    let key = sealer.auditKey(of: tenant)
    let statement = try await store.read(tenant, [.sessions]) { snapshot -> WitnessStatement? in
      let checkpoint = try AuditCheckpoints.current(snapshot, key: key)
      let previous = try AuditStore(snapshot).witnessed()?.size ?? 0
      guard checkpoint.size > previous else { return nil }
      return WitnessStatement(
        tenant: tenant, key: key.verifying, checkpoint: checkpoint, previousSize: previous,
        proof: previous == 0
          ? [] : try AuditLog(snapshot).consistency(from: previous, size: checkpoint.size))
    }
    guard let statement else { return }
    let answer = try await ask(statement.bytes)
    guard let signed = Checkpoint(String(decoding: answer, as: UTF8.self)),
      signed.body == statement.checkpoint.body
    else { throw Failure(.controlPlaneUnavailable, "the witness answered something else") }
    try await store.write(tenant, CommandOrigin(requestID: "witness", traceID: "")) { tx in
      try AuditStore(tx).insert(signed, at: tx.now)
    }
  }
}
