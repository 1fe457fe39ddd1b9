import COpenSSL
import Platform

/// Secrets at rest: AES-256-GCM under the deployment's key, a fresh nonce per secret.
///
/// Sealed form: format byte 1, 12 bytes of nonce, ciphertext, 16 bytes of tag. The context (what
/// the secret is, of whom) is authenticated, so that a sealed secret cannot be put in another's
/// place.
struct Sealer: Sendable {
  enum SealingError: Error {
    /// The key is not 32 bytes long.
    case wrongKeyLength(Int)
    /// Not in a form that this version reads.
    case malformed
    /// Another key, another context, or changed bytes.
    case authenticationFailed
    case libraryFailed
  }

  private static let format: UInt8 = 1
  private static let nonceLength = 12
  private static let tagLength = 16
  private let key: [UInt8]

  init(key: [UInt8]) throws(SealingError) {
    guard key.count == 32 else { throw .wrongKeyLength(key.count) }
    self.key = key
  }

  func seal(_ secret: String, context: String, nonce: [UInt8]) throws(SealingError) -> [UInt8] {
    precondition(nonce.count == Self.nonceLength, "a nonce has 12 bytes")
    guard let cipher = EVP_CIPHER_CTX_new() else { throw .libraryFailed }
    defer { EVP_CIPHER_CTX_free(cipher) }
    let plain = Array(secret.utf8)
    let bound = Array(context.utf8)
    var output = [UInt8](repeating: 0, count: plain.count + Self.tagLength)
    var tag = [UInt8](repeating: 0, count: Self.tagLength)
    var length: Int32 = 0
    guard EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_EncryptUpdate(cipher, nil, &length, bound, Int32(bound.count)) == 1,
      EVP_EncryptUpdate(cipher, &output, &length, plain, Int32(plain.count)) == 1
    else { throw .libraryFailed }
    let written = Int(length)
    var rest = [UInt8](repeating: 0, count: Self.tagLength)
    guard EVP_EncryptFinal_ex(cipher, &rest, &length) == 1,
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), &tag) == 1
    else { throw .libraryFailed }
    return [Self.format] + nonce + output[..<written] + tag
  }

  func open(_ sealed: [UInt8], context: String) throws(SealingError) -> String {
    guard sealed.count >= 1 + Self.nonceLength + Self.tagLength, sealed[0] == Self.format else {
      throw .malformed
    }
    guard let cipher = EVP_CIPHER_CTX_new() else { throw .libraryFailed }
    defer { EVP_CIPHER_CTX_free(cipher) }
    let nonce = Array(sealed[1..<1 + Self.nonceLength])
    let body = Array(sealed[(1 + Self.nonceLength)..<(sealed.count - Self.tagLength)])
    var tag = Array(sealed[(sealed.count - Self.tagLength)...])
    let bound = Array(context.utf8)
    var output = [UInt8](repeating: 0, count: body.count + Self.tagLength)
    var length: Int32 = 0
    guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
      EVP_DecryptUpdate(cipher, nil, &length, bound, Int32(bound.count)) == 1,
      EVP_DecryptUpdate(cipher, &output, &length, body, Int32(body.count)) == 1,
      EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), &tag) == 1
    else { throw .libraryFailed }
    let written = Int(length)
    var rest = [UInt8](repeating: 0, count: Self.tagLength)
    guard EVP_DecryptFinal_ex(cipher, &rest, &length) == 1 else { throw .authenticationFailed }
    return String(decoding: output[..<written], as: UTF8.self)
  }
}
