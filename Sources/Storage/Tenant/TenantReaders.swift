import CSQLite
import Synchronization
import Wire

/// One tenant's reading connections: a few are kept between reads, the rest closed.
final class TenantReaders: Sendable {
  /// Connections kept per file.
  static let keptPerFile = 1

  private struct State {
    var free: [FileKind: [Connection]] = [:]
    /// Rises when all are to go: those still in use are closed when they come back.
    var generation = 0
    /// Files that the writer has opened and brought up to this program's schema.
    var ready: Set<FileKind> = []
  }
  private let state: Mutex<State>
  private let tenant: TenantID
  private let context: EngineContext
  private let schema: SchemaIndex

  init(tenant: TenantID, context: EngineContext, schema: SchemaIndex) {
    self.tenant = tenant
    self.context = context
    self.schema = schema
    state = Mutex(State())
  }

  func areReady(_ files: Set<FileKind>) -> Bool {
    state.withLock { $0.ready.isSuperset(of: files) }
  }
  func setReady(_ files: Set<FileKind>) { state.withLock { $0.ready.formUnion(files) } }

  /// Reads as of one moment: with several files the snapshots are taken under the writer's latch.
  func read<T>(
    _ files: Set<FileKind>, now: Timestamp, writer: TenantWriter, _ body: (Snapshot) throws -> T
  ) throws -> T {
    var connections: [FileKind: Connection] = [:]
    let generation = state.withLock { $0.generation }
    var isClean = false
    defer { giveBack(connections, generation: generation, isClean: isClean) }
    for kind in files { connections[kind] = try connection(kind) }
    // Also where the tenant went and came back as files of its own: those are opened anew.
    if writer.isAway { throw TenantWriter.isAway }
    if connections.count == 1 {
      for connection in connections.values { try connection.control("BEGIN") }
    } else {
      try writer.withLatch {
        if let problem = writer.problem, !problem.allowsReads {
          throw TenantWriter.refusal(problem)
        }
        for connection in connections.values {
          try TenantFileStore(connection: connection).beginSnapshot()
        }
      }
    }
    let result = try body(Snapshot(tenant: tenant, now: now, connections: connections))
    for connection in connections.values { try connection.control("COMMIT") }
    isClean = true
    return result
  }

  private func connection(_ kind: FileKind) throws -> Connection {
    if let connection = take(kind) { return connection }
    let connection = try Connection(
      path: "\(context.directory(tenant))/\(schema.file(kind).name)",
      flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, on: context.configuration.vfs)
    aim_sqlite_keep_wal(connection.handle)
    try TenantFileStore(connection: connection).configureReader()
    return connection
  }

  private struct Taken: @unchecked Sendable { let connection: Connection? }

  private func take(_ kind: FileKind) -> Connection? {
    // A connection is used by one thread at a time; the lock hands it over.
    state.withLock { Taken(connection: $0.free[kind]?.popLast()) }.connection
  }

  private func giveBack(
    _ connections: [FileKind: Connection], generation: Int, isClean: Bool
  ) {
    for (kind, connection) in connections {
      if !connection.isAutocommit, (try? connection.control("ROLLBACK")) == nil {
        connection.close()
        continue
      }
      let taken = Taken(connection: connection)
      let kept = state.withLock { state -> Bool in
        guard isClean, state.generation == generation,
          state.free[kind, default: []].count < Self.keptPerFile, let connection = taken.connection
        else { return false }
        state.free[kind, default: []].append(connection)
        return true
      }
      if !kept { connection.close() }
    }
  }

  /// Closes what is free, and what is in use when it comes back.
  func close() {
    let closing = state.withLock { state -> [Taken] in
      state.generation += 1
      state.ready = []
      let all = state.free.values.flatMap { $0 }.map { Taken(connection: $0) }
      state.free = [:]
      return all
    }
    for taken in closing { taken.connection?.close() }
  }
}
