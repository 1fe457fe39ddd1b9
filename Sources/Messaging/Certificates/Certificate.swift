import COpenSSL

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One X.509 certificate.
public final class Certificate {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  deinit { X509_free(pointer) }

  /// The first certificate in PEM text.
  public convenience init(pem: String) throws(CertificateError) {
    self.init(try PEMText.read(pem, as: "certificate") { PEM_read_bio_X509($0, nil, nil, nil) })
  }

  public func pem() throws(CertificateError) -> String {
    try PEMText.written("write the certificate") { PEM_write_bio_X509($0, pointer) }
  }

  public var name: String { Self.commonName(X509_get_subject_name(pointer)) }
  public var issuer: String { Self.commonName(X509_get_issuer_name(pointer)) }

  /// Seconds since 1970 before and after which it does not hold.
  public var validFrom: Int64 { Self.seconds(X509_get0_notBefore(pointer)) }
  public var validUntil: Int64 { Self.seconds(X509_get0_notAfter(pointer)) }

  public var isAuthority: Bool { X509_check_ca(pointer) == 1 }

  /// SHA-256 of the whole, in hexadecimal.
  public var fingerprint: String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard X509_digest(pointer, EVP_sha256(), &digest, &count) == 1 else { return "" }
    return digest[..<Int(count)].map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }

  /// The names of hosts, in the certificate's order; addresses stand here as text too.
  public var hosts: [String] {
    guard let raw = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
    let names = OpaquePointer(raw)
    defer { GENERAL_NAMES_free(names) }
    return (0..<OPENSSL_sk_num(names)).compactMap { index in
      guard let entry = OPENSSL_sk_value(names, index) else { return nil }
      let name = entry.assumingMemoryBound(to: GENERAL_NAME.self).pointee
      guard name.type == GEN_DNS, let text = name.d.dNSName,
        let bytes = ASN1_STRING_get0_data(text)
      else { return nil }
      return String(
        decoding: UnsafeBufferPointer(start: bytes, count: Int(ASN1_STRING_length(text))),
        as: UTF8.self)
    }
  }

  /// Whether `authority` signed it.
  public func isIssued(by authority: Certificate) -> Bool {
    guard X509_check_issued(authority.pointer, pointer) == 0,
      let key = X509_get0_pubkey(authority.pointer)
    else { return false }
    defer { ERR_clear_error() }
    return X509_verify(pointer, key) == 1
  }

  private static func commonName(_ name: OpaquePointer?) -> String {
    var text = [CChar](repeating: 0, count: 256)
    let count = X509_NAME_get_text_by_NID(name, NID_commonName, &text, Int32(text.count))
    guard count > 0 else { return "" }
    return String(
      decoding: text[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
    var parts = tm()
    guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
    return Int64(timegm(&parts))
  }
}
