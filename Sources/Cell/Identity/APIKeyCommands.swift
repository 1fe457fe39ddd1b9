import Edge
import Storage
import Trust
import Wire

/// The rules of making and revoking keys, inside a transaction.
enum APIKeyCommands {
  static func create(
    _ input: APIKeyInput, by principal: Principal, _ request: RequestActor, _ tx: Transaction
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
    try audit(
      "api_key.create", key, request, tx,
      ["name": key.name, "scopes": key.scopes.names.joined(separator: " ")])
    return (key, text)
  }

  /// Gives a key another secret; the one before works for `overlap` seconds more.
  ///
  /// Throws `not_found`, `forbidden` for a key that may do more than who asks.
  static func rotate(
    _ id: RowID, overlap: Int64, by principal: Principal, keys: APIKeys,
    _ request: RequestActor, _ tx: Transaction
  ) throws -> (APIKey, APIKeyText) {
    guard APIKey.rotationSeconds.contains(overlap) else {
      throw Failure(
        .invalidField, "overlap_seconds must be 0 to \(APIKey.rotationSeconds.upperBound)")
    }
    let store = try APIKeysStore(tx)
    guard var key = try store.find(id), key.revokedAt == nil else {
      throw Failure(.notFound, "there is no such API key")
    }
    guard principal.scopes.isSuperset(of: key.scopes) else {
      throw Failure(.forbidden, "this API key may do what you may not")
    }
    let text = APIKeyText(
      mode: key.mode, tenant: tx.tenant, publicID: key.publicID,
      secret: Base62.draw(APIKeyText.secretLength) { tx.randomBytes($0) })
    key.previous = overlap > 0 ? (key.secretHash, tx.now.adding(seconds: overlap)) : nil
    key.secretHash = Digest.sha256(text.secret.utf8)
    try store.update(key)
    try audit("api_key.rotate", key, request, tx, ["overlap_seconds": "\(overlap)"])
    let (tenant, publicID) = (tx.tenant, key.publicID)
    tx.afterCommit { keys.refresh(tenant, publicID: publicID) }
    return (key, text)
  }

  /// Gives a key another address list.
  static func change(
    _ id: RowID, allowCIDRs: [String], by principal: Principal, keys: APIKeys,
    _ request: RequestActor, _ tx: Transaction
  ) throws -> APIKey {
    let store = try APIKeysStore(tx)
    guard var key = try store.find(id), key.revokedAt == nil else {
      throw Failure(.notFound, "there is no such API key")
    }
    guard principal.scopes.isSuperset(of: key.scopes) else {
      throw Failure(.forbidden, "this API key may do what you may not")
    }
    let before = key.allowed.map(\.text).joined(separator: " ")
    key.allowed = try ranges(allowCIDRs)
    try store.update(key)
    try audit(
      "api_key.allow_list_change", key, request, tx,
      ["from": before, "to": key.allowed.map(\.text).joined(separator: " ")])
    let (tenant, publicID) = (tx.tenant, key.publicID)
    tx.afterCommit { keys.refresh(tenant, publicID: publicID) }
    return key
  }

  private static func audit(
    _ action: String, _ key: APIKey, _ request: RequestActor, _ tx: Transaction,
    _ detail: KeyValuePairs<String, String>
  ) throws {
    try AuditLog(tx).append(
      request.event(action, subject: key.id.text(.apiKey), detail), at: tx.now)
  }

  /// Revokes; a key that is revoked already stays so.
  ///
  /// Throws `not_found`.
  static func revoke(
    _ id: RowID, keys: APIKeys, _ request: RequestActor, _ tx: Transaction
  ) throws {
    let store = try APIKeysStore(tx)
    guard let key = try store.find(id) else {
      throw Failure(.notFound, "there is no such API key")
    }
    try store.revoke(id, at: tx.now)
    if key.revokedAt == nil {
      try audit("api_key.revoke", key, request, tx, ["name": key.name])
    }
    let tenant = tx.tenant
    tx.afterCommit { keys.forget(tenant, publicID: key.publicID) }
  }

  private static func ranges(_ texts: [String]) throws(Failure) -> [NetworkRange] {
    guard texts.count <= APIKey.maximumRanges else {
      throw Failure(.invalidField, "allow_cidrs: at most \(APIKey.maximumRanges)")
    }
    var ranges: [NetworkRange] = []
    for (index, text) in texts.enumerated() {
      guard let range = NetworkRange(text) else {
        throw Failure(
          .invalidField, "allow_cidrs[\(index)] must be an address range, e.g. 192.0.2.0/24")
      }
      ranges.append(range)
    }
    return ranges
  }
}
