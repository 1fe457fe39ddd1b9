import Platform
import Storage
import Synchronization
import Trust
import Wire

/// Credentials that were refused, counted in memory and written to the audit log about once a
/// second: whoever tries many costs one entry each second and kind, not one each.
///
/// The audit log tells the reasons apart; the callers are answered alike.
final class CredentialRefusals: Sendable {
  struct Refusal: Hashable, Sendable {
    /// Such as `expired`, `revoked`, `foreign`, `address`.
    let reason: String
    /// The public id of what was presented; empty where there is none.
    let subject: String
    let address: String
  }

  /// Kinds kept between two writes; what comes beyond is counted together.
  static let capacity = 1_000
  static let perTenant = 50

  private let store: any TenantStore
  private let counts = Mutex<[TenantID: [Refusal: Int]]>([:])

  init(store: any TenantStore) { self.store = store }

  func note(_ tenant: TenantID, _ refusal: Refusal) {
    counts.withLock { counts in
      let isFull = counts[tenant]?.count ?? 0 >= Self.perTenant
      guard counts[tenant] != nil || counts.count < Self.capacity else { return }
      let key = isFull ? Refusal(reason: "more", subject: "", address: "") : refusal
      counts[tenant, default: [:]][key, default: 0] += 1
    }
  }

  /// Writes what was counted; `wrote` is told whose log has grown.
  func round(wrote: @Sendable (TenantID) -> Void = { _ in }) async {
    let counts = counts.withLock { counts in
      let result = counts
      counts = [:]
      return result
    }
    for (tenant, refusals) in counts {
      let events = refusals.sorted {
        ($0.key.reason, $0.key.subject, $0.key.address)
          < ($1.key.reason, $1.key.subject, $1.key.address)
      }.map { Self.event($0.key, $0.value) }
      // Losing a count is better than holding a tenant up.
      try? await store.write(tenant, CommandOrigin(requestID: "refusals", traceID: "")) { tx in
        let log = try AuditLog(tx)
        for event in events { try log.append(event, at: tx.now) }
      }
      wrote(tenant)
    }
  }

  private static func event(_ refusal: Refusal, _ count: Int) -> AuditEvent {
    let action =
      switch refusal.reason {
      case "address": "credential.address_refused"
      case "revoked": "credential.revoked_used"
      case "foreign": "credential.foreign"
      default: "credential.refused"
      }
    return AuditEvent(
      action: action, actor: .init(.anonymous, ""), subject: refusal.subject, outcome: .refused,
      detail: [.init("reason", refusal.reason), .init("count", "\(count)")],
      address: refusal.address)
  }
}
