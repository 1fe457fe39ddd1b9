import Edge
import Trust
import Wire

/// A key as it is stored: everything but its secret, of which only the hash is kept.
struct APIKey: Hashable, Sendable {
  let id: RowID
  let publicID: String
  let name: String
  let mode: APIKeyText.Mode
  var secretHash: [UInt8]
  /// The secret before the last rotation, while both work.
  var previous: (hash: [UInt8], until: Timestamp)? {
    get { previousHash.flatMap { hash in previousUntil.map { (hash, $0) } } }
    set { (previousHash, previousUntil) = (newValue?.hash, newValue?.until) }
  }
  private(set) var previousHash: [UInt8]?
  private(set) var previousUntil: Timestamp?
  let scopes: Scopes
  /// Empty: from anywhere.
  var allowed: [NetworkRange]
  /// Whether a range of its list could not be read: then it is admitted from nowhere.
  var hasUnreadableRange = false
  let rate: RateLimit
  let createdAt: Timestamp
  /// The principal that made it.
  let createdBy: String
  let expiresAt: Timestamp?
  var revokedAt: Timestamp?
  var lastUsedAt: Timestamp?

  /// How long both secrets may work.
  static let rotationSeconds = Int64(0)...7 * 86_400
  static let maximumRanges = 100
  static let maximumNameBytes = 128
  /// Keys of one tenant that are not revoked.
  static let maximumPerTenant = 1_000

  /// Whether this is the hash of its secret, or of the one before while a rotation lasts.
  ///
  /// Takes the same time wherever they differ.
  func isSecret(_ hash: [UInt8], at now: Timestamp) -> Bool {
    let isNewest = Digest.equal(hash, secretHash)
    let isPrevious = previous.map { Digest.equal(hash, $0.hash) && now < $0.until } ?? false
    return isNewest || isPrevious
  }

  /// Whether a client at this address may use it.
  func admits(address: String) -> Bool {
    guard !hasUnreadableRange else { return false }
    guard !allowed.isEmpty else { return true }
    guard let address = NetworkAddress(address) else { return false }
    return allowed.contains { $0.contains(address) }
  }
}
