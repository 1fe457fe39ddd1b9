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
  /// every reader. Where snapshots or heads show that more was written than any object has, the
  /// objects at the end are lost: the new journal begins behind those positions, and every reader
  /// is told of them (``ReaderRule/Reading/lostTail``). A repeat answers the same. Throws
  /// ``ArchiveError/fenced(generation:)`` where a higher one has claimed it.
  public func claim(
    _ generation: Generation, at now: Timestamp
  ) async throws(ArchiveError) -> JournalEnd {
    let claims = try await archive.claims(cell)
    if let higher = claims.map(\.generation).max(), higher > generation {
      throw .fenced(generation: higher.rawValue)
    }
    if !claims.contains(where: { $0.generation == generation }) {
      let end = try await end()
      let reach = try await ArchivedReach(archive, cell: cell).position(claims)
      try await archive.claim(
        Claim(
          cell: cell, generation: generation, firstSeq: end.seq.next, previousHash: "\(end.hash)",
          claimedAt: now, resumesAt: reach > end.seq ? reach.next : nil))
    }
    guard let claim = try await archive.claims(cell).first(where: { $0.generation == generation })
    else { throw .missing(name: ArchiveNames.claim(cell, generation)) }
    var end = try await end()
    guard end.seq.next == claim.firstSeq, "\(end.hash)" == claim.previousHash else {
      throw .incomplete(
        "the claim begins at \(claim.firstSeq.rawValue), the archive ends at \(end.seq.rawValue)")
    }
    // No position is used twice, though its object is lost.
    if let resumed = claim.resumesAt { end.seq = CellSeq(resumed.rawValue - 1) }
    return end
  }

  /// Where the archived journal ends, by the rule of readers.
  private func end() async throws(ArchiveError) -> JournalEnd {
    try await ArchivedObjects(archive: archive, cell: cell).end()?.end ?? .start
  }
}
