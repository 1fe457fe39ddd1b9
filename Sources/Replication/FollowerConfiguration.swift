import Edge
import Messaging
import Wire

/// What one follower process is told at its start; `aimstors` reads it from the follower's file.
public struct FollowerConfiguration: Sendable {
  /// This process's name among the cell's replicas.
  public let replica: String
  public let cell: CellID
  /// Holds `tenants/` and `journal/` exactly as a cell's does; locked by this process.
  public let dataDirectory: String
  /// Where the primary and the control plane reach it.
  public let listen: Address
  /// What they dial; empty: the address bound.
  public let advertise: String
  public let controlPlane: Address
  public let version: String
  /// Answers an order about the program that runs.
  public var programs: ProgramAnswers = { (_) throws(Failure) in
    throw Failure(.unknownRoute, "this process runs one version")
  }
  /// The machine under this process; nil: not watched.
  public var watch: ProcessWatch?

  public init(
    replica: String, cell: CellID, dataDirectory: String, listen: Address, advertise: String,
    controlPlane: Address, version: String
  ) {
    self.replica = replica
    self.cell = cell
    self.dataDirectory = dataDirectory
    self.listen = listen
    self.advertise = advertise
    self.controlPlane = controlPlane
    self.version = version
  }
}

/// Every wait and size of a follower.
public enum FollowerLimits {
  /// How often it says to the control plane how it is.
  public static let reportInterval = Duration.seconds(1)
  public static let controlPlaneTimeout = Duration.seconds(2)
  /// Bytes of groups in one answer to a primary that asks for what it lacks; a larger group goes
  /// alone.
  public static let fetchBytes = 1 << 20
  /// Where more than this is copied and not applied, answers are held back, for this time at most.
  public static let unappliedRecords = 20_000
  public static let unappliedBytes = 64 << 20
  public static let holdBack = Duration.seconds(2)
  public static let holdBackPause = Duration.milliseconds(2)
  /// How long a snapshot waits for a moment in which all of a tenant is applied.
  public static let snapshotPatience = Duration.seconds(20)
  public static let snapshotPause = Duration.milliseconds(50)
  /// How long it waits then for the journal to be archived up to it, and how often it looks.
  public static let archivePatience = Duration.seconds(20)
  public static let archivePause = Duration.milliseconds(250)
  /// How often stopped tenants are looked for, whose files the archive has.
  public static let refillInterval = Duration.seconds(1)
  /// Files that a primary passed on and says nothing of any more are removed; what is being checked
  /// here counts as heard.
  public static let importSilence = Duration.seconds(900)
  public static let importLook = Duration.seconds(60)
  /// A follower that has not heard from its primary for this long says so.
  public static let silenceMilliseconds: Int64 = 5_000
  /// Problems of one report: the rest are in its health.
  public static let reportedProblems = 16
}
