import Foundation
import Platform

/// Where a run keeps its archive: beside its data, or in the bucket of a real S3 server where
/// `tools/s3-server` names one.
enum ArchivePlace {
  /// The topology's line, under a prefix of the bucket that is this run's own.
  static func topology() -> String {
    let environment = ProcessInfo.processInfo.environment
    guard let endpoint = environment["AIMSTORS_S3_ENDPOINT"],
      let bucket = environment["AIMSTORS_S3_BUCKET"],
      let credentials = environment["AIMSTORS_S3_CREDENTIALS"]
    else { return "archive: {directory: archive}\n" }
    let prefix = "chaos-\(LiveRandomSource().uint64())/"
    return """
      archive:
        s3:
          endpoint: \(endpoint)
          bucket: \(bucket)
          prefix: \(prefix)
          credentials_file: \(credentials)

      """
  }
}
