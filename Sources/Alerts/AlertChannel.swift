import Edge
import Trust
import Wire

/// Where alerts go besides the list that the API answers.
public struct AlertChannel: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable { case webhook, email }

  /// What is sealed at rest.
  public struct Target: Hashable, Sendable, Codable {
    /// Of a webhook.
    public var url: String?
    /// What a webhook's deliveries are signed with; never shown.
    public var secret: String?
    /// Of e-mail.
    public var addresses: [String]?

    public init(url: String? = nil, secret: String? = nil, addresses: [String]? = nil) {
      self.url = url
      self.secret = secret
      self.addresses = addresses
    }
  }

  public let kind: Kind
  public var sealedTarget: [UInt8]
  /// Alerts up to this position of the audit log were delivered, or are older than the channel.
  public var delivered: Int64
  /// Attempts since the last success.
  public var failures: Int
  public var failingSince: Timestamp?
  public var retryAt: Timestamp?
  /// In words; empty while all is well.
  public var lastError: String

  public static let maximumAddresses = 20
  public static let maximumURLBytes = 2_000
  public static let secretBytes = 16...200

  public init(
    kind: Kind, sealedTarget: [UInt8], delivered: Int64, failures: Int = 0,
    failingSince: Timestamp? = nil, retryAt: Timestamp? = nil, lastError: String = ""
  ) {
    self.kind = kind
    self.sealedTarget = sealedTarget
    self.delivered = delivered
    self.failures = failures
    self.failingSince = failingSince
    self.retryAt = retryAt
    self.lastError = lastError
  }

  /// How a delivery went: what is stored of it.
  mutating func note(_ failure: AlertFailure?, of alert: AuditEvent, at now: Timestamp) {
    if let failure {
      failures += 1
      lastError = failure.reason
      failingSince = failingSince ?? now
      retryAt = now.adding(seconds: AlertRetry.pause(afterFailures: failures))
      guard AlertRetry.isGivenUp(failingSince: failingSince, now: now) else { return }
    } else {
      lastError = ""
    }
    delivered = max(delivered, alert.sequence)
    failures = 0
    failingSince = nil
    retryAt = nil
  }
}

/// A channel as people see it; its secret is never shown again.
public struct AlertChannelView: Encodable, Sendable {
  private let channel: AlertChannel
  private let target: AlertChannel.Target

  /// - Parameter target: Nil where it cannot be opened: it shows as none, and must be set again.
  public init(_ channel: AlertChannel, _ target: AlertChannel.Target?) {
    self.channel = channel
    self.target = target ?? .init()
  }

  private enum CodingKeys: String, CodingKey {
    case kind, url, addresses, failures
    case secretSet = "secret_set"
    case failingSince = "failing_since"
    case lastError = "last_error"
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(channel.kind.rawValue, forKey: .kind)
    try container.encode(target.url, forKey: .url)
    try container.encode(target.secret != nil, forKey: .secretSet)
    try container.encode(target.addresses ?? [], forKey: .addresses)
    try container.encode(channel.failures, forKey: .failures)
    try container.encode(channel.failingSince, forKey: .failingSince)
    try container.encode(channel.lastError, forKey: .lastError)
  }
}

/// What people send to set a channel.
public enum AlertChannelInput {
  private struct Webhook: Decodable {
    let url: String
    let secret: String
  }
  private struct Email: Decodable { let addresses: [String] }

  /// Throws `invalid_field`, `invalid_json`.
  ///
  /// - Parameter email: Checks an address, and gives it its one form.
  public static func read(
    _ body: [UInt8], for kind: AlertChannel.Kind, mayStayInside: Bool,
    email: (String) throws(Failure) -> String
  ) throws -> AlertChannel.Target {
    switch kind {
    case .webhook:
      let input = try EdgeJSON.decode(Webhook.self, from: body)
      _ = try AlertWebhook.host(of: input.url, mayStayInside: mayStayInside)
      guard AlertChannel.secretBytes.contains(input.secret.utf8.count) else {
        throw Failure(.invalidField, "secret must be 16 to 200 bytes")
      }
      return .init(url: input.url, secret: input.secret)
    case .email:
      let input = try EdgeJSON.decode(Email.self, from: body)
      guard (1...AlertChannel.maximumAddresses).contains(input.addresses.count) else {
        throw Failure(.invalidField, "addresses: 1 to \(AlertChannel.maximumAddresses)")
      }
      return .init(addresses: try input.addresses.map { try email($0) })
    }
  }
}
