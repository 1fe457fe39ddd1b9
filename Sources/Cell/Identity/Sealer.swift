import COpenSSL
import Wire

/// Seals secrets at rest with AES-256-GCM under the deployment's key.
///
/// A sealed value is: version 1 · 12 bytes of nonce · ciphertext · 16 bytes of tag. What it belongs
/// to is authenticated with it, so that it cannot be moved to another row.
struct Sealer: Sendable {
  private static let version: UInt8 = 1
  static let nonceBytes = 12
  private static let tagBytes = 16

  private let key: [UInt8]

  /// - Parameter key: 32 bytes.
  init(key: [UInt8]) {
    precondition(key.count == 32, "AES-256 has a key of 32 bytes")
    self.key = key
  }

  /// - Parameters:
  ///   - nonce: 12 random bytes, never used twice with this key.
  ///   - owner: What the value belongs to, e.g. `t1/num_…`.
  func seal(_ plain: [UInt8], owner: String, nonce: [UInt8]) -> [UInt8] {
    precondition(nonce.count == Self.nonceBytes, "GCM takes a nonce of 12 bytes")
    let output = run(plain, owner: owner, nonce: nonce, tag: nil)
    guard let output else { preconditionFailure("AES-256-GCM is part of every libcrypto") }
    return [Self.version] + nonce + output
  }

  /// Throws `internal_error` where the value was not sealed with this key for this owner.
  func open(_ sealed: [UInt8], owner: String) throws(Failure) -> [UInt8] {
    let head = 1 + Self.nonceBytes
    guard sealed.count >= head + Self.tagBytes, sealed[0] == Self.version,
      let plain = run(
        Array(sealed[head..<sealed.count - Self.tagBytes]), owner: owner,
        nonce: Array(sealed[1..<head]), tag: Array(sealed.suffix(Self.tagBytes)))
    else { throw Failure(.internalError, "a stored secret cannot be opened with this key file") }
    return plain
  }

  /// Encrypts and appends the tag where `tag` is nil; else decrypts and checks it.
  private func run(_ input: [UInt8], owner: String, nonce: [UInt8], tag: [UInt8]?) -> [UInt8]? {
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    let encrypting: Int32 = tag == nil ? 1 : 0
    let owner = Array(owner.utf8)
    var output = [UInt8](repeating: 0, count: input.count)
    var count: Int32 = 0
    guard EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, encrypting) == 1,
      EVP_CipherUpdate(context, nil, &count, owner, Int32(owner.count)) == 1,
      EVP_CipherUpdate(context, &output, &count, input, Int32(input.count)) == 1
    else { return nil }
    var rest: [UInt8] = [UInt8](repeating: 0, count: 16)
    if var expected = tag {
      guard
        EVP_CIPHER_CTX_ctrl(
          context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &expected) == 1,
        EVP_CipherFinal_ex(context, &rest, &count) == 1
      else { return nil }
      return output
    }
    guard EVP_CipherFinal_ex(context, &rest, &count) == 1 else { return nil }
    var made = [UInt8](repeating: 0, count: Self.tagBytes)
    guard
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), &made) == 1
    else { return nil }
    return output + made
  }
}
