import Platform
import Wire

/// Whether a key file opens an archive: what was sealed first, and what was sealed last.
///
/// Keys are replaced while objects stay: a copy of the file that was made before opens the older
/// ones only.
public struct ArchiveKeyCheck: Sendable {
  private let archive: Archive

  public init(_ store: any ObjectStore, _ keys: ArchiveKeys) {
    archive = Archive(
      objects: store, keys: ArchiveKeyRing(keys), random: LiveRandomSource())
  }

  /// Opens every claim and, of each cell that has one, the ends of its journal and the newest
  /// snapshot of its own store; answers how many objects that were.
  ///
  /// Throws ``ArchiveError/wrongKey(name:found:)`` for the first one that none of the keys opens.
  public func run() async throws(ArchiveError) -> Int {
    var names = try await archive.objects.list(ArchiveNames.allClaims).map(\.name)
    for cell in Set(names.compactMap(ArchiveNames.cell(ofClaim:))).sorted() {
      let journal = try await archive.objects.list(ArchiveNames.journal(cell)).map(\.name)
      names += [journal.first, journal.last].compactMap(\.self)
    }
    let own = try await archive.objects.list(ArchiveNames.snapshots(.cellStore))
    names += own.map(\.name).suffix(1)
    var opened = 0
    for name in names where try await archive.get(name) != nil { opened += 1 }
    return opened
  }
}
