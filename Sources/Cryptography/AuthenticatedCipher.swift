import COpenSSL

/// AES-256-GCM: encrypts, and authenticates what is encrypted together with what it is bound to.
///
/// A nonce must never be used twice with one key.
public struct AuthenticatedCipher: Sendable {
  public static let keyBytes = 32
  public static let nonceBytes = 12
  public static let tagBytes = 16

  private let key: [UInt8]

  public init(key: [UInt8]) {
    precondition(key.count == Self.keyBytes, "AES-256 has a key of 32 bytes")
    self.key = key
  }

  /// Ciphertext and tag.
  public func seal(_ plain: [UInt8], bound: [UInt8], nonce: [UInt8]) -> [UInt8] {
    precondition(nonce.count == Self.nonceBytes, "GCM takes a nonce of 12 bytes")
    guard let sealed = encrypt(plain, bound, nonce) else {
      preconditionFailure("AES-256-GCM is part of every libcrypto")
    }
    return sealed
  }

  /// What was sealed; nil for another key, nonce or binding, and for changed bytes.
  public func open(_ sealed: [UInt8], bound: [UInt8], nonce: [UInt8]) -> [UInt8]? {
    guard sealed.count >= Self.tagBytes, nonce.count == Self.nonceBytes,
      let context = EVP_CIPHER_CTX_new()
    else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    let body = Array(sealed.dropLast(Self.tagBytes))
    var tag = Array(sealed.suffix(Self.tagBytes))
    var plain = [UInt8](repeating: 0, count: body.count)
    var rest = [UInt8](repeating: 0, count: 16)
    var count: Int32 = 0
    guard EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_DecryptUpdate(context, nil, &count, bound, Int32(bound.count)) == 1,
      EVP_DecryptUpdate(context, &plain, &count, body, Int32(body.count)) == 1,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &tag) == 1,
      EVP_DecryptFinal_ex(context, &rest, &count) == 1
    else { return nil }
    return plain
  }

  private func encrypt(_ plain: [UInt8], _ bound: [UInt8], _ nonce: [UInt8]) -> [UInt8]? {
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    var sealed = [UInt8](repeating: 0, count: plain.count)
    var tag = [UInt8](repeating: 0, count: Self.tagBytes)
    var rest = [UInt8](repeating: 0, count: 16)
    var count: Int32 = 0
    guard EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_EncryptUpdate(context, nil, &count, bound, Int32(bound.count)) == 1,
      EVP_EncryptUpdate(context, &sealed, &count, plain, Int32(plain.count)) == 1,
      EVP_EncryptFinal_ex(context, &rest, &count) == 1,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), &tag) == 1
    else { return nil }
    return sealed + tag
  }
}

/// A secret at rest: version 1 · 12 bytes of nonce · ciphertext · 16 bytes of tag.
///
/// What it belongs to is authenticated with it, so that it cannot be moved to another's place.
public struct SealedSecret: Sendable {
  private static let version: UInt8 = 1
  private static let head = 1 + AuthenticatedCipher.nonceBytes

  public static func seal(
    _ plain: [UInt8], key: [UInt8], owner: String, nonce: [UInt8]
  ) -> [UInt8] {
    let cipher = AuthenticatedCipher(key: key)
    return [version] + nonce + cipher.seal(plain, bound: Array(owner.utf8), nonce: nonce)
  }

  /// Whether these bytes can be a sealed secret at all.
  public static func isWellFormed(_ sealed: [UInt8]) -> Bool {
    sealed.count >= head + AuthenticatedCipher.tagBytes && sealed[0] == version
  }

  /// Nil where it was not sealed with this key for this owner.
  public static func open(_ sealed: [UInt8], key: [UInt8], owner: String) -> [UInt8]? {
    guard isWellFormed(sealed) else { return nil }
    return AuthenticatedCipher(key: key).open(
      Array(sealed[head...]), bound: Array(owner.utf8), nonce: Array(sealed[1..<head]))
  }
}
