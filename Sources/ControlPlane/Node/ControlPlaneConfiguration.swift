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
  /// Where clients reach the api host: `http://api.localhost:8080`; stands in webhook addresses.
  public var apiURL: String
  public var tenantsPerCell = ControlPlaneLimits.tenantsPerCell
  public var minimumDiskFreeBytes = ControlPlaneLimits.minimumDiskFreeBytes
  public var mapChunkBytes = ControlPlaneLimits.mapChunkBytes
  /// The machine under this process; nil: not watched.
  public var watch: ProcessWatch?

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
