import CSQLite
import Logging
import Platform
import Synchronization
import Wire

/// The tenants of one process on its disk: one journal, files per tenant, a small pool of threads.
///
/// ``start()`` opens the journal and replays it; before it, commands are refused with `recovering`.
public final class StorageEngine: TenantStore {
  let configuration: EngineConfiguration
  let schema: @Sendable (TenantID) -> StoreSchema
  let clock: any WallClock
  let random: any RandomSource
  let files: any FileSystem
  /// Switches that tests throw; inert otherwise.
  public let faults = FaultInjection()
  let log: Logger
  let announceDue: @Sendable (TenantID) -> Void
  let fatal: @Sendable (JournalFatality) -> Void
  let fatality = Fatality()

  struct Running: Sendable {
    let context: EngineContext
    let lock: any FileLock
    let flusherThread: OwnThread
    let dueThread: OwnThread
    /// A follower's.
    let applyThread: OwnThread?
    var writers: [TenantID: TenantWriter]
    let unseen: UnseenTenants
    /// Tenants whose `create` record is under way.
    var creating: Set<TenantID> = []
    /// Tenants about which a record of a move into this cell is under way.
    var arriving: Set<TenantID> = []
  }
  enum Life: Sendable {
    case new, starting
    case running(Running)
    case closed
  }
  let life = Mutex<Life>(.new)
  private let indexes: Mutex<[String: SchemaIndex]> = Mutex([:])

  /// `schema` says what a tenant's files hold.
  ///
  /// `due` is called, on a thread of the engine's, when a tenant has work to do. `fatal` must end
  /// the process: after it nothing is answered any more.
  public init(
    _ configuration: EngineConfiguration, clock: any WallClock, random: any RandomSource,
    files: any FileSystem, log: Logger = Logger(label: "storage"),
    schema: @escaping @Sendable (TenantID) -> StoreSchema,
    due: @escaping @Sendable (TenantID) -> Void = { _ in },
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) {
    self.configuration = configuration
    self.clock = clock
    self.random = random
    self.files = files
    self.log = log
    self.schema = schema
    announceDue = due
    let boot = BootMark(directory: configuration.directory, files: files, log: log)
    self.fatal = { [fatality] reason in
      // First: the next start may be in the same run of the machine, and files lack what was
      // dropped.
      if reason.dropsWrites { boot.discard() }
      fatal(reason)
      fatality.meet()
    }
  }

  /// One index per set of file names: that is how the kinds of stores differ.
  func index(_ tenant: TenantID) -> SchemaIndex {
    let schema = schema(tenant)
    let key = schema.files.values.sorted().joined(separator: ",")
    return indexes.withLock { indexes in
      if let index = indexes[key] { return index }
      let index = SchemaIndex(schema)
      indexes[key] = index
      return index
    }
  }

  // TenantStore.

  public func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T {
    try await submit(tenant, origin) { transaction, _ in try body(transaction) }
  }

  public func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    let scope = IdempotencyStore.scope(claim)
    let bound = configuration.idempotencyKeys
    return try await submit(tenant, origin) { transaction, core in
      _ = try transaction.file(claim.file)
      let answers = try core.open(claim.file).idempotency
      let found = try answers.find(scope, payload: claim.payloadHash, now: transaction.now)
      if let stored = try found.stored() { return stored }
      let answer = try body(transaction)
      try answers.store(
        answer, scope, payload: claim.payloadHash,
        expires: transaction.now.adding(seconds: claim.retentionSeconds), now: transaction.now,
        bound: bound, isReplacing: found == .expired, mayGoUnkept: claim.mayGoUnkept)
      return answer
    }
  }

  func submit<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction, TenantCore) throws -> T
  ) async throws(Failure) -> T {
    if configuration.isFollowing {
      throw Failure(.recovering, "a follower takes no commands", retryAfterMilliseconds: 1_000)
    }
    let writer = try writer(tenant)
    if writer.context.journal.gate.isFenced {
      throw Failure(.generationFenced, "a higher generation of this cell has taken over")
    }
    let result = await withUnsafeContinuation { caller in
      writer.submit(WriteCommand(origin, caller: caller, body: body))
    }
    return try result.get()
  }

  func writer(_ tenant: TenantID) throws(Failure) -> TenantWriter {
    let found = life.withLock { life -> Result<TenantWriter, Failure> in
      switch life {
      case .running(let running):
        guard let writer = running.writers[tenant] else {
          return .failure(
            running.unseen.refusal(of: tenant)
              ?? Failure(.notFound, "no such tenant in this cell"))
        }
        return .success(writer)
      case .new, .starting:
        return .failure(
          Failure(.recovering, "this cell is starting", retryAfterMilliseconds: 1_000))
      case .closed: return .failure(Failure(.shuttingDown, "this cell is shutting down"))
      }
    }
    return try found.get()
  }

  func running() throws(Failure) -> Running {
    let found = life.withLock { life -> Running? in
      if case .running(let running) = life { return running }
      return nil
    }
    guard let found else { throw Failure(.recovering, "this cell does not run") }
    return found
  }
}
