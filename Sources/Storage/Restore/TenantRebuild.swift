import CSQLite
import Platform
import Wire

/// Why a rebuilt tenant is not what its history says.
public enum RebuildError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A record does not follow the one before.
  case chain(String)
  case digest(file: String)
  case integrity(file: String, detail: String)
  case foreignKeys(file: String, detail: String)
  case media(SHA256Hash)

  public var description: String {
    switch self {
    case .chain(let detail): "the chain of records breaks: \(detail)"
    case .digest(let file): "\(file) differs from its digest"
    case .integrity(let file, let detail): "\(file) is malformed: \(detail)"
    case .foreignKeys(let file, let detail): "\(file) has rows that refer to none, in \(detail)"
    case .media(let name): "the media object \(name) is missing or damaged"
    }
  }
}

/// A tenant's files made anew in a directory of their own: a snapshot's, then records.
///
/// No engine and no journal; one thread at a time. What it leaves is durable after ``settle()``.
public final class TenantRebuild: ReplayTarget {
  /// How far the files have come in the tenant's history.
  public struct Position: Hashable, Sendable {
    public var lineage: Lineage
    public var tenantSeq: TenantSeq
    public var hash: SHA256Hash
    public var time: Timestamp

    public init(lineage: Lineage, tenantSeq: TenantSeq, hash: SHA256Hash, time: Timestamp) {
      self.lineage = lineage
      self.tenantSeq = tenantSeq
      self.hash = hash
      self.time = time
    }
  }

  public let tenant: TenantID
  public let directory: String
  public private(set) var position: Position?
  public private(set) var records: UInt64 = 0
  let schema: SchemaIndex
  private(set) var files: [FileKind: TenantFile] = [:]
  let replayBatch = 1_000
  let system: any FileSystem
  private var replay: TenantReplay?

  private static let configureSQLite: Void = aim_sqlite_configure()

  /// `start` says what the files in `directory` hold; nil: there are none, and the tenant's first
  /// record follows.
  public init(
    tenant: TenantID, schema: StoreSchema, directory: String, start: Position?,
    files system: any FileSystem
  ) throws {
    Self.configureSQLite
    self.tenant = tenant
    self.schema = SchemaIndex(schema)
    self.directory = directory
    self.system = system
    position = start
    try system.createDirectory(directory)
  }

  deinit { closeFiles() }

  /// Applies the next record of this tenant.
  ///
  /// `commands`: only so many of its commands, the first ones, fewer than it has; the position
  /// stays the record before, and nothing may follow. Throws ``RebuildError/chain(_:)`` where the
  /// record does not follow the one before.
  public func apply(_ record: JournalRecord, commands: Int? = nil) throws {
    let identity = record.identity
    guard identity.tenant == tenant else {
      throw RebuildError.chain("a record of \(identity.tenant) among those of \(tenant)")
    }
    let seq = identity.tenantSeq
    if let before = position {
      if identity.kind == .restore, try branch(off: before, with: record) { return }
      let isNext = seq == before.tenantSeq.next && identity.previousHash == before.hash
      // What an adoption names as the record before is the release, in the source's journal.
      let isAdoption = identity.kind == .adopt && seq == before.tenantSeq.next.next
      guard isNext || isAdoption, identity.lineage == before.lineage else {
        throw RebuildError.chain(
          "tenant_seq \(seq.rawValue) of lineage \(identity.lineage.rawValue) does not follow "
            + "\(before.tenantSeq.rawValue) of \(before.lineage.rawValue)")
      }
    } else {
      guard identity.kind == .create, seq == TenantSeq(1) else {
        throw RebuildError.chain("the first record is tenant_seq \(seq.rawValue), without a base")
      }
    }
    if commands == nil {
      position = Position(
        lineage: identity.lineage, tenantSeq: seq, hash: record.hash, time: identity.time)
    }
    let replay = self.replay ?? TenantReplay(core: self)
    self.replay = replay
    try replay.apply(identity, try record.decodedPayload(), commands: commands)
    records += 1
  }

  /// Commits what was applied, and checks all that the files hold.
  public func verify() throws {
    try replay?.finish()
    replay = nil
    for kind in schema.files.keys.sorted() {
      let name = schema.file(kind).name
      guard try system.exists("\(directory)/\(name)") else { continue }
      let kept = try open(kind).digest
      // On a connection of its own: a writer's allows no such checks, and the scan registers
      // tables.
      guard try check(name, kind, tenant) == kept else { throw RebuildError.digest(file: name) }
    }
  }

  /// Checks one file's structure and references; answers its digest by a full scan.
  private func check(_ name: String, _ kind: FileKind, _ owner: TenantID) throws -> Digest {
    let connection = try Connection(
      path: "\(directory)/\(name)", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
    defer { connection.close() }
    aim_sqlite_keep_wal(connection.handle)
    let faults = try FileCopyStore.integrityFaults(connection)
    if let first = faults.first { throw RebuildError.integrity(file: name, detail: first) }
    let strays = try FileCopyStore.foreignKeyFaults(connection)
    if let first = strays.first { throw RebuildError.foreignKeys(file: name, detail: first) }
    return try DigestStore.digest(connection, owner, schema.file(kind))
  }

  /// The digests as kept, by file name.
  public func digests() throws -> [String: Digest] {
    var result: [String: Digest] = [:]
    for file in files.values { result[file.schema.name] = file.digest }
    return result
  }

  func scan(_ name: String, _ kind: FileKind, _ tenant: TenantID) throws -> Digest {
    let connection = try Connection(
      path: "\(directory)/\(name)", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
    defer { connection.close() }
    aim_sqlite_keep_wal(connection.handle)
    return try DigestStore.digest(connection, tenant, schema.file(kind))
  }

  /// Makes the files durable, as those of `owner` in the branch `lineage`, and closes them.
  public func settle(as owner: TenantID, _ lineage: Lineage) throws {
    try replay?.finish()
    replay = nil
    for kind in schema.files.keys.sorted() {
      let path = "\(directory)/\(schema.file(kind).name)"
      guard try system.exists(path) else { continue }
      let name = schema.file(kind).name
      let kept = try open(kind).digest
      closeFiles()
      // A row's hash covers its tenant's name: another's files have another digest.
      let digest = owner == tenant ? kept : try scan(name, kind, owner)
      let connection = try Connection(
        path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
      defer { connection.close() }
      try FileCopyStore.give(connection, to: owner, lineage, digest: digest)
      try FileCopyStore.settle(connection)
      try FileTree.write([], to: TenantFile.keptMarker(path), system)
    }
    try system.synchronizeDirectory(directory)
    if let slash = directory.lastIndex(of: "/") {
      try system.synchronizeDirectory(String(directory[..<slash]))
    }
  }

  // ReplayTarget.

  func open(_ kind: FileKind) throws -> TenantFile { try open(kind, creatingAt: .max) }

  func open(_ kind: FileKind, creatingAt level: UInt32) throws -> TenantFile {
    if let file = files[kind] { return file }
    guard let position else { throw RebuildError.chain("no record says what the files are") }
    let file = try TenantFile(
      path: "\(directory)/\(schema.file(kind).name)", tenant: tenant, lineage: position.lineage,
      schema: schema.file(kind), level: level, ceiling: .unlimited, files: system)
    files[kind] = file
    return file
  }

  public func closeFiles() {
    for file in files.values { file.close() }
    files = [:]
  }

  func digestDiffers() {}
}

extension TenantRebuild {
  /// Goes on in a branch that leaves the one before at exactly where the files are: nothing but
  /// the branch's id changes in them, so that it needs no files of its own.
  ///
  /// Answers false for a branch that leaves elsewhere.
  private func branch(off before: Position, with record: JournalRecord) throws -> Bool {
    let identity = record.identity
    let origin = try RestoreOrigin(decoding: try record.decodedPayload().detail)
    guard origin.tenant == tenant, origin.lineage == before.lineage,
      origin.tenantSeq == before.tenantSeq, origin.hash == before.hash,
      identity.previousHash == before.hash, identity.tenantSeq == before.tenantSeq.next
    else { return false }
    try replay?.finish()
    replay = nil
    for kind in schema.files.keys.sorted() {
      let path = "\(directory)/\(schema.file(kind).name)"
      guard try system.exists(path) else { continue }
      let kept = try open(kind).digest
      closeFiles()
      let connection = try Connection(
        path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
      defer { connection.close() }
      aim_sqlite_keep_wal(connection.handle)
      try FileCopyStore.give(connection, to: tenant, identity.lineage, digest: kept)
    }
    position = Position(
      lineage: identity.lineage, tenantSeq: identity.tenantSeq, hash: record.hash,
      time: identity.time)
    records += 1
    return true
  }
}

extension TenantRebuild {
  /// What the settled files are now, as those of `owner`.
  public func files(of owner: TenantID) throws -> [TenantSnapshot.File] {
    closeFiles()
    var result: [TenantSnapshot.File] = []
    for kind in schema.files.keys.sorted() {
      let name = schema.file(kind).name
      let path = "\(directory)/\(name)"
      guard try system.exists(path) else { continue }
      let connection = try Connection(
        path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
      defer { connection.close() }
      guard let state = try TenantFileStore(connection: connection).state(), state.tenant == owner
      else { throw StorageError.mismatch(file: path, detail: "it is not \(owner)'s") }
      let file = try system.open(path, .read)
      defer { file.close() }
      result.append(
        TenantSnapshot.File(
          kind: kind, name: name, appliedSeq: state.appliedSeq, digest: state.digest,
          bytes: try file.length()))
    }
    return result
  }
}

extension TenantRebuild {
  /// Reads one file that nobody serves.
  public func read<T>(_ kind: FileKind, _ body: (Connection) throws -> T) throws -> T {
    closeFiles()
    let connection = try Connection(
      path: "\(directory)/\(schema.file(kind).name)",
      flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
    defer { connection.close() }
    return try body(connection)
  }

  /// Changes one prepared file by hand, with another one beside it as `past`.
  ///
  /// Triggers and foreign keys are off; ``settleEdited(as:_:)`` checks what came of it.
  public func edit(
    _ kind: FileKind, past path: String, _ body: (Connection) throws -> Void
  ) throws {
    closeFiles()
    let connection = try Connection(
      path: "\(directory)/\(schema.file(kind).name)",
      flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
    defer { connection.close() }
    aim_sqlite_enforce(connection.handle, 0)
    try connection.run("ATTACH DATABASE ? AS past", .text(path))
    try connection.execute("BEGIN")
    try body(connection)
    try connection.execute("COMMIT")
    try connection.execute("DETACH DATABASE past")
  }

  /// As ``verify()`` and ``settle(as:_:)`` for files that were edited: their digests are made anew,
  /// everything else is checked.
  public func settleEdited(as owner: TenantID, _ lineage: Lineage) throws {
    closeFiles()
    for kind in schema.files.keys.sorted() {
      let name = schema.file(kind).name
      let path = "\(directory)/\(name)"
      guard try system.exists(path) else { continue }
      let digest = try check(name, kind, owner)
      let connection = try Connection(
        path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)
      defer { connection.close() }
      try FileCopyStore.give(connection, to: owner, lineage, digest: digest)
      try FileCopyStore.settle(connection)
      try FileTree.write([], to: TenantFile.keptMarker(path), system)
    }
    try system.synchronizeDirectory(directory)
    if let slash = directory.lastIndex(of: "/") {
      try system.synchronizeDirectory(String(directory[..<slash]))
    }
  }
}
