import Messaging
import Storage
import Wire

/// How a cell's journal is kept on other machines too; `aimstors` reads it from the cell's file.
public struct ReplicationConfiguration: Sendable {
  /// Another replica of the cell.
  public struct Peer: Hashable, Sendable {
    public let replica: String
    public let address: Address

    public init(replica: String, address: Address) {
      self.replica = replica
      self.address = address
    }
  }

  /// This process's name among the cell's replicas.
  public let replica: String
  public let peers: [Peer]
  /// That of tenants without one of their own.
  public let mode: DurabilityMode
  /// Whether the cell goes on without a follower that does not acknowledge in time, once the
  /// register has let it go; otherwise writes fail until it is back.
  public let degrades: Bool
  /// After this time a caller hears `outcome_unknown`.
  public let deadlineMilliseconds: UInt64

  public init(
    replica: String, peers: [Peer], mode: DurabilityMode, degrades: Bool = true,
    deadlineMilliseconds: UInt64 = 5_000
  ) {
    self.replica = replica
    self.peers = peers
    self.mode = mode
    self.degrades = degrades
    self.deadlineMilliseconds = deadlineMilliseconds
  }
}

/// Every wait and size of replication in a primary.
public enum ReplicationLimits {
  /// Bytes of groups in one message to a follower; a larger group goes alone.
  public static let messageBytes = 1 << 20
  /// How long a follower may take to make one message durable.
  public static let appendTimeout = Duration.seconds(5)
  public static let helloTimeout = Duration.seconds(1)
  /// The pause before a follower that failed is asked again; it doubles.
  public static let retryMinimum = Duration.milliseconds(50)
  public static let retryMaximum = Duration.seconds(1)
  /// How often standings are looked at, and idle followers asked which generation they know.
  public static let lookInterval = Duration.milliseconds(200)
  /// How often an acknowledgement is looked for that is expected at once.
  static let promptLook = Duration.milliseconds(5)
  /// How often the control plane hears of it.
  public static let reportInterval = Duration.seconds(1)
  /// A follower that lacks at most so many records is asked for its acknowledgements.
  public static let closeRecords: UInt64 = 2_000
  /// How long a follower may take to store one tenant's files in the archive.
  public static let snapshotTimeout = Duration.seconds(300)
  /// Tenants whose lag is shown, those furthest behind; and what is read to find them.
  public static let lagTenants = 50
  /// How long somebody who is the first to wait for followers waits for one to be asked: less than
  /// the control plane waits for an answer.
  static let askPatience = Duration.milliseconds(500)
  /// Tenants that one problem names.
  static let namedTenants = 5
  public static let lagRecords = 20_000
  public static let lagBytes = 16 << 20
  /// How long a primary that differs from a follower stands still before it looks again.
  public static let divergedPause = Duration.seconds(30)
  /// The pause of a start that has to wait for a follower or the register.
  public static let startPause = Duration.milliseconds(100)
}

/// Why this process must not serve the cell.
public enum ReplicationStop: Error, Hashable, Sendable, CustomStringConvertible {
  /// A higher generation has taken over: this replica is to follow it.
  case fenced(Generation)
  /// This journal and a follower's have one number for two groups: nothing is merged.
  case diverged(String)

  public var description: String {
    switch self {
    case .fenced(let generation): "generation \(generation.rawValue) has taken over"
    case .diverged(let follower): "the journal differs from that of follower \(follower)"
    }
  }
}
