/// Where a process's certificate is: PEM files, read again when they change.
public struct TLSFiles: Hashable, Sendable {
  /// The deployment's certificate authority; peers must hold a certificate that it issued.
  public let authority: String
  /// This process's certificate followed by its private key, in one file.
  public let certificateAndKey: String

  public init(authority: String, certificateAndKey: String) {
    self.authority = authority
    self.certificateAndKey = certificateAndKey
  }
}
