import Trust
import Wire

/// Who a request acts as, once authenticated.
struct Principal: Hashable, Sendable {
  enum Kind: String, Sendable { case apiKey, user, `operator` }

  let kind: Kind
  /// The key's public id, the person's `usr_…`, or the operator's name.
  ///
  /// Never a secret.
  let id: String
  let scopes: Scopes
  let mode: APIKeyText.Mode
  /// What it may decide over others.
  let power: Power
  /// The session of a signed-in person.
  let session: RowID?
  /// The operator who acts in the tenant's name.
  let impersonatedBy: String?

  init(
    kind: Kind, id: String, scopes: Scopes, mode: APIKeyText.Mode, power: Power = .none,
    session: RowID? = nil, impersonatedBy: String? = nil
  ) {
    self.kind = kind
    self.id = id
    self.scopes = scopes
    self.mode = mode
    self.power = power
    self.session = session
    self.impersonatedBy = impersonatedBy
  }

  var isImpersonation: Bool { impersonatedBy != nil }

  /// The scope of idempotency keys, and what logs show.
  var name: String {
    switch kind {
    case .apiKey: "key:\(id)"
    case .operator: "operator:\(id)"
    case .user: impersonatedBy.map { "operator:\($0)" } ?? "user:\(id)"
    }
  }
}
