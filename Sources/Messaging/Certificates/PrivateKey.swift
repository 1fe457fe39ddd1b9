import COpenSSL

/// An elliptic-curve key on P-256, as the deployment's certificates use it.
public final class PrivateKey {
  let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { EVP_PKEY_free(pointer) }

  /// A new key from libcrypto's generator.
  public static func generate() throws(CertificateError) -> PrivateKey {
    let step = "make a key"
    guard let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil) else { throw .last(step) }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1,
      EVP_PKEY_CTX_set_group_name(context, "P-256") == 1,
      EVP_PKEY_generate(context, &key) == 1, let key
    else { throw .last(step) }
    return PrivateKey(key)
  }

  /// The key in PEM text, which may hold a certificate too.
  public convenience init(pem: String) throws(CertificateError) {
    self.init(
      try PEMText.read(pem, as: "private key") { PEM_read_bio_PrivateKey($0, nil, nil, nil) })
  }

  /// PKCS #8, not encrypted: the file's mode protects it.
  public func pem() throws(CertificateError) -> String {
    try PEMText.written("write the key") {
      PEM_write_bio_PKCS8PrivateKey($0, pointer, nil, nil, 0, nil, nil)
    }
  }
}
