import Storage
import Wire

/// Where a tenant's alerts go besides the list that the API answers.
struct AlertChannel: Hashable, Sendable {
  enum Kind: String, Hashable, Sendable, CaseIterable { case webhook, email }

  /// What is sealed at rest.
  struct Target: Hashable, Sendable, Codable {
    /// Of a webhook.
    var url: String?
    /// What a webhook's deliveries are signed with; never shown.
    var secret: String?
    /// Of e-mail.
    var addresses: [String]?
  }

  let kind: Kind
  var sealedTarget: [UInt8]
  /// Alerts up to this position of the audit log were delivered, or are older than the channel.
  var delivered: Int64
  /// Attempts since the last success.
  var failures: Int
  var failingSince: Timestamp?
  var retryAt: Timestamp?
  /// In words; empty while all is well.
  var lastError: String

  static let maximumAddresses = 20
  static let maximumURLBytes = 2_000
  static let secretBytes = 16...200

  static func owner(_ tenant: TenantID, _ kind: Kind) -> String {
    "\(tenant)/alert-channel/\(kind.rawValue)"
  }
}

/// When a delivery that failed is tried again, and when it is given up.
enum AlertRetry {
  static let firstSeconds: Int64 = 5
  static let longestSeconds: Int64 = 3_600
  /// After so long without success the oldest alert is let go, so that the others have a chance.
  static let giveUpSeconds: Int64 = 86_400

  /// Seconds after the n-th failure, from 1: doubled each time.
  static func pause(afterFailures failures: Int) -> Int64 {
    min(longestSeconds, firstSeconds << Int64(min(max(failures, 1), 12) - 1))
  }

  static func isGivenUp(failingSince: Timestamp?, now: Timestamp) -> Bool {
    failingSince.map { now >= $0.adding(seconds: giveUpSeconds) } ?? false
  }
}
