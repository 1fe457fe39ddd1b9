import Wire

/// A key as it is stored: everything but its secret, of which only the hash is kept.
struct APIKey: Hashable, Sendable {
  let id: RowID
  let publicID: String
  let name: String
  let mode: APIKeyText.Mode
  let secretHash: [UInt8]
  let scopes: Scopes
  /// Empty: from anywhere.
  let allowed: [AddressRange]
  let rate: RateLimit
  let createdAt: Timestamp
  /// The principal that made it.
  let createdBy: String
  let expiresAt: Timestamp?
  var revokedAt: Timestamp?
  var lastUsedAt: Timestamp?

  static let maximumRanges = 100
  static let maximumNameBytes = 128
  /// Keys of one tenant that are not revoked.
  static let maximumPerTenant = 1_000

  /// Whether a secret with this hash opens it at `now`.
  ///
  /// Takes the same time wherever they differ.
  func admits(secretHash: [UInt8], at now: Timestamp) -> Bool {
    Digest.equal(secretHash, self.secretHash) && revokedAt == nil
      && (expiresAt.map { now < $0 } ?? true)
  }

  /// Whether a client at this address may use it.
  func admits(address: String) -> Bool {
    guard !allowed.isEmpty else { return true }
    guard let address = NetworkAddress(address) else { return false }
    return allowed.contains { $0.contains(address) }
  }
}
