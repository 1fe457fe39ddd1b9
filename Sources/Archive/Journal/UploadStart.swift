import Platform
import Storage
import Wire

/// How far a cell's journal is archived: what its next object follows.
struct UploadPosition: Sendable {
  var last: CellSeq
  /// The last archived group; nil: nothing says which one the next must follow.
  var group: (number: UInt64, first: CellSeq, hash: SHA256Hash)?
  var isBeginning: Bool { last.rawValue == 0 }

  init(last: CellSeq, _ groups: [DurableGroup] = []) {
    self.last = last
    group = groups.last.map { ($0.throughNumber, $0.firstSeq, $0.hash) }
  }

  /// What the journal may forget: not the last group's segment, which may end in a seal that the
  /// next group follows, and that only the next object will hold.
  var pin: CellSeq {
    guard let first = group?.first else { return last }
    return CellSeq(first.rawValue - min(first.rawValue, 1))
  }

  /// By the group, not the position: a seal has none, and what follows chains to it.
  var tailStart: JournalTail.Start {
    if let group { return .afterGroup(group.number) }
    return isBeginning ? .afterGroup(0) : .from(last.next)
  }
}

/// Where a process begins to archive its journal: claimed for its generation, behind what the
/// archive has of it.
struct UploadStart: Sendable {
  let archive: Archive
  let cell: CellID
  let generation: Generation

  /// How long it is told that an earlier generation's tail counts no more.
  static let abandonedToldMilliseconds: Int64 = 24 * 3_600_000

  struct Found: Sendable {
    var position: UploadPosition
    /// What an earlier generation archived and this journal does not have: it counts no more.
    var abandoned: ClosedRange<CellSeq>?
  }

  /// Finds where the archive ends in `journal`, and claims what follows where that was not done.
  ///
  /// The owner of the highest generation is the cell. What an earlier one archived past the point
  /// at which this journal went its own way is nobody's from the claim on: a replica that was
  /// promoted without it has served meanwhile. Throws ``ArchiveError/fenced(generation:)`` where a
  /// higher one has claimed it, ``ArchiveError/incomplete(_:)`` where this very generation archived
  /// another history, or nothing is common to both.
  func find(in journal: Journal, at now: Timestamp) async throws(ArchiveError) -> Found {
    let claims = try await archive.claims(cell)
    if let higher = claims.map(\.generation).max(), higher > generation {
      throw .fenced(generation: higher.rawValue)
    }
    var found = Found(position: UploadPosition(last: CellSeq(0)))
    let last = try await ArchivedObjects(archive: archive, cell: cell).last()
    if let last { found.position = UploadPosition(last: last.span.last, last.groups) }
    if let own = claims.first(where: { $0.generation == generation }) {
      try demandSame(journal, found.position)
      // Over restarts, and where the claim was stored and its answer lost.
      if let through = own.abandonsThrough, through >= own.firstSeq,
        now.milliseconds - own.claimedAt.milliseconds < Self.abandonedToldMilliseconds
      {
        found.abandoned = own.firstSeq...through
      }
      return found
    }
    if let last, last.span.generation < generation, try !isIn(journal, found.position) {
      found.position = try await common(with: journal)
      found.abandoned = found.position.last.next...last.span.last
    } else {
      try demandSame(journal, found.position)
    }
    // A journal whose beginning is gone is archived from where it begins now.
    let oldest = journal.segmentStarts.first ?? CellSeq(1)
    let first = max(
      found.position.last.next, found.position.isBeginning ? oldest : CellSeq(1))
    try await archive.claim(
      Claim(
        cell: cell, generation: generation, firstSeq: first,
        previousHash: "\(found.position.group?.hash ?? .zero)", claimedAt: now,
        abandonsThrough: found.abandoned?.upperBound))
    return found
  }

  /// The end of the last object that is in the journal group by group.
  private func common(with journal: Journal) async throws(ArchiveError) -> UploadPosition {
    for span in try await archive.journal(cell).spans.reversed()
    where span.last <= journal.lastSeq {
      let position = UploadPosition(last: span.last, try await archive.groups(cell, span))
      // What was trimmed here may be either history's.
      guard let group = position.group, try hash(of: group.number, in: journal) == group.hash
      else { continue }
      return position
    }
    guard journal.segmentStarts.first ?? CellSeq(1) == CellSeq(1) else {
      throw .incomplete("nothing that is archived is in this journal: two journals of one cell")
    }
    return UploadPosition(last: CellSeq(0))
  }

  /// The archive's last group must be this journal's: what others conclude from both, such as who
  /// has written nothing, is of one history then.
  private func demandSame(
    _ journal: Journal, _ position: UploadPosition
  ) throws(ArchiveError) {
    guard position.last <= journal.lastSeq else {
      throw .incomplete(
        "the archive holds cell_seq \(position.last.rawValue), this journal ends at "
          + "\(journal.lastSeq.rawValue): it lost what was archived, or is another cell's")
    }
    guard try isIn(journal, position) else {
      throw .incomplete(
        "group \(position.group?.number ?? 0) is another one in the archive: two journals of one "
          + "cell")
    }
  }

  /// Whether the journal has the position's group, or has trimmed it.
  private func isIn(
    _ journal: Journal, _ position: UploadPosition
  ) throws(ArchiveError) -> Bool {
    guard position.last <= journal.lastSeq else { return false }
    guard let group = position.group else { return true }
    return try hash(of: group.number, in: journal).map { $0 == group.hash }
      ?? (group.number < journal.end.group)
  }

  private func hash(
    of group: UInt64, in journal: Journal
  ) throws(ArchiveError) -> SHA256Hash? {
    do throws(JournalError) { return try journal.hash(ofGroup: group) } catch {
      throw .incomplete("group \(group) cannot be read here: \(error)")
    }
  }
}
