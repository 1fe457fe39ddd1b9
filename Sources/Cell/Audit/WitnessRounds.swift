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
  private let told: @Sendable (TenantID) -> Void
  /// Refused ones are asked again, since an operator may accept what was lost.
  static let refusedSeconds: Int64 = 300
  /// Between two checkpoints of one tenant that are kept.
  static let keepSeconds: Int64 = 60
  /// Tenants whose last kept checkpoint is remembered.
  static let remembered = 100_000

  /// Keeps what the witness has signed in a third place.
  typealias Keep = @Sendable (TenantID, Checkpoint) async -> Void

  private struct State {
    var waiting: Set<TenantID> = []
    /// When each was refused last.
    var refused: [TenantID: Timestamp] = [:]
    var kept: [TenantID: Timestamp] = [:]
    var keep: Keep?
  }
  private let state = Mutex(State())

  /// - Parameter told: Hears of a tenant whose log has an alert by this.
  init(
    store: any TenantStore, sealer: Sealer, told: @escaping @Sendable (TenantID) -> Void
  ) {
    self.store = store
    self.sealer = sealer
    self.told = told
  }

  func keep(through keep: @escaping Keep) { state.withLock { $0.keep = keep } }

  /// Says that a tenant's log may have grown.
  func note(_ tenant: TenantID) { state.withLock { _ = $0.waiting.insert(tenant) } }

  /// One round; `ask` is the way to the witness.
  func run(
    logger: Logger, now: Timestamp, ask: ([UInt8]) async throws(Failure) -> [UInt8]
  ) async {
    let tenants = state.withLock { state in
      let resting = state.refused.filter {
        now < $0.value.adding(seconds: Self.refusedSeconds)
      }
      state.waiting.formUnion(state.refused.keys)
      let tenants = Array(state.waiting.filter { resting[$0] == nil }.prefix(Self.batch))
      state.waiting.subtract(tenants)
      return tenants
    }
    for tenant in tenants {
      do throws(Failure) {
        if let signed = try await sign(tenant, ask) { await keep(signed, of: tenant, at: now) }
        state.withLock { _ = $0.refused.removeValue(forKey: tenant) }
      } catch {
        // Another history is refused for good, and a log with a hole has none; all else is tried
        // again.
        if [.conflict, .forbidden, .verificationFailed].contains(error.code) {
          logger.error(
            "a tenant's audit log is not what the witness signed",
            metadata: ["tenant": "\(tenant)", "code": "\(error.code.rawValue)"])
          let isNew = state.withLock { $0.refused.updateValue(now, forKey: tenant) == nil }
          if isNew { await alert(tenant, error) }
        } else if error.code != .moved, error.code != .notFound {
          // Who is not here any more is noted where it is.
          note(tenant)
        }
      }
    }
  }

  /// The tenant's people hear of it too; the tenant goes on.
  private func alert(_ tenant: TenantID, _ failure: Failure) async {
    try? await store.write(tenant, CommandOrigin(requestID: "witness", traceID: "")) { tx in
      _ = try AuditLog(tx).append(
        AuditEvent(
          action: "audit.verification_failed", actor: .system, subject: "audit",
          outcome: .refused, detail: [.init("code", failure.code.rawValue)]), at: tx.now)
    }
    told(tenant)
  }

  private func keep(_ checkpoint: Checkpoint, of tenant: TenantID, at now: Timestamp) async {
    let keep = state.withLock { state -> Keep? in
      if let last = state.kept[tenant], now < last.adding(seconds: Self.keepSeconds) {
        return nil
      }
      if state.kept.count >= Self.remembered { state.kept = [:] }
      state.kept[tenant] = now
      return state.keep
    }
    await keep?(tenant, checkpoint)
  }

  /// Nil where there is nothing new.
  private func sign(
    _ tenant: TenantID, _ ask: ([UInt8]) async throws(Failure) -> [UInt8]
  ) async throws(Failure) -> Checkpoint? {
    let key = sealer.auditKey(of: tenant)
    let statement = try await store.read(tenant, [.sessions]) { snapshot -> WitnessStatement? in
      let checkpoint = try AuditCheckpoints.current(snapshot, key: key)
      let witnessed = try AuditStore(snapshot).witnessed()
      let previous = witnessed?.size ?? 0
      // What was signed is not there any more: its end was cut, or grew again as another.
      guard checkpoint.size >= previous,
        checkpoint.size > previous || checkpoint.root == witnessed?.root ?? checkpoint.root
      else { throw Failure(.verificationFailed, "\(previous) entries were signed") }
      guard checkpoint.size > previous else { return nil }
      return WitnessStatement(
        tenant: tenant, key: key.verifying, checkpoint: checkpoint, previousSize: previous,
        proof: previous == 0
          ? [] : try AuditLog(snapshot).consistency(from: previous, size: checkpoint.size))
    }
    guard let statement else { return nil }
    let answer = try await ask(statement.bytes)
    guard let signed = Checkpoint(String(decoding: answer, as: UTF8.self)),
      signed.body == statement.checkpoint.body
    else { throw Failure(.controlPlaneUnavailable, "the witness answered something else") }
    try await store.write(tenant, CommandOrigin(requestID: "witness", traceID: "")) { tx in
      try AuditStore(tx).insert(signed, at: tx.now)
    }
    return signed
  }
}
