import Cryptography
import Wire

/// What is derived from the deployment's key: one key per purpose, so that none proves another.
struct DeploymentSecrets: Sendable {
  let deploymentKey: [UInt8]

  var sealingKey: [UInt8] { Digests.hmac(key: deploymentKey, "aimstors-sealing/1") }

  /// Signs impersonation grants.
  var grantKey: SigningKey {
    SigningKey(seed: Digests.hmac(key: deploymentKey, "aimstors-impersonation-grants/1"))
  }

  /// Signs what tenants' audit logs say of themselves, and the platform's own.
  var witnessKey: SigningKey {
    SigningKey(seed: Digests.hmac(key: deploymentKey, "aimstors-audit-witness/1"))
  }

  /// What a cell shows to join again.
  ///
  /// Derived, not stored: a control plane whose memory is older than the join still knows it, and a
  /// lost answer is answered the same again.
  func credential(of cell: CellID) -> String {
    "acc_" + Digests.hmac(key: deploymentKey, "aimstors-cell-credential/1\n\(cell)").hex
  }

  func isCredential(_ text: String, of cell: CellID) -> Bool {
    Digests.constantTimeEqual(Array(text.utf8), Array(credential(of: cell).utf8))
  }

  /// The join token with this id: derived, so that a repeated request is answered the same although
  /// only the token's SHA-256 is stored.
  func joinToken(id: String) -> String {
    let secret = Digests.hmac(key: deploymentKey, "aimstors-join-token/1\n\(id)")
    return "ajt_" + secret.base32(characters: 52)
  }
}
