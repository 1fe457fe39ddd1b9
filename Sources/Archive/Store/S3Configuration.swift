/// Where and how a bucket is reached.
public struct S3Configuration: Hashable, Sendable {
  public enum Style: String, Hashable, Sendable {
    /// `https://host/bucket/name`.
    case path
    /// `https://bucket.host/name`.
    case virtualHost = "virtual_host"
  }

  /// `http` or `https`.
  public var scheme: String
  /// Host and, where it is not the scheme's own, port.
  public var host: String
  public var bucket: String
  public var region: String
  public var style: Style
  /// Before every name; empty or ending in `/`.
  public var prefix: String
  public var accessKey: String
  public var secretKey: String
  public var sessionToken: String?

  /// Attempts of one call, the first included.
  public var attempts = 5
  public var firstRetryMilliseconds: Int64 = 100
  public var longestRetryMilliseconds: Int64 = 5_000
  public var timeoutSeconds: Int64 = 30
  /// Objects in one page of a listing.
  public var pageSize = 1_000

  public init(
    scheme: String, host: String, bucket: String, region: String, style: Style, prefix: String,
    accessKey: String, secretKey: String, sessionToken: String? = nil
  ) {
    self.scheme = scheme
    self.host = host
    self.bucket = bucket
    self.region = region
    self.style = style
    self.prefix = prefix
    self.accessKey = accessKey
    self.secretKey = secretKey
    self.sessionToken = sessionToken
  }

  /// Splits `http://host:port`; nil where it is not of that form.
  public static func endpoint(_ text: String) -> (scheme: String, host: String)? {
    for scheme in ["https", "http"] where text.hasPrefix("\(scheme)://") {
      let host = text.dropFirst(scheme.count + 3)
      guard !host.isEmpty, !host.contains("/"), !host.contains("?") else { return nil }
      return (scheme, String(host))
    }
    return nil
  }

  /// Host header and path of an object; the bucket's own with an empty name.
  func address(_ name: String) -> (host: String, path: String) {
    let encoded = SigV4.encode(name.isEmpty ? "" : prefix + name, isPath: true)
    switch style {
    case .path: return (host, "/\(SigV4.encode(bucket))/\(encoded)")
    case .virtualHost: return ("\(bucket).\(host)", "/\(encoded)")
    }
  }
}
