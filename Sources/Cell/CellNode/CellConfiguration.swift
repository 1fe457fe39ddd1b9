import Cryptography
import Edge
import Messaging
import Storage
import Wire

/// What one cell process is told at its start; `aimstors` reads it from the cell's file.
public struct CellConfiguration: Sendable {
  public let id: CellID
  public let region: RegionID
  /// Holds `tenants/` and `journal/`; locked by this process.
  public let dataDirectory: String
  /// Where requests are answered, such as `tcp://127.0.0.1:0`.
  public let listen: Address
  /// What other processes dial; empty: the address bound.
  public let advertise: String
  public let controlPlane: Address
  /// One use; nil for a cell that has joined before.
  public let joinToken: String?
  /// The Graph API, without version, such as `https://graph.facebook.com`.
  public let graphURL: String
  /// The keys under which secrets are sealed at rest.
  public let keys: KeyRing
  public let healthPort: Int
  public let version: String
  /// Where security events are published; nil: nowhere.
  public var publish: Address?
  /// Answers an order about the program that runs.
  public var programs: ProgramAnswers = { (_) throws(Failure) in
    throw Failure(.unknownRoute, "this process runs one version")
  }
  /// How people sign in.
  public var identity = IdentitySettings()
  /// The machine under this process; nil: not watched.
  public var watch: ProcessWatch?
  /// Nil: the cell has this one copy.
  public let replication: ReplicationConfiguration?
  /// What this replica had made durable.
  public let replica: ReplicaState

  public init(
    id: CellID, region: RegionID, dataDirectory: String, listen: Address, advertise: String,
    controlPlane: Address, joinToken: String?, graphURL: String, keys: KeyRing,
    healthPort: Int, version: String, replication: ReplicationConfiguration? = nil,
    replica: ReplicaState = ReplicaState(role: .primary, generation: .first)
  ) {
    self.id = id
    self.region = region
    self.dataDirectory = dataDirectory
    self.listen = listen
    self.advertise = advertise
    self.controlPlane = controlPlane
    self.joinToken = joinToken
    self.graphURL = graphURL
    self.keys = keys
    self.healthPort = healthPort
    self.version = version
    self.replication = replication
    self.replica = replica
  }
}

/// Every wait and size of a cell's shell.
public enum CellLimits {
  /// Shorter than the time after which an unused tenant is closed: its files are open still.
  public static let lastUseInterval = Duration.seconds(15)
  public static let refusalInterval = Duration.seconds(1)
  /// After a start: tenants, those that wrote last first, whose letters and alerts may wait.
  public static let resumedDeliveries = 200
  public static let resumePause = Duration.milliseconds(50)
  /// Between two looks at whether the keys were changed.
  public static let resealInterval = Duration.seconds(5)
  /// Between two tenants whose secrets are sealed anew.
  public static let resealPause = Duration.milliseconds(20)
  public static let heartbeatInterval = Duration.seconds(1)
  public static let controlPlaneTimeout = Duration.seconds(2)
  /// A claim waits for the control plane's durable answer.
  public static let claimTimeout = Duration.seconds(5)
  public static let joinRetryMinimum = Duration.milliseconds(100)
  public static let joinRetryMaximum = Duration.seconds(5)
  /// How often a process with a lost disk looks whether its cell was ended.
  public static let lostCellLook = Duration.seconds(5)
  /// Below this the cell is not ready and takes no writes of clients.
  public static let diskReserveBytes: UInt64 = 64 << 20
  /// Long operations at once: each restores a tenant.
  public static let workInFlight = 4
  /// Counts of what waits for a release at once: each opens who keeps something back.
  public static let countsInFlight = 1
  /// How long a count is answered again.
  public static let countKeptNanoseconds: UInt64 = 3_000_000_000
  /// Operations whose end is remembered, so that the control plane can ask again.
  public static let workRemembered = 1_000
  /// Messages that a restore's result names.
  public static let suspendedShown = 1_000
  /// Tenants in one message to the control plane.
  public static let inventoryLimit = 200_000
}
