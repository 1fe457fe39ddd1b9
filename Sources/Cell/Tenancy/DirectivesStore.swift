import Storage
import Wire

/// One stop of sends as the control plane issued it.
struct SendStop: Hashable, Sendable {
  let scope: StopReason.Scope
  let id: String
  let reason: String
  let since: Timestamp
  let version: UInt64
  let lifted: Bool
}

/// A tenant of this cell and its state.
struct DirectoryEntry: Hashable, Sendable {
  let tenant: TenantID
  let state: TenantState
  let reason: String
  let changedAt: Timestamp
  /// The tenant's own mode; nil: the cell's.
  var durability: DurabilityMode?
  /// The control plane's, of the change that says so; 0: none is said.
  var version: UInt64 = 0

  /// Whether the control plane made it as a copy for people to look at, and it is one still.
  var isFork: Bool { state == .readOnly && ForkReason.isOne(reason) }
}

/// The rows behind ``Directives`` in the cell's own store.
struct DirectivesStore {
  let connection: Connection

  init(_ transaction: Transaction) throws { connection = try transaction.file(.spool) }
  init(_ snapshot: Snapshot) { connection = snapshot.file(.spool) }
  init(connection: Connection) { self.connection = connection }

  /// Keeps the newer of what is stored and `stop`.
  func apply(_ stop: SendStop) throws {
    try connection.run(
      """
      INSERT INTO send_stops (scope, id, reason, since, version, lifted)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (scope, id) DO UPDATE SET
        reason = excluded.reason, since = excluded.since, version = excluded.version,
        lifted = excluded.lifted
      WHERE excluded.version > send_stops.version
      """,
      .text(stop.scope.rawValue), .text(stop.id), .text(stop.reason),
      .integer(stop.since.milliseconds), .integer(Int64(bitPattern: stop.version)),
      .integer(stop.lifted ? 1 : 0))
  }

  func stops() throws -> [SendStop] {
    try connection.rows("SELECT scope, id, reason, since, version, lifted FROM send_stops") { row in
      StopReason.Scope(rawValue: row.text(0)).map { scope in
        SendStop(
          scope: scope, id: row.text(1), reason: row.text(2),
          since: Timestamp(milliseconds: row.int64(3)), version: UInt64(bitPattern: row.int64(4)),
          lifted: row.int64(5) != 0)
      }
    }.compactMap { $0 }
  }

  func set(_ entry: DirectoryEntry) throws {
    try connection.run(
      """
      INSERT INTO directory (tenant, state, reason, changed_at) VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT (tenant) DO UPDATE SET
        state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at
      """,
      .text(entry.tenant.rawValue), .text(entry.state.rawValue), .text(entry.reason),
      .integer(entry.changedAt.milliseconds))
    try set(entry.durability, of: entry.tenant)
  }

  /// Their modes are told apart, by ``durabilities()``.
  func directory() throws -> [DirectoryEntry] {
    try connection.rows("SELECT tenant, state, reason, changed_at FROM directory") { row in
      DirectoryEntry(
        tenant: TenantID(trusted: row.text(0)),
        // A state that this version does not know is treated as the safest one it knows.
        state: TenantState(rawValue: row.text(1)) ?? .suspended,
        reason: row.text(2), changedAt: Timestamp(milliseconds: row.int64(3)))
    }
  }

  /// Tenants with a mode of their own begin the names of their facts so.
  private static let durabilityPrefix = "durability/"

  func set(_ mode: DurabilityMode?, of tenant: TenantID) throws {
    let name = Self.durabilityPrefix + tenant.rawValue
    if let mode { try setFact(name, Array(mode.rawValue.utf8)) } else { try removeFact(name) }
  }

  /// The modes of tenants that have one of their own, of those on their way here too.
  func durabilities() throws -> [TenantID: DurabilityMode] {
    var modes: [TenantID: DurabilityMode] = [:]
    for (name, value) in try facts(Self.durabilityPrefix) {
      let text = String(decoding: value, as: UTF8.self)
      modes[TenantID(trusted: name)] = DurabilityMode(said: text) ?? .follower
    }
    return modes
  }

  func fact(_ name: String) throws -> [UInt8]? {
    try connection.first("SELECT value FROM facts WHERE name = ?1", .text(name)) { $0.blob(0) }
  }

  func removeFact(_ name: String) throws {
    try connection.run("DELETE FROM facts WHERE name = ?1", .text(name))
  }

  /// Facts whose name begins with `prefix`, without it.
  func facts(_ prefix: String) throws -> [(name: String, value: [UInt8])] {
    try connection.rows(
      "SELECT substr(name, length(?1) + 1), value FROM facts WHERE name GLOB ?1 || '*'",
      .text(prefix)
    ) { ($0.text(0), $0.blob(1)) }
  }

  func setFact(_ name: String, _ value: [UInt8]) throws {
    try connection.run(
      """
      INSERT INTO facts (name, value) VALUES (?1, ?2)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value
      """, .text(name), .blob(value))
  }
}
