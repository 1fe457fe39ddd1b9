import Storage
import Wire

/// Takes a lost cell's journal over in the archive: a claim under a higher generation.
public struct CellTakeover: Sendable {
  private let archive: Archive
  private let cell: CellID

  public init(_ archive: Archive, cell: CellID) {
    self.archive = archive
    self.cell = cell
  }

  /// Claims the journal for `generation` and answers where the part of it ends that counts: the new
  /// journal begins there.
  ///
  /// Whatever an older process uploads from then on lies at or past the claim, and is ignored by
  /// every reader. A repeat answers the same. Throws ``ArchiveError/fenced(generation:)`` where a
  /// higher one has claimed it.
  public func claim(
    _ generation: Generation, at now: Timestamp
  ) async throws(ArchiveError) -> JournalEnd {
    let claims = try await archive.claims(cell)
    if let higher = claims.map(\.generation).max(), higher > generation {
      throw .fenced(generation: higher.rawValue)
    }
    if !claims.contains(where: { $0.generation == generation }) {
      let end = try await end()
      try await archive.claim(
        Claim(
          cell: cell, generation: generation, firstSeq: end.seq.next, previousHash: "\(end.hash)",
          claimedAt: now))
    }
    guard let claim = try await archive.claims(cell).first(where: { $0.generation == generation })
    else { throw .missing(name: ArchiveNames.claim(cell, generation)) }
    let end = try await end()
    guard end.seq.next == claim.firstSeq, "\(end.hash)" == claim.previousHash else {
      throw .incomplete(
        "the claim begins at \(claim.firstSeq.rawValue), the archive ends at \(end.seq.rawValue)")
    }
    return end
  }

  /// Where the archived journal ends, by the rule of readers.
  private func end() async throws(ArchiveError) -> JournalEnd {
    try await ArchivedObjects(archive: archive, cell: cell).end()?.end ?? .start
  }
}
