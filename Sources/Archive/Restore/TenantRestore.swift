import Platform
import Storage
import Wire

/// What a restore made, and how far it was checked; nothing unchecked is ever returned.
public struct RestoredTenant: Sendable {
  public let tenant: TenantID
  /// Whose journal has the last record: another cell's than the one it began in where it moved.
  public let cell: CellID
  /// The last record in the files.
  public let position: TenantRebuild.Position
  public private(set) var files: [TenantSnapshot.File]
  public let media: [SHA256Hash]
  /// Records replayed after the snapshot.
  public let records: UInt64
  public let bytes: UInt64
  /// The snapshot that it began with; empty: none was needed.
  public let snapshot: String
  /// Whether the history goes on past the restored point in the archive.
  public let isLatest: Bool
  /// Where its last records say that it was on its way to, and may be by now; nil: nowhere.
  public var leaving: CellID?
  /// Whether it was released to that cell: the last record says so.
  public var isReleased = false
  /// Positions behind the last record that are not archived; nil: the tenant had no records there.
  public var missing: ClosedRange<CellSeq>?

  func with(files: [TenantSnapshot.File]) -> RestoredTenant {
    var result = self
    result.files = files
    return result
  }
}

/// Restores one tenant from the archive into a directory of its own.
///
/// A history that went on in another cell is followed there, by the hash of the release: see
/// `docs/decisions/0057-a-restore-follows-a-tenant-over-its-cells.md`.
public struct TenantRestorer: Sendable {
  public let archive: Archive
  public let files: any FileSystem
  private let source: any RecordSource
  /// Names the tenant while its records are replayed, so that a crash is its own; nil: nowhere.
  ///
  /// Whatever begins again once the process is back has it: a drill, a lost cell's recovery, and an
  /// operator's restore, which the control plane asks for until it has an answer, and a follower
  /// that fetches a stopped tenant's files.
  private let running: RunningTenants?

  /// `running`: who is named while records are replayed, see ``StorageEngine/runningTenants``.
  public init(archive: Archive, files: any FileSystem, running: RunningTenants? = nil) {
    self.init(
      archive: archive, files: files, source: JournalReader(archive: archive), running: running)
  }

  init(
    archive: Archive, files: any FileSystem, source: any RecordSource,
    running: RunningTenants? = nil
  ) {
    self.archive = archive
    self.files = files
    self.source = source
    self.running = running
  }

  /// Restores to `target` and checks everything: chain, digests, structure, references, media.
  ///
  /// `cell` is where a tenant without any snapshot has its records. `from` names the one snapshot
  /// to begin with; nil: the one that leads there best. `trusting`: one that the caller knows to be
  /// of the history, though nothing in the journal shows it yet. Files are left as those of `owner`
  /// in the branch `lineage`, durable. Throws ``ArchiveError`` or ``RebuildError``; the directory
  /// is removed then. Where positions are missing behind the last record before a time, or before
  /// the end, it is ``ArchiveError/incomplete(_:)``, unless `acceptsMissing`: see
  /// ``RestoredTenant/missing``.
  public func restore(
    _ tenant: TenantID, schema: StoreSchema, to target: RestoreTarget, cell: CellID,
    into directory: String, as owner: TenantID? = nil, lineage: Lineage, from name: String? = nil,
    trusting known: SnapshotManifest? = nil, acceptsMissing: Bool = false
  ) async throws -> RestoredTenant {
    var found = try await archive.snapshots(tenant, seenFrom: cell)
    if let known, found.ignored.contains(known) {
      found.ignored.removeAll { $0 == known }
      found.counted.append(known)
    }
    let starts: [RestoreStart]
    if let name {
      guard let snapshot = found.counted.first(where: { $0.name == name }) else {
        throw ArchiveError.missing(name: name)
      }
      starts = [.snapshot(snapshot)]
    } else {
      starts = target.starts(found.counted, doubtful: found.ignored, cell)
    }
    return try await restore(
      tenant, schema: schema, to: target, from: starts, into: directory, as: owner,
      lineage: lineage, acceptsMissing: acceptsMissing)
  }

  /// The same from the first of `starts` that leads there.
  func restore(
    _ tenant: TenantID, schema: StoreSchema, to target: RestoreTarget, from starts: [RestoreStart],
    into directory: String, as owner: TenantID? = nil, lineage: Lineage,
    acceptsMissing: Bool = false
  ) async throws -> RestoredTenant {
    let owner = owner ?? tenant
    var first: (any Error)?
    for (index, start) in starts.enumerated() {
      do {
        try await clear(directory)
        let found = try await attempt(tenant, schema, target, start, directory, owner, lineage)
        // Its history may go on in a cell that it came to, though the release is not archived.
        let restored = try await further(
          than: found, starts[(index + 1)...], after: start, directory
        ) {
          try await attempt(tenant, schema, target, $0, $1, owner, lineage)
        }
        if let missing = restored.missing, !acceptsMissing {
          throw ArchiveError.incomplete(
            "positions \(missing.lowerBound.rawValue) to \(missing.upperBound.rawValue) of "
              + "\(restored.cell) are in no object, and nothing shows that \(tenant) has no "
              + "records there behind tenant_seq \(restored.position.tenantSeq.rawValue)")
        }
        return restored
      } catch let error as RestoreMiss {
        // This start does not lead there; another one may.
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

  /// The restored tenant, or a later state of it that one of the imports among `others` leads to.
  ///
  /// Only what came by a move out of the stay in which `start` was taken is tried, and only where
  /// the history ended before the target.
  private func further(
    than found: RestoredTenant, _ others: ArraySlice<RestoreStart>, after start: RestoreStart,
    _ directory: String, _ attempt: (RestoreStart, String) async throws -> RestoredTenant
  ) async throws -> RestoredTenant {
    let epoch = start.snapshot?.epoch ?? .first
    let imports = others.filter { other in
      guard let manifest = other.snapshot, manifest.isImport == true else { return false }
      return manifest.cell != found.cell && manifest.epoch > epoch
    }
    guard found.isLatest, source.hasEveryCell, !imports.isEmpty else { return found }
    let files = files
    let beside = directory + ".beside"
    for other in imports {
      try await clear(beside)
      guard let second = try? await attempt(other, beside),
        second.position.tenantSeq > found.position.tenantSeq
      else { continue }
      try await clear(directory)
      try await Blocking.run("restore") {
        try files.rename(beside, to: directory)
        if let slash = directory.lastIndex(of: "/") {
          try files.synchronizeDirectory(String(directory[..<slash]))
        }
      }.get()
      return second
    }
    try await clear(beside)
    return found
  }

  private func clear(_ directory: String) async throws {
    let files = files
    try await Blocking.run("restore") { try FileTree.remove(directory, files) }.get()
  }

  private func attempt(
    _ tenant: TenantID, _ schema: StoreSchema, _ target: RestoreTarget, _ start: RestoreStart,
    _ directory: String, _ owner: TenantID, _ lineage: Lineage
  ) async throws -> RestoredTenant {
    let (snapshot, cell) = (start.snapshot, start.cell)
    var bytes: UInt64 = 0
    if let snapshot { bytes = try await fetch(snapshot, into: directory) }
    let work = RestoreWork(
      try TenantRebuild(
        tenant: tenant, schema: schema, directory: directory,
        start: try snapshot.map(Self.position), files: files), target, start, running)
    let last: CellID
    do {
      try await read(tenant, cell, after: begin(behind: snapshot), work)
      last = try await follow(tenant, from: cell, work)
    } catch RebuildError.chain(let detail) where !work.isRooted {
      // Damage is looked for behind a start that is known to be of this history.
      throw RestoreMiss(detail: "the start at \(snapshot?.name ?? "its first record"): \(detail)")
    }
    guard let position = work.position else {
      throw RestoreMiss(detail: "no record of \(tenant) at or before \(target)")
    }
    guard work.isRooted else {
      throw RestoreMiss(
        detail: snapshot?.isImport == true
          ? "the tenant came to \(cell) after \(target), or never"
          : "the branch begins after \(target)")
    }
    let isThere =
      switch target {
      case .tenantSeq(let wanted): position.tenantSeq == wanted
      case .command: work.isThere
      case .latest, .time: true
      }
    guard isThere else {
      throw RestoreMiss(
        detail: "\(tenant) is archived up to tenant_seq \(position.tenantSeq.rawValue)")
    }
    let media = try await fetchMedia(tenant, snapshot, into: directory)
    let files = try await Blocking.run("restore") {
      try work.finish(as: owner, lineage)
    }.get()
    let isNamed =
      switch target {
      case .tenantSeq, .command: true
      case .latest, .time: false
      }
    return RestoredTenant(
      tenant: tenant, cell: last, position: position, files: files, media: media,
      records: work.records, bytes: bytes + files.reduce(0) { $0 + $1.bytes },
      snapshot: snapshot?.name ?? "", isLatest: !work.isPast, leaving: work.leaving,
      isReleased: work.departure != nil, missing: isNamed ? nil : work.missing)
  }

  private func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq, _ work: RestoreWork
  ) async throws {
    try await source.read(tenant, cell, after: after, missing: { work.pass(over: $0) }) { records in
      try await Blocking.run("restore") { try work.apply(records) }.get()
    }
  }

  /// Behind which position a snapshot's records follow.
  ///
  /// What all others wrote since an idle tenant's last record is not read.
  private func begin(behind snapshot: SnapshotManifest?) async throws(ArchiveError) -> CellSeq {
    guard let snapshot else { return CellSeq(0) }
    guard source.hasEveryCell else { return snapshot.cellSeq }
    var heads = try await HeadsIndex(archive, snapshot.cell)
    return try await heads.position(behind: snapshot)
  }

  /// Goes on in the cells that the tenant has moved to; answers the one whose journal has the last
  /// record.
  ///
  /// What is not archived there, or was never adopted, leaves the work where its release is.
  private func follow(
    _ tenant: TenantID, from cell: CellID, _ work: RestoreWork
  ) async throws -> CellID {
    var cell = cell
    guard source.hasEveryCell else { return cell }
    while let left = work.departure, !work.isPast {
      // What came with it was archived before it was adopted there.
      let came = try await archive.snapshots(tenant).filter {
        $0.cell == left.to && $0.tenantSeq < left.tenantSeq
      }
      try await read(tenant, left.to, after: came.map(\.cellSeq).max() ?? CellSeq(0), work)
      guard work.departure != left else { break }
      cell = left.to
    }
    return cell
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
    try await Blocking.run("restore") {
      try files.createDirectory(directory)
      try CopyRoom(files).demand(snapshot.bytes, in: directory)
    }.get()
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
    let media = ArchivedMedia(archive, of: tenant)
    let listed = try await media.hashes()
    for name in snapshot?.media ?? [] {
      guard let hash = SHA256Hash(hexadecimal: name), listed.contains(hash) else {
        throw ArchiveError.missing(name: ArchiveNames.media(tenant) + name)
      }
    }
    guard !listed.isEmpty else { return [] }
    let files = files
    let place = "\(directory)/media"
    try await Blocking.run("restore") { try files.createDirectory(place) }.get()
    for hash in listed {
      let content = try await media.content(of: hash)
      try await Blocking.run("restore") {
        try FileTree.write(content, to: "\(place)/\(hash)", files)
      }.get()
    }
    try await Blocking.run("restore") { try files.synchronizeDirectory(place) }.get()
    return Array(listed)
  }
}
