import Platform
import Storage
import Synchronization
import Wire

/// What a restore made, and how far it was checked; nothing unchecked is ever returned.
public struct RestoredTenant: Sendable {
  public let tenant: TenantID
  /// The last record in the files.
  public let position: TenantRebuild.Position
  public let files: [TenantSnapshot.File]
  public let media: [SHA256Hash]
  /// Records replayed after the snapshot.
  public let records: UInt64
  public let bytes: UInt64
  /// The snapshot that it began with; empty: none was needed.
  public let snapshot: String
  /// Whether the history goes on past the restored point in the archive.
  public let isLatest: Bool
  /// Whether its last records are of a move away that may have been completed: the tenant may be
  /// another cell's.
  public var mayHaveMoved = false
}

/// Restores one tenant from the archive into a directory of its own.
public struct TenantRestorer: Sendable {
  public let archive: Archive
  public let files: any FileSystem
  private let source: any RecordSource

  public init(archive: Archive, files: any FileSystem) {
    self.init(archive: archive, files: files, source: JournalReader(archive: archive))
  }

  init(archive: Archive, files: any FileSystem, source: any RecordSource) {
    self.archive = archive
    self.files = files
    self.source = source
  }

  /// Restores to `target` and checks everything: chain, digests, structure, references, media.
  ///
  /// `cell` is where a tenant without any snapshot has its records. `from` names the one snapshot
  /// to begin with; nil: the one that leads there best. Files are left as those of `owner` in the
  /// branch `lineage`, durable. Throws ``ArchiveError`` or ``RebuildError``; the directory is
  /// removed then.
  public func restore(
    _ tenant: TenantID, schema: StoreSchema, to target: RestoreTarget, cell: CellID,
    into directory: String, as owner: TenantID? = nil, lineage: Lineage, from name: String? = nil
  ) async throws -> RestoredTenant {
    if let name {
      let all = try await archive.snapshots(tenant, of: cell)
      guard let snapshot = all.first(where: { $0.name == name }) else {
        throw ArchiveError.missing(name: name)
      }
      return try await restore(
        tenant, schema: schema, to: target, from: [snapshot], cell: cell, into: directory,
        as: owner, lineage: lineage)
    }
    let candidates = target.candidates(try await archive.snapshots(tenant, of: cell))
    return try await restore(
      tenant, schema: schema, to: target, from: candidates.map(Optional.some) + [nil], cell: cell,
      into: directory, as: owner, lineage: lineage)
  }

  /// The same from the first of `candidates` that leads there; nil: from the tenant's first record.
  func restore(
    _ tenant: TenantID, schema: StoreSchema, to target: RestoreTarget,
    from candidates: [SnapshotManifest?], cell: CellID, into directory: String,
    as owner: TenantID? = nil, lineage: Lineage
  ) async throws -> RestoredTenant {
    var first: (any Error)?
    for candidate in candidates {
      do {
        try await clear(directory)
        return try await attempt(
          tenant, schema, target, candidate, candidate?.cell ?? cell, directory, owner ?? tenant,
          lineage)
      } catch let error as RestoreMiss {
        // This snapshot does not lead there; an earlier one may.
        first = first ?? ArchiveError.incomplete(error.detail)
      } catch {
        try? await clear(directory)
        throw error
      }
    }
    try? await clear(directory)
    throw first ?? ArchiveError.incomplete("there is nothing of \(tenant)")
  }

  /// A start that does not lead to the target.
  private struct RestoreMiss: Error { let detail: String }

  private func clear(_ directory: String) async throws {
    let files = files
    try await Blocking.run("restore") { try FileTree.remove(directory, files) }.get()
  }

  private func attempt(
    _ tenant: TenantID, _ schema: StoreSchema, _ target: RestoreTarget,
    _ snapshot: SnapshotManifest?, _ cell: CellID, _ directory: String, _ owner: TenantID,
    _ lineage: Lineage
  ) async throws -> RestoredTenant {
    var bytes: UInt64 = 0
    if let snapshot { bytes = try await fetch(snapshot, into: directory) }
    let work = RestoreWork(
      try TenantRebuild(
        tenant: tenant, schema: schema, directory: directory,
        start: try snapshot.map(Self.position), files: files), target)
    try await source.read(tenant, cell, after: snapshot?.cellSeq ?? CellSeq(0)) { records in
      try await Blocking.run("restore") { try work.apply(records) }.get()
    }
    guard let position = work.position else {
      throw RestoreMiss(detail: "no record of \(tenant) at or before \(target)")
    }
    if snapshot?.isBase == true, work.records == 0 {
      throw RestoreMiss(detail: "the branch begins after \(target)")
    }
    if snapshot?.isImport == true, !work.wasAdopted {
      throw RestoreMiss(detail: "the tenant came to \(cell) after \(target), or never")
    }
    if case .tenantSeq(let wanted) = target, position.tenantSeq != wanted {
      throw ArchiveError.incomplete(
        "\(tenant) is archived up to tenant_seq \(position.tenantSeq.rawValue)")
    }
    if case .command = target, !work.isThere {
      throw ArchiveError.incomplete(
        "\(tenant) is archived up to tenant_seq \(position.tenantSeq.rawValue)")
    }
    let media = try await fetchMedia(tenant, snapshot, into: directory)
    let files = try await Blocking.run("restore") {
      try work.finish(as: owner, lineage)
    }.get()
    return RestoredTenant(
      tenant: tenant, position: position, files: files, media: media, records: work.records,
      bytes: bytes + files.reduce(0) { $0 + $1.bytes }, snapshot: snapshot?.name ?? "",
      isLatest: !work.isPast, mayHaveMoved: work.mayHaveMoved)
  }

  private static func position(
    _ snapshot: SnapshotManifest
  ) throws(ArchiveError) -> TenantRebuild.Position {
    guard let hash = SHA256Hash(hexadecimal: snapshot.hash) else {
      throw .damaged(name: snapshot.name, detail: "its hash is not one")
    }
    return TenantRebuild.Position(
      lineage: snapshot.lineage, tenantSeq: snapshot.tenantSeq, hash: hash, time: snapshot.time)
  }

  private func fetch(
    _ snapshot: SnapshotManifest, into directory: String
  ) async throws -> UInt64 {
    let files = files
    try await Blocking.run("restore") { try files.createDirectory(directory) }.get()
    var bytes: UInt64 = 0
    for file in snapshot.files {
      guard !file.name.contains("/"), file.name.hasSuffix(".sqlite") else {
        throw ArchiveError.damaged(name: snapshot.name, detail: "a file named \(file.name)")
      }
      let path = "\(directory)/\(file.name)"
      try await Blocking.run("restore") { try files.open(path, .createNew).close() }.get()
      var offset: UInt64 = 0
      for part in file.parts {
        let name = ArchiveNames.part(snapshot.tenant, snapshot.name, part.number)
        let content = try await archive.require(name)
        guard content.count == part.bytes, "\(SHA256Hash.of(content))" == part.sha256 else {
          throw ArchiveError.damaged(name: name, detail: "it is not what its manifest says")
        }
        let at = offset
        try await Blocking.run("restore") {
          let file = try files.open(path, .update)
          defer { file.close() }
          try file.write(content, at: at)
        }.get()
        offset += UInt64(content.count)
      }
      guard offset == file.bytes else {
        throw ArchiveError.damaged(name: snapshot.name, detail: "\(file.name) lacks parts")
      }
      bytes += offset
    }
    return bytes
  }

  /// Every media object that is archived: those that the snapshot names must be among them.
  private func fetchMedia(
    _ tenant: TenantID, _ snapshot: SnapshotManifest?, into directory: String
  ) async throws -> [SHA256Hash] {
    let prefix = ArchiveNames.media(tenant)
    let listed = try await archive.objects.list(prefix).compactMap {
      SHA256Hash(hexadecimal: String($0.name.dropFirst(prefix.count)))
    }
    for name in snapshot?.media ?? [] where !listed.contains(where: { "\($0)" == name }) {
      throw ArchiveError.missing(name: prefix + name)
    }
    guard !listed.isEmpty else { return [] }
    let files = files
    let place = "\(directory)/media"
    try await Blocking.run("restore") { try files.createDirectory(place) }.get()
    for hash in listed {
      let content = try await archive.require(ArchiveNames.media(tenant, hash))
      guard SHA256Hash.of(content) == hash else { throw RebuildError.media(hash) }
      try await Blocking.run("restore") {
        try FileTree.write(content, to: "\(place)/\(hash)", files)
      }.get()
    }
    try await Blocking.run("restore") { try files.synchronizeDirectory(place) }.get()
    return listed
  }
}

/// The files while they are made: handed from thread to thread behind a lock.
private final class RestoreWork: Sendable {
  private struct State {
    var rebuild: TenantRebuild
    var isPast = false
    /// Whether the record was met of which a part is wanted.
    var isThere = false
    var mayHaveMoved = false
    var wasAdopted = false
  }
  private let state: Mutex<State>
  private let target: RestoreTarget
  private let tenant: TenantID

  init(_ rebuild: sending TenantRebuild, _ target: RestoreTarget) {
    tenant = rebuild.tenant
    state = Mutex(State(rebuild: rebuild))
    self.target = target
  }

  var position: TenantRebuild.Position? { state.withLock { $0.rebuild.position } }
  var records: UInt64 { state.withLock { $0.rebuild.records } }
  var isThere: Bool { state.withLock { $0.isThere } }
  var isPast: Bool { state.withLock { $0.isPast } }
  var mayHaveMoved: Bool { state.withLock { $0.mayHaveMoved } }
  /// Whether an adoption was among the records.
  var wasAdopted: Bool { state.withLock { $0.wasAdopted } }

  /// Applies the tenant's own among the records, up to the target; answers whether more are wanted.
  func apply(_ records: [JournalRecord]) throws -> Bool {
    try state.withLock { state in
      for record in records
      where record.identity.tenant == tenant && record.identity.kind.isInChain {
        if state.isPast || target.isPast(record.identity) {
          state.isPast = true
          return false
        }
        if let at = state.rebuild.position, record.identity.tenantSeq <= at.tenantSeq { continue }
        let commands = target.commands(of: record)
        try state.rebuild.apply(record, commands: commands)
        if case .command(record.identity.tenantSeq, _) = target { state.isThere = true }
        if commands != nil {
          // A part of it is wanted: the rest is past the target.
          state.isPast = true
          return false
        }
        if record.identity.kind == .adopt { state.wasAdopted = true }
        switch record.identity.kind {
        case .begin, .release: state.mayHaveMoved = true
        case .burn, .adopt: state.mayHaveMoved = false
        default: break
        }
      }
      return true
    }
  }

  /// Checks all that the files hold and makes them durable as those of their owner.
  func finish(as owner: TenantID, _ lineage: Lineage) throws -> [TenantSnapshot.File] {
    try state.withLock { state in
      try state.rebuild.verify()
      try state.rebuild.settle(as: owner, lineage)
      return try state.rebuild.files(of: owner)
    }
  }
}
