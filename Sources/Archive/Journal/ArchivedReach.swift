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
    var reach = try await HeadsIndex(archive, cell).through
    for manifest in try await snapshots()
    where manifest.cell == cell && ReaderRule.counts(manifest, claims: claims) {
      // What was stored before a branch began, or on its way here, says nothing of this journal.
      guard !manifest.isBase, manifest.isImport != true,
        claims.contains(where: { $0.generation == manifest.generation })
      else { continue }
      reach = max(reach, manifest.cellSeq)
    }
    return reach
  }

  private func snapshots() async throws(ArchiveError) -> [SnapshotManifest] {
    do {
      var found = try await archive.furthestSnapshots().map(\.value)
      for own in try await archive.tenants().keys where Archive.isCellsOwn(own) {
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
