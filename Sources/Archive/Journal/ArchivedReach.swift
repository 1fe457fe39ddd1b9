import Storage
import Wire

/// How far a cell's history reached by what the archive has besides its journal.
///
/// A snapshot and heads are stored when the journal is archived up to them: where they are further
/// than the last object, objects at the end were lost, which no gap between two of them shows.
struct ArchivedReach: Sendable {
  private let archive: Archive
  private let cell: CellID

  init(_ archive: Archive, cell: CellID) {
    self.archive = archive
    self.cell = cell
  }

  /// The last position that anything stored under one of `claims` speaks of; 0: nothing does.
  func position(_ claims: [Claim]) async throws(ArchiveError) -> CellSeq {
    var reach = CellSeq(0)
    for heads in try await archive.heads(cell)
    where isHistory(heads.through, of: heads.generation, claims) {
      reach = max(reach, heads.through)
    }
    // What was stored before a branch began, or on its way here, says nothing of this journal.
    for manifest in try await snapshots()
    where manifest.cell == cell && !manifest.isBase && manifest.isImport != true
      && isHistory(manifest.cellSeq, of: manifest.generation, claims)
    {
      reach = max(reach, manifest.cellSeq)
    }
    return reach
  }

  /// Whether a position was written under a claim, and is nobody's by no later one: a takeover that
  /// went on behind it, and came to nothing, knew of it too.
  private func isHistory(
    _ position: CellSeq, of generation: Generation, _ claims: [Claim]
  ) -> Bool {
    claims.contains { $0.generation == generation }
      && ReaderRule.takers(of: position, after: generation, claims).allSatisfy {
        $0.passesOver(position)
      }
  }

  private func snapshots() async throws(ArchiveError) -> [SnapshotManifest] {
    do {
      let names = try await archive.tenants()
      var found = try await archive.furthestSnapshots(names).map(\.value)
      for own in names.keys where Archive.isCellsOwn(own) {
        found += try await archive.snapshots(own, of: cell).prefix(1)
      }
      return found
    } catch let error as ArchiveError {
      throw error
    } catch {
      throw .unreachable("\(error)")
    }
  }
}
