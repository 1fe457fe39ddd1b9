import Wire

/// Where a command comes from; stored with its changes in the record.
public struct CommandOrigin: Hashable, Sendable {
  public let requestID: String
  public let traceID: String
  /// After this moment the command is dropped unrun.
  ///
  /// Nil: no limit.
  public let deadline: ContinuousClock.Instant?
  /// About how much memory the command holds while it waits, such as its body; counts in the
  /// mailbox.
  public let bytes: Int

  /// What a command holds besides its input.
  public static let ownBytes = 512

  public init(
    requestID: String, traceID: String, deadline: ContinuousClock.Instant? = nil,
    bytes: Int = CommandOrigin.ownBytes
  ) {
    self.requestID = requestID
    self.traceID = traceID
    self.deadline = deadline
    self.bytes = bytes
  }
}

/// What a client was answered, kept under its idempotency key and given again byte for byte.
public struct StoredAnswer: Hashable, Sendable {
  public let status: Int
  public let contentType: String
  public let body: [UInt8]

  public init(status: Int, contentType: String, body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// The answer of a removal: 204 without a body.
  public static let noContent = StoredAnswer(status: 204, contentType: "", body: [])
}

/// One effect, once: the key under which a command's answer is stored in its own transaction.
public struct IdempotencyClaim: Hashable, Sendable {
  /// The API key, session or operator the client acts as.
  public let principal: String
  public let key: String
  /// SHA-256 of method, path and body: another payload under the same key is a conflict.
  public let payloadHash: [UInt8]
  /// The file whose transaction the command is in anyway.
  public let file: FileKind
  public let retentionSeconds: Int64
  /// Whether the effect is to be had also where no more answers are kept: its repeat runs again.
  ///
  /// For what must not be refused because somebody has filled the table, such as removing them.
  public let mayGoUnkept: Bool

  public init(
    principal: String, key: String, payloadHash: [UInt8], file: FileKind, retentionSeconds: Int64,
    mayGoUnkept: Bool = false
  ) {
    self.principal = principal
    self.key = key
    self.payloadHash = payloadHash
    self.file = file
    self.retentionSeconds = retentionSeconds
    self.mayGoUnkept = mayGoUnkept
  }

  public static let dayRetention: Int64 = 86_400
  public static let moneyRetention: Int64 = 30 * 86_400
}

/// The tenants of one process as commands and queries see them.
///
/// Two implementations: ``StorageEngine``, and ``DirectTenants`` for tests of a context.
public protocol TenantStore: Sendable {
  /// Runs `body` as one command in the tenant's writer. Answers after its record is durable.
  ///
  /// Throws the body's `Failure` (its changes undone), `outcomeUnknown` when the record may or may
  /// not be durable, `mailboxFull`, `overloaded`, `deadlineExceeded`, `notFound`, `moved`.
  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T

  /// The same under an idempotency key: a repeat answers the stored bytes without running `body`;
  /// another payload under the key throws `idempotencyConflict`. Refusals are not stored.
  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer

  /// Reads `files` as of one moment; never waits for the writer.
  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T
}

/// A reader's view of a tenant: some of its files, as of one moment.
///
/// Valid only inside its closure.
public struct Snapshot {
  public let tenant: TenantID
  /// The tenant's time, for reads that compare with the present.
  public let now: Timestamp
  private let connections: [FileKind: Connection]
  /// Finds answers that are not kept in the files; nil: they are.
  private let find: ((IdempotencyClaim) -> IdempotencyStore.Found)?

  init(
    tenant: TenantID, now: Timestamp, connections: [FileKind: Connection],
    find: ((IdempotencyClaim) -> IdempotencyStore.Found)? = nil
  ) {
    self.tenant = tenant
    self.now = now
    self.connections = connections
    self.find = find
  }

  /// The reading connection of one of the files named in the call.
  public func file(_ kind: FileKind) -> Connection {
    guard let connection = connections[kind] else {
      preconditionFailure("file kind \(kind.rawValue) was not named in this read")
    }
    return connection
  }

  /// The answer that is kept under a claim, in its file, which was named in the call; nil: none.
  ///
  /// For effects of several commands: a repeat is answered before any of them. Throws
  /// `idempotencyConflict` where another payload has it.
  public func answer(under claim: IdempotencyClaim) throws -> StoredAnswer? {
    let found =
      try find?(claim)
      ?? IdempotencyStore(connection: file(claim.file)).find(
        IdempotencyStore.scope(claim), payload: claim.payloadHash, now: now)
    return try found.stored()
  }
}
