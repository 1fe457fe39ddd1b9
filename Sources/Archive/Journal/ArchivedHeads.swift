import Foundation
import Storage
import Wire

/// The last record of each tenant in a cell's archived journal up to a position.
///
/// A tenant whose snapshot holds that record has nothing between snapshot and position: what reads
/// its records may begin there, instead of at a snapshot that is months old. Decision 0064.
struct ArchivedHeads: Codable, Hashable, Sendable {
  struct Head: Codable, Hashable, Sendable {
    let tenantSeq: TenantSeq
    /// 64 hexadecimal digits.
    let hash: String

    enum CodingKeys: String, CodingKey {
      case hash
      case tenantSeq = "tenant_seq"
    }
  }

  let cell: CellID
  let generation: Generation
  /// The last position that was looked at.
  let through: CellSeq
  /// By the tenant's name.
  let heads: [String: Head]

  enum CodingKeys: String, CodingKey {
    case cell, generation, through, heads
  }

  /// Whether the tenant has no record behind the snapshot up to the position.
  ///
  /// Only for what was taken of a served tenant: a base and an import need the record that follows
  /// as their proof.
  func says(nothingBehind snapshot: SnapshotManifest) -> Bool {
    guard !snapshot.isBase, snapshot.isImport != true, snapshot.cell == cell,
      snapshot.cellSeq <= through
    else { return false }
    return heads[snapshot.tenant.rawValue]
      == Head(tenantSeq: snapshot.tenantSeq, hash: snapshot.hash)
  }
}

/// The heads that the archive has of one cell, the furthest first; read as they are asked for.
struct HeadsIndex: Sendable {
  private let archive: Archive
  private let cell: CellID
  private var names: [HeadsName]
  private var read: [HeadsName: ArchivedHeads] = [:]

  /// Lists what counts: what a later generation did not go on from is passed over.
  init(_ archive: Archive, _ cell: CellID) async throws(ArchiveError) {
    self.archive = archive
    self.cell = cell
    let claims = try await archive.claims(cell)
    names = try await archive.heads(cell).filter { name in
      claims.contains { $0.generation == name.generation }
        && ReaderRule.takers(of: name.through, after: name.generation, claims).isEmpty
    }.sorted { $0.through > $1.through }
  }

  /// The furthest position behind which the records that follow a snapshot lie.
  mutating func position(behind snapshot: SnapshotManifest) async throws(ArchiveError) -> CellSeq {
    for name in names where name.through > snapshot.cellSeq {
      guard let heads = try await heads(name) else { continue }
      if heads.says(nothingBehind: snapshot) { return name.through }
    }
    return snapshot.cellSeq
  }

  /// Nil where the object cannot be read: it saves time, and nothing depends on it.
  private mutating func heads(_ name: HeadsName) async throws(ArchiveError) -> ArchivedHeads? {
    if let known = read[name] { return known }
    do throws(ArchiveError) {
      let path = ArchiveNames.heads(cell, name)
      let found: ArchivedHeads = try ArchiveJSON.decode(
        try await archive.require(path), as: path)
      guard found.cell == cell, found.generation == name.generation, found.through == name.through
      else { throw .damaged(name: path, detail: "heads of another position") }
      read[name] = found
      return found
    } catch {
      guard error.isOfOneObject else { throw error }
      names.removeAll { $0 == name }
      return nil
    }
  }
}
