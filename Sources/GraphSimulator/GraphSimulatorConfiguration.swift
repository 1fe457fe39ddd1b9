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
  public var faults: Faults
  /// The process's name in `/healthz`.
  public var id: String
  public var version: String

  public init(
    host: String = "127.0.0.1", port: Int = 0, tokens: Set<String>,
    numbers: [PhoneNumber] = PhoneNumber.series(12), webhook: WebhookTarget? = nil,
    faults: Faults = Faults(), id: String = "graph", version: String = "0"
  ) {
    self.host = host
    self.port = port
    self.tokens = tokens
    self.numbers = numbers
    self.webhook = webhook
    self.faults = faults
    self.id = id
    self.version = version
  }
}
