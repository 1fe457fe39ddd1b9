import Cryptography

/// Secrets at rest: AES-256-GCM under the deployment's key, a fresh nonce per secret.
///
/// The context (what the secret is, of whom) is authenticated, so that a sealed secret cannot be
/// put in another's place. The form is ``SealedSecret``'s.
struct Sealer: Sendable {
  enum SealingError: Error {
    /// The key is not 32 bytes long.
    case wrongKeyLength(Int)
    /// Not in a form that this version reads.
    case malformed
    /// Another key, another context, or changed bytes.
    case authenticationFailed
  }

  private let key: [UInt8]

  init(key: [UInt8]) throws(SealingError) {
    guard key.count == AuthenticatedCipher.keyBytes else { throw .wrongKeyLength(key.count) }
    self.key = key
  }

  func seal(_ secret: String, context: String, nonce: [UInt8]) throws(SealingError) -> [UInt8] {
    SealedSecret.seal(Array(secret.utf8), key: key, owner: context, nonce: nonce)
  }

  func open(_ sealed: [UInt8], context: String) throws(SealingError) -> String {
    guard SealedSecret.isWellFormed(sealed) else { throw .malformed }
    guard let plain = SealedSecret.open(sealed, key: key, owner: context) else {
      throw .authenticationFailed
    }
    return String(decoding: plain, as: UTF8.self)
  }
}
