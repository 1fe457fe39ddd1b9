import Wire

/// How one process keeps its tenants.
///
/// Every queue, batch and wait has its bound here.
public struct EngineConfiguration: Sendable {
  /// `<data>`: tenants stand in `<data>/tenants`, the journal in `<data>/journal`.
  public var directory: String
  public var cell: CellID
  public var generation: Generation = .first
  /// See ``JournalConfiguration/oldestGeneration``.
  public var oldestGeneration: Generation?
  /// Whether the tenants' records come from another process's journal: nothing is commanded here.
  public var isFollowing = false
  /// Whether moves that an earlier generation began are settled with their targets before their
  /// tenants are served: this process goes on from a copy that may lack a release.
  public var settlesMoves = false
  /// Up to which level files and records are written.
  public var ceiling = FormatCeiling.unlimited
  public var followerGate = FollowerGate.Configuration()
  /// The SQLite VFS of the tenants' files; nil: the system's.
  public var vfs: String?
  /// Threads that run commands and commit.
  public var writerThreads: Int = 2
  /// Threads that run reads.
  public var readerThreads: Int = 2

  /// A batch ends at this many commands.
  public var batchCommands: Int = 256
  /// A batch ends at this many captured bytes.
  public var batchBytes: Int = 1_024 * 1_024
  /// A batch ends after this time.
  public var batchTime: Duration = .milliseconds(5)
  /// Captured bytes of one command; a larger one is refused.
  public var commandBytes: Int = 2 * 1_024 * 1_024 - 16 * 1_024
  public var mailboxCommands: Int = 1_024
  public var mailboxBytes: Int = 8 * 1_024 * 1_024
  /// Commands waiting in all mailboxes of the process.
  public var cellCommands: Int = 20_000
  public var cellBytes: Int = 256 * 1_024 * 1_024
  /// Reads waiting or running in the process.
  public var readsInFlight: Int = 4_096
  /// Media objects being stored or read, each held in memory.
  public var mediaInFlight: Int = 16
  /// Idempotency keys kept per file; at the bound new ones are refused.
  public var idempotencyKeys: Int = 500_000

  /// Tenants with open files.
  ///
  /// Nil: min(1,000, descriptors / 20).
  public var openTenants: Int?
  /// A tenant that nobody used for so long is closed.
  public var idleTime: Duration = .seconds(20)
  /// WAL pages after which a file is checkpointed.
  public var checkpointFrames: Int = 4_000
  /// The flusher makes tenants that pin the journal's oldest segment durable above this size.
  public var replayBytes: UInt64 = 256 * 1_024 * 1_024
  /// How often the flusher looks.
  public var flushInterval: Duration = .milliseconds(500)
  /// Records in one SQLite transaction of a replay.
  public var replayBatch: Int = 1_000
  /// Due work that was not taken up is announced again after this time.
  public var dueRepeatMilliseconds: Int64 = 5_000
  /// Which tenants are quarantined where they crash the process again and again: ``CrashCounter``.
  ///
  /// Nil: crashes are not counted. Needs the machine's own files.
  public var quarantines: (@Sendable (TenantID) -> Bool)?
  /// Changes the journal's own limits; small segments in tests.
  public var adjustJournal: @Sendable (inout JournalConfiguration) -> Void = { _ in }

  public init(directory: String, cell: CellID) {
    self.directory = directory
    self.cell = cell
  }
}
