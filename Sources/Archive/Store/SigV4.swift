import Cryptography
import Storage
import Wire

/// Signs requests to S3-compatible storage: AWS Signature Version 4, in the `Authorization` header.
///
/// Pure: the same request at the same time has the same signature.
struct SigV4: Sendable {
  struct Credentials: Hashable, Sendable {
    var accessKey: String
    var secretKey: String
    /// Of temporary credentials.
    var sessionToken: String?
  }

  struct Request: Sendable {
    var method: String
    var host: String
    /// The path as it stands in the request line, percent-encoded.
    var path: String
    /// Names and values, not encoded.
    var query: [(name: String, value: String)] = []
    /// Signed besides host, date and content hash; names in lower case.
    var headers: [(name: String, value: String)] = []
    var payloadHash: String
  }

  var credentials: Credentials
  var region: String
  var service = "s3"

  /// The headers that make `request` a signed one.
  func headers(_ request: Request, at time: Timestamp) -> [(name: String, value: String)] {
    let stamp = Self.stamp(time)
    var signed = request.headers + [("host", request.host), ("x-amz-date", stamp)]
    if service == "s3" { signed.append(("x-amz-content-sha256", request.payloadHash)) }
    if let token = credentials.sessionToken { signed.append(("x-amz-security-token", token)) }
    signed.sort { $0.name < $1.name }
    let names = signed.map(\.name).joined(separator: ";")
    let canonical = Self.canonical(request, signed, names)
    let scope = "\(stamp.prefix(8))/\(region)/\(service)/aws4_request"
    let toSign =
      "AWS4-HMAC-SHA256\n\(stamp)\n\(scope)\n\(SHA256Hash.of(Array(canonical.utf8)))"
    let signature = ArchiveHex.encode(
      KeyedHash.sha256(key: signingKey(String(stamp.prefix(8))), Array(toSign.utf8)))
    let authorization =
      "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
      + "Signature=\(signature)"
    return signed.filter { $0.name != "host" } + [("authorization", authorization)]
  }

  static func canonical(
    _ request: Request, _ signed: [(name: String, value: String)], _ names: String
  ) -> String {
    let query = request.query.map { (encode($0.name), encode($0.value)) }.sorted { $0 < $1 }
      .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    let headers = signed.map { "\($0.name):\(collapse($0.value))\n" }.joined()
    return [request.method, request.path, query, headers, names, request.payloadHash]
      .joined(separator: "\n")
  }

  private func signingKey(_ day: String) -> [UInt8] {
    var key = Array("AWS4\(credentials.secretKey)".utf8)
    for part in [day, region, service, "aws4_request"] {
      key = KeyedHash.sha256(key: key, Array(part.utf8))
    }
    return key
  }

  /// `20130524T000000Z`.
  static func stamp(_ time: Timestamp) -> String {
    String(time.rfc3339.prefix(19)).replacing("-", with: "").replacing(":", with: "") + "Z"
  }

  /// Percent-encodes all but the unreserved characters; `/` stays in paths.
  static func encode(_ text: String, isPath: Bool = false) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: "/") where isPath: encoded += "/"
      default:
        let digits = Array("0123456789ABCDEF")
        encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return encoded
  }

  /// Blanks at the ends go, those between become one.
  private static func collapse(_ value: String) -> String {
    value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
  }
}
