import Cryptography

/// Secrets at rest: AES-256-GCM under the newest key of the key file, a fresh nonce per secret.
///
/// The context (what the secret is, of whom) is authenticated, so that a sealed secret cannot be
/// put in another's place. The form is ``SealedSecret``'s. Without a key file the deployment's key
/// seals; with one it still opens what it sealed before.
struct Sealer: Sendable {
  enum SealingError: Error {
    /// The key is not 32 bytes long.
    case wrongKeyLength(Int)
    /// Not in a form that this version reads.
    case malformed
    /// Another key, another context, or changed bytes.
    case authenticationFailed
  }

  /// A key made of the deployment's.
  private let deployment: [UInt8]
  private let ring: KeyRing?

  init(key: [UInt8], ring: KeyRing? = nil) throws(SealingError) {
    guard key.count == AuthenticatedCipher.keyBytes else { throw .wrongKeyLength(key.count) }
    deployment = key
    self.ring = ring
  }

  /// What seals first, what opens behind it.
  private var keys: [[UInt8]] {
    let files = ring?.keys.sealing ?? []
    // Not the key itself: cells seal with that one.
    return files.map { KeyedHash.derive(from: $0, info: "aimstors-platform-sealing/1") }
      + [deployment]
  }

  func seal(_ secret: String, context: String, nonce: [UInt8]) throws(SealingError) -> [UInt8] {
    SealedSecret.seal(Array(secret.utf8), key: keys[0], owner: context, nonce: nonce)
  }

  func open(_ sealed: [UInt8], context: String) throws(SealingError) -> String {
    guard SealedSecret.isWellFormed(sealed) else { throw .malformed }
    for key in keys {
      if let plain = SealedSecret.open(sealed, key: key, owner: context) {
        return String(decoding: plain, as: UTF8.self)
      }
    }
    throw .authenticationFailed
  }

  /// Whether it is sealed as a new secret would be: else it waits to be sealed anew.
  func isCurrent(_ sealed: [UInt8], context: String) -> Bool {
    SealedSecret.open(sealed, key: keys[0], owner: context) != nil
  }

  /// Which key seals now, without telling anything about it.
  var currentIdentifier: [UInt8] {
    KeyedHash.sha256(key: keys[0], Array("aimstors-key-identifier/1".utf8))
  }
}
