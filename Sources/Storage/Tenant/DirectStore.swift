import CSQLite
import Platform
import Wire

/// One tenant's files without engine or journal: each call is a transaction of its own.
///
/// For tests of a context's rules on real SQLite, and for tools that look at a copy.
public final class DirectStore: TransactionSource {
  typealias Finder = (IdempotencyClaim) -> IdempotencyStore.Found

  private let connections: [FileKind: Connection]
  private let random: any RandomSource
  private var lastID = RowID(0)
  private var effects: [@Sendable () -> Void] = []
  public let tenant: TenantID
  /// Finds what is kept under a claim, while a command of somebody runs who keeps answers beside
  /// these files.
  private var kept: Finder?

  /// Opens or creates the files of `schema`, in memory where `directory` is nil.
  public init(
    tenant: TenantID, schema: StoreSchema, directory: String?, random: any RandomSource
  ) throws {
    var connections: [FileKind: Connection] = [:]
    for (kind, name) in schema.files {
      let path = directory.map { "\($0)/\(name)" } ?? ":memory:"
      let connection = try Connection(
        path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)
      try connection.execute("PRAGMA foreign_keys = ON")
      connections[kind] = connection
    }
    for part in schema.parts {
      for step in part.steps { try connections[step.file]?.execute(step.ddl) }
    }
    self.connections = connections
    self.random = random
    self.tenant = tenant
  }

  deinit { for connection in connections.values { connection.close() } }

  /// Runs one command at `now` in a transaction over all files; undone where it throws.
  public func write<T>(at now: Timestamp, _ body: (Transaction) throws -> T) throws -> T {
    try write(at: now, nil, body)
  }

  /// The same, with the answers that `kept` finds.
  func write<T>(
    at now: Timestamp, _ kept: Finder?, _ body: (Transaction) throws -> T
  ) throws -> T {
    self.kept = kept
    defer { self.kept = nil }
    for connection in connections.values {
      connection.sawError = false
      try connection.execute("BEGIN")
    }
    effects = []
    do {
      let result = try body(Transaction(tenant: tenant, now: now, source: self))
      for connection in connections.values { try connection.execute("COMMIT") }
      for effect in effects { effect() }
      return result
    } catch {
      for connection in connections.values where !connection.isAutocommit {
        try connection.execute("ROLLBACK")
      }
      throw error
    }
  }

  /// One file's connection, for reading.
  public func reading(_ kind: FileKind) -> Connection {
    guard let connection = connections[kind] else {
      preconditionFailure("file kind \(kind.rawValue) is not in this store's schema")
    }
    return connection
  }

  func enlist(_ kind: FileKind) throws -> Connection { reading(kind) }

  func find(_ claim: IdempotencyClaim, now: Timestamp) -> IdempotencyStore.Found {
    kept?(claim) ?? .nothing
  }

  func freshID(now: Timestamp) -> RowID {
    lastID = RowID.next(after: lastID, now: now, entropy: random.uint64())
    return lastID
  }

  func randomBytes(_ count: Int) -> [UInt8] { random.bytes(count) }
  func dueMayHaveChanged() {}
  func addDue(at time: Timestamp) {}
  func remember<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, in file: FileKind, tables: [UInt16], isValid: (Value) -> Bool,
    _ make: (Connection) throws -> Value
  ) throws -> Value { try make(reading(file)) }
  func afterCommit(_ effect: @escaping @Sendable () -> Void) { effects.append(effect) }
}
