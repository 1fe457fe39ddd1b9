import Storage
import Wire

/// The rules of making and revoking keys, inside a transaction.
enum APIKeyCommands {
  static func create(
    _ input: APIKeyInput, by principal: Principal, _ tx: Transaction
  ) throws -> (APIKey, APIKeyText) {
    guard (1...APIKey.maximumNameBytes).contains(input.name.utf8.count) else {
      throw Failure(.invalidField, "name must be 1 to \(APIKey.maximumNameBytes) bytes")
    }
    let store = try APIKeysStore(tx)
    guard try store.count() < APIKey.maximumPerTenant else {
      throw Failure(.conflict, "a tenant has at most \(APIKey.maximumPerTenant) API keys")
    }
    if principal.mode == .test, input.mode == .live {
      throw Failure(.forbidden, "mode: a test key does not make live keys")
    }
    if let expiresAt = input.expiresAt, expiresAt <= tx.now {
      throw Failure(.invalidField, "expires_at must be in the future")
    }
    let text = APIKeyText(mode: input.mode, tenant: tx.tenant) { tx.randomBytes($0) }
    let key = APIKey(
      id: tx.freshID(), publicID: text.publicID, name: input.name, mode: input.mode,
      secretHash: Digest.sha256(text.secret.utf8),
      scopes: try Scopes(names: input.scopes, grantedBy: principal.scopes),
      allowed: try ranges(input.allowCIDRs), rate: try input.rate?.checked() ?? .standard,
      createdAt: tx.now, createdBy: principal.name, expiresAt: input.expiresAt)
    try store.insert(key)
    return (key, text)
  }

  /// Revokes; a key that is revoked already stays so.
  ///
  /// Throws `not_found`.
  static func revoke(_ id: RowID, keys: APIKeys, _ tx: Transaction) throws {
    let store = try APIKeysStore(tx)
    guard let key = try store.find(id) else {
      throw Failure(.notFound, "there is no such API key")
    }
    try store.revoke(id, at: tx.now)
    let tenant = tx.tenant
    tx.afterCommit { keys.forget(tenant, publicID: key.publicID) }
  }

  private static func ranges(_ texts: [String]) throws(Failure) -> [AddressRange] {
    guard texts.count <= APIKey.maximumRanges else {
      throw Failure(.invalidField, "allow_cidrs: at most \(APIKey.maximumRanges)")
    }
    var ranges: [AddressRange] = []
    for (index, text) in texts.enumerated() {
      guard let range = AddressRange(text) else {
        throw Failure(
          .invalidField, "allow_cidrs[\(index)] must be an address range, e.g. 192.0.2.0/24")
      }
      ranges.append(range)
    }
    return ranges
  }
}
