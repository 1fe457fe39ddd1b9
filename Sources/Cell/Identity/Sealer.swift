import Cryptography
import Wire

/// Seals secrets at rest: envelope encryption, each tenant's secrets under a key of their own.
///
/// The cell's key file holds the newest key and, during a rotation, older ones. A value sealed for
/// `t1/…` is sealed under a key derived from it for `t1`, so that one tenant's key opens nothing of
/// another's; the owner's whole name is authenticated with it.
struct Sealer: Sendable {
  static let nonceBytes = AuthenticatedCipher.nonceBytes
  /// Values sealed before there were keys per tenant begin with 1, as ``SealedSecret`` does.
  private static let perTenant: UInt8 = 2
  private static let identifierBytes = 4

  let ring: KeyRing
  /// The newest first.
  private var keys: [[UInt8]] { ring.keys.sealing }

  init(_ ring: KeyRing) { self.ring = ring }

  /// - Parameter key: 32 bytes.
  /// - Parameter older: Keys that still open what was sealed with them.
  init(key: [UInt8], older: [[UInt8]] = []) {
    self.init(KeyRing(.init(sealing: [key] + older)))
  }

  /// - Parameters:
  ///   - nonce: 12 random bytes, never used twice with this key.
  ///   - owner: What the value belongs to, e.g. `t1/num_…`; up to the first `/` it is the tenant.
  func seal(_ plain: [UInt8], owner: String, nonce: [UInt8]) -> [UInt8] {
    let key = keys[0]
    return [Self.perTenant] + Self.identifier(key)
      + SealedSecret.seal(plain, key: Self.tenantKey(key, owner), owner: owner, nonce: nonce)
  }

  /// Throws `internal_error` where the value was not sealed with one of these keys for this owner.
  func open(_ sealed: [UInt8], owner: String) throws(Failure) -> [UInt8] {
    guard let plain = opened(sealed, owner: owner) else {
      throw Failure(.internalError, "a stored secret cannot be opened with this key file")
    }
    return plain
  }

  /// Opens a value of `owner`, or one that was sealed for it under an earlier name.
  func open(_ sealed: [UInt8], owner: String, or earlier: String) throws(Failure) -> [UInt8] {
    if let plain = opened(sealed, owner: owner) { return plain }
    return try open(sealed, owner: earlier)
  }

  /// Whether the value is sealed as a new one would be: else it waits to be sealed anew.
  func isCurrent(_ sealed: [UInt8]) -> Bool {
    sealed.first == Self.perTenant
      && sealed.dropFirst().prefix(Self.identifierBytes).elementsEqual(Self.identifier(keys[0]))
  }

  /// The key that signs the checkpoints of a tenant's audit log: a rotation leaves it as it is.
  func auditKey(of tenant: TenantID) -> SigningKey {
    let keys = ring.keys
    let root = keys.auditRoot ?? keys.sealing[keys.sealing.count - 1]
    return SigningKey(
      seed: KeyedHash.derive(from: root, info: "aimstors-audit-checkpoint/1\n\(tenant)"))
  }

  /// Which key seals now, without telling anything about it.
  var currentIdentifier: [UInt8] { Self.identifier(keys[0]) }

  private func opened(_ sealed: [UInt8], owner: String) -> [UInt8]? {
    guard sealed.first == Self.perTenant else {
      for key in keys {
        if let plain = SealedSecret.open(sealed, key: key, owner: owner) { return plain }
      }
      return nil
    }
    let name = Array(sealed.dropFirst().prefix(Self.identifierBytes))
    let value = Array(sealed.dropFirst(1 + Self.identifierBytes))
    for key in keys where Self.identifier(key) == name {
      let tenantKey = Self.tenantKey(key, owner)
      if let plain = SealedSecret.open(value, key: tenantKey, owner: owner) { return plain }
    }
    return nil
  }

  /// Which key it is, without telling anything about it.
  private static func identifier(_ key: [UInt8]) -> [UInt8] {
    Array(
      KeyedHash.sha256(key: key, Array("aimstors-key-identifier/1".utf8)).prefix(identifierBytes))
  }

  private static func tenantKey(_ key: [UInt8], _ owner: String) -> [UInt8] {
    KeyedHash.derive(from: key, info: "aimstors-tenant-key/1\n\(owner.prefix { $0 != "/" })")
  }
}
