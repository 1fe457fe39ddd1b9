import Alerts
import Cryptography
import Edge
import Messaging

/// This control plane's own settings.
public struct ControlPlaneConfiguration: Sendable {
  public var id: String
  public var version: String
  /// Where cells and routers ask.
  public var listen: Address
  /// Where the map and the stops are published.
  public var publish: Address
  /// 32 bytes, from the key file: seals secrets, proves joins and the first operator.
  ///
  /// Keys for each purpose are derived from it.
  public var deploymentKey: [UInt8]
  /// What seals secrets at rest, replaced while the process runs; nil: the deployment's key does.
  public var keys: KeyRing?
  /// Where clients reach the api host: `http://api.localhost:8080`; stands in webhook addresses.
  public var apiURL: String
  public var alerts = AlertSettings()
  public var tenantsPerCell = ControlPlaneLimits.tenantsPerCell
  public var minimumDiskFreeBytes = ControlPlaneLimits.minimumDiskFreeBytes
  public var mapChunkBytes = ControlPlaneLimits.mapChunkBytes
  /// The machine under this process; nil: not watched.
  public var watch: ProcessWatch?
  /// What the process finds wrong with the control plane's store and its archive.
  public var ownProblems: @Sendable () -> [HealthReport.Problem] = { [] }
  /// Restores the control plane's store from its archive for proof, and answers the report as JSON,
  /// nil where that does not work yet; nil: nothing is archived.
  public var drillStore: (@Sendable () async -> String?)?

  public init(
    id: String, version: String, listen: Address, publish: Address, deploymentKey: [UInt8],
    apiURL: String
  ) {
    self.id = id
    self.version = version
    self.listen = listen
    self.publish = publish
    self.deploymentKey = deploymentKey
    self.apiURL = apiURL
  }
}

/// How the platform's own alerts leave.
public struct AlertSettings: Sendable {
  public var mail: any MailSender
  public var webhook: any AlertWebhookSender
  /// Whether alerts may be posted inside private networks: for a machine to try things on.
  public var mayStayInside: Bool

  public init(
    mail: any MailSender = NoMail(), webhook: (any AlertWebhookSender)? = nil,
    mayStayInside: Bool = false
  ) {
    self.mail = mail
    self.webhook = webhook ?? HTTPAlertWebhook(mayStayInside: mayStayInside)
    self.mayStayInside = mayStayInside
  }
}
