import COpenSSL

/// Why a certificate cannot be made, read or written.
public enum CertificateError: Error, Sendable, CustomStringConvertible {
  /// libcrypto failed at a step; its own words where it has any.
  case library(step: String, reason: String)
  /// The text is not what was expected there.
  case unreadable(String)
  /// A name that cannot stand in a certificate.
  case invalidName(String)
  case file(path: String, reason: String)

  public var description: String {
    switch self {
    case .library(let step, let reason): "\(step): \(reason)"
    case .unreadable(let what): "unreadable: \(what)"
    case .invalidName(let name):
      "\"\(name)\" cannot be a name in a certificate: letters, digits, '.', '-', '_' and ':' only"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }

  /// The oldest error that libcrypto has noted for this thread, at `step`.
  static func last(_ step: String) -> CertificateError {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else {
      return .library(step: step, reason: "failed")
    }
    return .library(step: step, reason: String(cString: text))
  }
}
