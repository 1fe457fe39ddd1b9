import Edge
import Messaging

/// This router's own settings.
public struct RouterConfiguration: Sendable {
  public var id: String
  public var version: String
  /// Where clients connect; port 0 for any.
  public var host: String
  public var port: Int
  public var healthPort: Int
  /// `app.`, `api.` and `admin.` stand before it.
  public var baseDomain: String
  /// Where the control plane answers, and where it publishes the map.
  public var controlPlane: Address
  public var mapPublisher: Address
  /// The map's file; its directory must exist.
  public var mapFile: String
  /// Seals the map's file: 32 bytes; nil: it is kept in clear.
  public var mapKey: [UInt8]?
  /// Proxies whose `X-Forwarded-For` is believed.
  public var trustedProxies: [NetworkRange]
  /// Addresses without a rate, and without a share of the room for large bodies; the machine's own
  /// unless told otherwise, and never a trusted proxy's.
  public var unlimitedAddresses: [NetworkRange]
  public var limits: RouterLimits
  /// The machine under this process; nil: not watched.
  public var watch: ProcessWatch?

  /// Those under which a machine knows only itself.
  public static let ownAddresses: [NetworkRange] = [.loopback4, .loopback6]

  public init(
    id: String, version: String, host: String = "127.0.0.1", port: Int, healthPort: Int = 0,
    baseDomain: String = "localhost", controlPlane: Address, mapPublisher: Address,
    mapFile: String, trustedProxies: [NetworkRange] = [],
    unlimitedAddresses: [NetworkRange] = Self.ownAddresses, limits: RouterLimits = .init()
  ) {
    self.id = id
    self.version = version
    self.host = host
    self.port = port
    self.healthPort = healthPort
    self.baseDomain = baseDomain.lowercased()
    self.controlPlane = controlPlane
    self.mapPublisher = mapPublisher
    self.mapFile = mapFile
    self.trustedProxies = trustedProxies
    self.unlimitedAddresses = unlimitedAddresses
    self.limits = limits
  }
}
