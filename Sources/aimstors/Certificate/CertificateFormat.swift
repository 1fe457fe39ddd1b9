import ArgumentParser
import Messaging
import Wire

/// How the certificate verbs print: lines for people, or one JSON object.
struct CertificateFormat: ParsableArguments {
  @Flag(help: "Print one JSON object.") var json = false

  func show(_ certificate: Certificate, file: String) {
    print(json ? object(certificate, file) : lines(certificate, file))
  }

  private func lines(_ certificate: Certificate, _ file: String) -> String {
    """
    file         \(file)
    name         \(certificate.name)
    issuer       \(certificate.issuer)
    hosts        \(certificate.hosts.joined(separator: ", "))
    valid from   \(date(certificate.validFrom))
    valid until  \(date(certificate.validUntil))
    SHA-256      \(certificate.fingerprint)
    """
  }

  private func object(_ certificate: Certificate, _ file: String) -> String {
    let hosts = certificate.hosts.map(quoted).joined(separator: ",")
    return """
      {"file":\(quoted(file)),"name":\(quoted(certificate.name)),\
      "issuer":\(quoted(certificate.issuer)),"authority":\(certificate.isAuthority),\
      "hosts":[\(hosts)],"valid_from":"\(date(certificate.validFrom))",\
      "valid_until":"\(date(certificate.validUntil))","sha256":"\(certificate.fingerprint)"}
      """
  }

  private func date(_ seconds: Int64) -> String {
    Timestamp(seconds: seconds).rfc3339
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\u{0}"..."\u{1F}":
        let code = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - code.count) + code
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
