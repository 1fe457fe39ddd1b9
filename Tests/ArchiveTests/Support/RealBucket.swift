import Foundation
import Platform
import Wire

@testable import Archive

/// The bucket of a real S3 server, as `tools/s3-server` names it; nil where none is named.
struct RealBucket {
  static let named = RealBucket(ProcessInfo.processInfo.environment)

  private let endpoint: String
  private let hostEndpoint: String
  private let bucket: String
  private let accessKey: String
  private let secretKey: String

  private init?(_ environment: [String: String]) {
    guard let endpoint = environment["AIMSTORS_S3_ENDPOINT"],
      let hostEndpoint = environment["AIMSTORS_S3_HOST_ENDPOINT"],
      let bucket = environment["AIMSTORS_S3_BUCKET"],
      let accessKey = environment["AIMSTORS_S3_ACCESS_KEY"],
      let secretKey = environment["AIMSTORS_S3_SECRET_KEY"]
    else { return nil }
    self.endpoint = endpoint
    self.hostEndpoint = hostEndpoint
    self.bucket = bucket
    self.accessKey = accessKey
    self.secretKey = secretKey
  }

  /// Where the bucket's own host would be found by a resolver.
  var host: String { "\(bucket).localhost" }

  /// The bucket under a prefix that nobody has used before.
  func configuration(_ style: S3Configuration.Style = .path) -> S3Configuration {
    let (scheme, host) =
      S3Configuration.endpoint(style == .path ? endpoint : hostEndpoint) ?? ("http", "")
    return S3Configuration(
      scheme: scheme, host: host, bucket: bucket, region: "us-east-1", style: style,
      prefix: "\(ArchiveHex.encode(LiveRandomSource().uint64()))/", accessKey: accessKey,
      secretKey: secretKey)
  }
}
