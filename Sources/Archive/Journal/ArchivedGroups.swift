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
