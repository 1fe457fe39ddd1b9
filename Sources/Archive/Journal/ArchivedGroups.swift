import Storage
import Wire

/// A cell's archived groups in order, byte for byte: what a primary sends a follower that lacks
/// what the primary's own journal has trimmed.
public struct ArchivedGroups: Sendable {
  private let archive: Archive
  private let cell: CellID

  public init(_ archive: Archive, cell: CellID) {
    self.archive = archive
    self.cell = cell
  }

  /// Gives `body` where the parts begin that the cell's generations wrote, the latest first, until
  /// it answers false.
  ///
  /// Of one without its first object nothing is told.
  public func begins(_ body: (JournalEnd) async throws -> Bool) async throws {
    for claim in try await archive.claims(cell).sorted(by: { $0.generation > $1.generation }) {
      // Where objects at the end were lost it went on behind them.
      let first = claim.resumesAt ?? claim.firstSeq
      let before = CellSeq(first.rawValue - 1)
      var begin: JournalEnd?
      try await ArchivedObjects(archive: archive, cell: cell).read(after: before) { span, groups in
        if span.first == first, let group = groups.first, group.number > 1 {
          begin = JournalEnd(group: group.number - 1, seq: before, hash: group.previousHash)
        }
        return false
      }
      if let begin, try await !body(begin) { return }
    }
  }

  /// Gives `body` the groups behind `end`, object by object, until it answers false or the archive
  /// ends; `body` answers whether more are wanted.
  ///
  /// Each follows the one before, the first one `end`. Throws ``ArchiveError/incomplete(_:)`` where
  /// the archive does not go on at `end`, ``ArchiveError/damaged(name:detail:)`` where a chain
  /// breaks.
  public func read(
    after end: JournalEnd, _ body: ([DurableGroup]) async throws -> Bool
  ) async throws {
    var (number, hash) = (end.group, end.hash)
    try await ArchivedObjects(archive: archive, cell: cell).read(after: end.seq) { span, found in
      let groups = Array(found.drop { $0.throughNumber <= number })
      guard let first = groups.first, let last = groups.last else { return true }
      guard first.number == number + 1 else {
        throw ArchiveError.incomplete(
          "group \(number + 1) is wanted, the archive goes on with \(first.number)")
      }
      guard first.previousHash == hash || number == 0 else {
        throw ArchiveError.damaged(
          name: ArchiveNames.journal(cell, span),
          detail: "group \(first.number) does not follow what is there")
      }
      (number, hash) = (last.throughNumber, last.hash)
      return try await body(groups)
    }
  }
}
