/// Where webhooks go, and how they are signed.
public struct WebhookTarget: Hashable, Sendable {
  /// The address, such as `http://127.0.0.1:8080/webhooks/whatsapp/default`.
  public var url: String
  /// The `Host` header, where it is not the address's own.
  public var host: String?
  public var appSecret: String
  public var verifyToken: String

  public init(url: String, host: String?, appSecret: String, verifyToken: String) {
    self.url = url
    self.host = host
    self.appSecret = appSecret
    self.verifyToken = verifyToken
  }
}

/// One webhook on its way.
struct Webhook: Sendable {
  let id: Int64
  let body: [UInt8]
  /// A WABA's own address; nil for the app's.
  let overrideURL: String?
  /// What the dice are rolled for.
  let subject: String
  /// Whether this is the second copy of a webhook, made on purpose.
  let isDuplicate: Bool
  var attempt = 1
}

/// What came of one attempt.
struct WebhookResult: Sendable {
  /// The receiver's HTTP status, or 0 where none came.
  let status: Int
  let error: String?
  var isDelivered: Bool { status == 200 }
}
