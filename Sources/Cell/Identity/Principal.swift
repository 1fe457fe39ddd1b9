import Wire

/// Who a request acts as, once authenticated.
struct Principal: Hashable, Sendable {
  enum Kind: String, Sendable { case apiKey, `operator` }

  let kind: Kind
  /// The key's public id, or the operator's name.
  ///
  /// Never a secret.
  let id: String
  let scopes: Scopes
  let mode: APIKeyText.Mode

  /// The scope of idempotency keys, and what logs show.
  var name: String { kind == .apiKey ? "key:\(id)" : "operator:\(id)" }
}
