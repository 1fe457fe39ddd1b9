import COpenSSL
import Platform

/// A deployment's own certificate authority: what it issued is trusted by every process of the
/// deployment, and nothing else is.
public struct CertificateAuthority {
  public let certificate: Certificate
  private let key: PrivateKey

  /// Certificates hold from a little before they were made: clocks differ.
  private static let clockSkewSeconds: Int64 = 300
  private static let daySeconds: Int64 = 86_400

  /// From the PEM texts of its certificate and its key.
  public init(certificate: String, key: String) throws(CertificateError) {
    self.certificate = try Certificate(pem: certificate)
    self.key = try PrivateKey(pem: key)
    guard X509_check_private_key(self.certificate.pointer, self.key.pointer) == 1 else {
      ERR_clear_error()
      throw .unreadable("the key does not belong to the authority's certificate")
    }
    guard self.certificate.isAuthority else {
      throw .unreadable("the certificate is not an authority's")
    }
  }

  private init(_ certificate: Certificate, _ key: PrivateKey) {
    self.certificate = certificate
    self.key = key
  }

  /// A new authority with a new key.
  public static func make(
    name: String, days: Int, clock: any WallClock
  ) throws(CertificateError) -> CertificateAuthority {
    guard CertificateRequest.isName(name) else { throw .invalidName(name) }
    guard (1...36_500).contains(days) else { throw .unreadable("\(days) days: 1 to 36500") }
    let key = try PrivateKey.generate()
    let certificate = try draft(name: name, days: days, key: key, clock: clock)
    try entitle(certificate, issuer: name)
    try extend(
      certificate, issuer: certificate,
      [
        (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
        (NID_key_usage, "critical,keyCertSign,cRLSign"),
        (NID_subject_key_identifier, "hash"),
      ])
    try sign(certificate, with: key)
    return CertificateAuthority(certificate, key)
  }

  public func keyPEM() throws(CertificateError) -> String { try key.pem() }

  /// A certificate with a new key for one process, for both ends of a connection.
  public func issue(
    _ request: CertificateRequest, clock: any WallClock
  ) throws(CertificateError) -> (certificate: Certificate, key: PrivateKey) {
    let own = try PrivateKey.generate()
    let issued = try Self.draft(name: request.name, days: request.days, key: own, clock: clock)
    guard X509_set_issuer_name(issued.pointer, X509_get_subject_name(certificate.pointer)) == 1
    else { throw .last("name the issuer") }
    try Self.extend(
      issued, issuer: certificate,
      [
        (NID_basic_constraints, "critical,CA:FALSE"),
        (NID_key_usage, "critical,digitalSignature"),
        (NID_ext_key_usage, "serverAuth,clientAuth"),
        (NID_subject_alt_name, request.alternativeNames),
        (NID_subject_key_identifier, "hash"),
        (NID_authority_key_identifier, "keyid"),
      ])
    try Self.sign(issued, with: key)
    return (issued, own)
  }

  private static func draft(
    name: String, days: Int, key: PrivateKey, clock: any WallClock
  ) throws(CertificateError) -> Certificate {
    let step = "fill in the certificate"
    guard let pointer = X509_new() else { throw .last(step) }
    let certificate = Certificate(pointer)
    let now = clock.milliseconds() / 1_000
    guard X509_set_version(pointer, 2) == 1,
      ASN1_TIME_set(X509_getm_notBefore(pointer), Int(now - clockSkewSeconds)) != nil,
      ASN1_TIME_set(X509_getm_notAfter(pointer), Int(now + Int64(days) * daySeconds)) != nil,
      X509_set_pubkey(pointer, key.pointer) == 1,
      X509_NAME_add_entry_by_NID(
        X509_get_subject_name(pointer), NID_commonName, mbstringUTF8, Array(name.utf8),
        Int32(name.utf8.count), -1, 0) == 1,
      setSerial(of: pointer)
    else { throw .last(step) }
    return certificate
  }

  /// `MBSTRING_UTF8` of asn1.h, a macro that does not reach Swift everywhere.
  private static let mbstringUTF8: Int32 = 0x1000

  /// 127 random bits: an authority never gives a serial number twice.
  private static func setSerial(of certificate: OpaquePointer) -> Bool {
    guard let number = BN_new() else { return false }
    defer { BN_free(number) }
    guard BN_rand(number, 127, 0, 0) == 1 else { return false }
    return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
  }

  private static func entitle(
    _ certificate: Certificate, issuer: String
  ) throws(CertificateError) {
    let subject = X509_get_subject_name(certificate.pointer)
    guard X509_set_issuer_name(certificate.pointer, subject) == 1 else {
      throw .last("name the issuer")
    }
  }

  private static func extend(
    _ certificate: Certificate, issuer: Certificate, _ extensions: [(Int32, String)]
  ) throws(CertificateError) {
    for (kind, value) in extensions {
      var context = X509V3_CTX()
      X509V3_set_ctx(&context, issuer.pointer, certificate.pointer, nil, nil, 0)
      guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else {
        throw .last("extension \(value)")
      }
      defer { X509_EXTENSION_free(made) }
      guard X509_add_ext(certificate.pointer, made, -1) == 1 else {
        throw .last("extension \(value)")
      }
    }
  }

  private static func sign(
    _ certificate: Certificate, with key: PrivateKey
  ) throws(CertificateError) {
    guard X509_sign(certificate.pointer, key.pointer, EVP_sha256()) > 0 else {
      throw .last("sign the certificate")
    }
  }
}
