import Edge
import Wire

/// A cell's claim that contradicts what the control plane knows.
struct OwnerConflict: Hashable, Sendable {
  /// What is claimed.
  enum Subject: Hashable, Sendable {
    /// The tenant: the cell serves it, and it is placed elsewhere.
    case tenant
    /// A key of the tenant that another tenant holds too.
    case key(ClaimKind, String)
  }

  /// One claim, however often it is made.
  struct Claim: Hashable, Sendable {
    let cell: CellID
    let tenant: TenantID
    let subject: Subject
  }

  let claim: Claim
  let detail: String
  /// When it was heard first.
  let since: Timestamp

  /// A cell serves a tenant that is placed elsewhere.
  init(
    _ tenant: TenantID, epoch: UInt64, by cell: CellID, placed: Placement, at now: Timestamp
  ) {
    claim = Claim(cell: cell, tenant: tenant, subject: .tenant)
    detail =
      "\(cell) serves \(tenant) under epoch \(epoch), placed on \(placed.cell) under epoch "
      + "\(placed.epoch.rawValue)"
    since = now
  }

  /// A tenant holds a key that another one holds too.
  init(
    _ tenant: TenantID, holds kind: ClaimKind, _ key: String, on cell: CellID, at now: Timestamp
  ) {
    claim = Claim(cell: cell, tenant: tenant, subject: .key(kind, key))
    detail = "\(tenant) holds \(kind.rawValue) \(key), which another tenant holds too"
    since = now
  }

  var problem: ReportedProblem {
    ReportedProblem(
      code: "tenant_owner_conflict", detail: detail, since: since,
      runbook: Runbook.page("tenant_owner_conflict"), cell: claim.cell.rawValue,
      tenant: claim.tenant.rawValue)
  }
}

/// The claims that contradict, until each is over.
///
/// Decides only; holds no lock, does no I/O.
struct OwnerConflicts: Hashable, Sendable {
  private var standing: [OwnerConflict.Claim: OwnerConflict] = [:]

  var all: [OwnerConflict] {
    standing.values.sorted {
      ($0.claim.tenant, $0.claim.cell, $0.detail) < ($1.claim.tenant, $1.claim.cell, $1.detail)
    }
  }

  /// One more; one that is known stands since it was heard first.
  mutating func heard(_ conflict: OwnerConflict) {
    if standing[conflict.claim] == nil { standing[conflict.claim] = conflict }
  }

  /// A cell has named all that it serves, of which these contradict: the others of its claims are
  /// over.
  mutating func claimed(by cell: CellID, _ conflicts: [OwnerConflict]) {
    let claims = Set(conflicts.map(\.claim))
    standing = standing.filter { claim, _ in
      claim.cell != cell || claim.subject != .tenant || claims.contains(claim)
    }
    for conflict in conflicts { heard(conflict) }
  }

  /// Nobody serves anything under this name any more; what its tenants hold, they hold elsewhere.
  mutating func gone(_ cell: CellID) {
    standing = standing.filter { claim, _ in claim.cell != cell || claim.subject != .tenant }
  }

  /// A tenant has given a key up.
  mutating func released(_ kind: ClaimKind, _ key: String, by tenant: TenantID) {
    standing = standing.filter { claim, _ in
      claim.tenant != tenant || claim.subject != .key(kind, key)
    }
  }

  /// A cell has named all keys of a tenant: the others it claims for it no more.
  mutating func told(_ cell: CellID, _ tenant: TenantID, holds keys: Set<OwnerConflict.Subject>) {
    standing = standing.filter { claim, _ in
      claim.cell != cell || claim.tenant != tenant || claim.subject == .tenant
        || keys.contains(claim.subject)
    }
  }

  mutating func end(_ claims: [OwnerConflict.Claim]) {
    for claim in claims { standing[claim] = nil }
  }
}

extension OwnerConflict.Claim {
  /// Whether what is stored contradicts it no more: the tenant's placement, or who holds the key.
  ///
  /// A key that its holder gave up is nobody's, and none of its messages come to who says that it
  /// has it: that one has to get it, or to give it up as well.
  func isOver(placement: Placement?, holder: KeyClaim?) -> Bool {
    switch subject {
    case .tenant: placement.map { $0.cell == cell } ?? true
    case .key: holder?.tenant == tenant
    }
  }
}
