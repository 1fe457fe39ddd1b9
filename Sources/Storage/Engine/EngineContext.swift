import Logging
import Platform
import Synchronization
import Wire

/// What the writers of one engine share.
final class EngineContext: Sendable {
  let configuration: EngineConfiguration
  let clock: any WallClock
  let random: any RandomSource
  let files: any FileSystem
  let journal: Journal
  let writers: RunQueue
  let readers: RunQueue
  /// One thread: media wait for the disk, which readers must not.
  let media: RunQueue
  let heads: HeadsTable
  let due: DueIndex
  let flusher: FlushRequests
  let metrics: EngineMetrics
  let problems: ProblemList
  let faults: FaultInjection
  /// Must end the process.
  let fatal: @Sendable (JournalFatality) -> Void
  let fatality: Fatality
  let openTenants: OpenTenants
  let stalled = StalledTenants()
  /// Empty but in a follower.
  let following = CopiedRecords()
  /// Nil where crashes are not counted.
  let running: RunningTenants?
  let log: Logger
  let queuedCommands = Atomic<Int>(0)
  let queuedBytes = Atomic<Int>(0)
  let readsInFlight = Atomic<Int>(0)
  let mediaInFlight = Atomic<Int>(0)

  init(
    configuration: EngineConfiguration, clock: any WallClock, random: any RandomSource,
    files: any FileSystem, journal: Journal, heads: HeadsTable, due: DueIndex,
    faults: FaultInjection, fatal: @escaping @Sendable (JournalFatality) -> Void,
    fatality: Fatality, running: RunningTenants? = nil, log: Logger
  ) {
    self.configuration = configuration
    self.clock = clock
    self.random = random
    self.files = files
    self.journal = journal
    self.heads = heads
    self.due = due
    self.faults = faults
    self.fatal = fatal
    self.fatality = fatality
    self.running = running
    self.log = log
    writers = RunQueue(threads: configuration.writerThreads, name: "writer")
    readers = RunQueue(threads: configuration.readerThreads, name: "reader")
    media = RunQueue(threads: 1, name: "media")
    flusher = FlushRequests()
    metrics = EngineMetrics()
    problems = ProblemList()
    openTenants = OpenTenants(
      limit: configuration.openTenants ?? OpenTenants.limit(descriptors: OpenTenants.descriptors()),
      now: clock.milliseconds())
  }

  var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  func directory(_ tenant: TenantID) -> String {
    TenantDirectory.of(tenant, in: configuration.directory)
  }

  /// There from a tenant's first flush on, outside of its directory: where that is missing then,
  /// somebody took it away.
  func keptMark(_ tenant: TenantID) -> String { "\(keptDirectory)/\(tenant.rawValue)" }
  var keptDirectory: String { "\(configuration.directory)/kept" }
}

/// Points at which a test makes the engine fail as a machine would.
///
/// Nothing is set outside tests.
public final class FaultInjection: Sendable {
  private let failingCommits = Mutex<[TenantID: FileKind]>([:])

  public init() {}

  /// The next COMMIT of this tenant fails at this file, after the record is durable.
  public func failNextCommit(of tenant: TenantID, at file: FileKind) {
    failingCommits.withLock { $0[tenant] = file }
  }

  func takeFailingCommit(of tenant: TenantID) -> FileKind? {
    failingCommits.withLock { $0.isEmpty ? nil : $0.removeValue(forKey: tenant) }
  }
}
