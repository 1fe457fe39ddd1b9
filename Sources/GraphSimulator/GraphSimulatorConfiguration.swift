import Wire

/// What a simulator is told at its start.
public struct GraphSimulatorConfiguration: Sendable {
  public var host: String
  /// 0 for any free port.
  public var port: Int
  /// Bearer tokens that are accepted.
  public var tokens: Set<String>
  public var numbers: [PhoneNumber]
  /// Where webhooks go; nil until `PUT /_sim/webhook` says so.
  public var webhook: WebhookTarget?
  /// What is set here is what `PUT /_sim/faults` leaves out.
  public var faults: Faults
  /// Templates that are approved already.
  public var templates: [KnownTemplate]
  /// The process's name in `/healthz`.
  public var id: String
  public var version: String

  public init(
    host: String = "127.0.0.1", port: Int = 0, tokens: Set<String>,
    numbers: [PhoneNumber] = PhoneNumber.series(12), webhook: WebhookTarget? = nil,
    faults: Faults = Faults(), templates: [KnownTemplate] = [], id: String = "graph",
    version: String = "0"
  ) {
    self.host = host
    self.port = port
    self.tokens = tokens
    self.numbers = numbers
    self.webhook = webhook
    self.faults = faults
    self.templates = templates
    self.id = id
    self.version = version
  }
}

/// A template that an account has from the start: a body and nothing else.
public struct KnownTemplate: Hashable, Sendable {
  public let wabaID: String
  public let name: String
  public let language: String
  /// MARKETING, UTILITY or AUTHENTICATION.
  public let category: String
  /// The body, with parameters such as `{{1}}`.
  public let text: String

  public init(wabaID: String, name: String, language: String, category: String, text: String) {
    self.wabaID = wabaID
    self.name = name
    self.language = language
    self.category = category
    self.text = text
  }

  /// The body of the request that would make it.
  var request: JSON {
    [
      "name": JSON(name), "language": JSON(language), "category": JSON(category),
      "components": [["type": "BODY", "text": JSON(text)]],
    ]
  }
}
