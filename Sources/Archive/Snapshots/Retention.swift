import Storage
import Wire

/// What may be removed: nothing that a restore to any point of the window needs.
///
/// Decides only.
public struct Retention: Hashable, Sendable {
  public static let standard = Retention(windowMilliseconds: 30 * 24 * 3_600_000)

  public var windowMilliseconds: Int64

  public init(windowMilliseconds: Int64) { self.windowMilliseconds = windowMilliseconds }

  /// The snapshots of one tenant that nothing in the window needs.
  ///
  /// Kept are all whose records reach into the window, and the last one before it: the first point
  /// of the window is restored from there. A base alone is not enough for that: it is stored before
  /// its branch begins, and a point between needs the branch before.
  public func removable(
    _ snapshots: [SnapshotManifest], at now: Timestamp
  ) -> [SnapshotManifest] {
    let start = now.milliseconds - windowMilliseconds
    let sorted = snapshots.sorted { $0.position < $1.position }
    // By the time of the last record in it: taken later, it still holds no more than that.
    guard let needed = sorted.lastIndex(where: { !$0.isBase && $0.time.milliseconds <= start })
    else { return [] }
    // What came by a move out of the stay that is needed is where the next cell's part begins.
    return sorted[..<needed].filter {
      $0.isImport != true || $0.epoch <= sorted[needed].epoch
    }
  }

  /// What a tenant needs of one cell's journal, for a restore to the first point of the window.
  public enum Need: Hashable, Sendable {
    /// Nothing: it was there before the last snapshot before the window only.
    case nothing
    /// What lies past this position.
    case after(CellSeq)
    /// Nobody knows where it begins: all of it.
    case everything
  }

  /// What a tenant needs of `cell`'s journal, whose last record of it is `last`.
  ///
  /// Its history may lie in several cells one after the other. From the last snapshot before the
  /// window on all of it is needed: in the cell that took that one behind it, in a later one from
  /// what came with the tenant. `idleThrough`: up to there the archive shows that it has no record
  /// behind its last snapshot here (``ArchivedHeads``).
  public func need(
    _ snapshots: [SnapshotManifest], of cell: CellID, last: TenantSeq, at now: Timestamp,
    idleThrough: CellSeq = CellSeq(0)
  ) -> Need {
    let start = now.milliseconds - windowMilliseconds
    let sorted = snapshots.sorted { $0.position < $1.position }
    let first = sorted.last { !$0.isBase && $0.time.milliseconds <= start }
    if let first {
      // Whoever has written nothing since needs nothing of what all others wrote.
      let isIdle = last <= first.tenantSeq
      if first.cell == cell {
        return .after(isIdle ? max(first.cellSeq, idleThrough) : first.cellSeq)
      }
      if isIdle { return .nothing }
    }
    let own = sorted.filter { snapshot in
      guard let first, snapshot.cell == cell else { return snapshot.cell == cell }
      return first.position < snapshot.position
        || snapshot.isImport == true && snapshot.epoch > first.epoch
    }
    let begins = own.compactMap(\.beginsAt).map { CellSeq($0.rawValue - 1) }
    guard let earliest = own.first else { return .everything }
    // What came with it is where its history here begins. A base of another kind leaves a branch
    // of which this cell may have the records.
    let came = earliest.isImport == true && (first != nil || sorted.first?.isImport != true)
    guard came || earliest.isFork || !begins.isEmpty else { return .everything }
    return (own.filter(\.isBase).map(\.cellSeq) + begins).min().map(Need.after) ?? .everything
  }

  /// Spans of a cell's journal that no tenant needs.
  ///
  /// Where nobody says after which position it needs them, nothing goes.
  public static func removable(
    _ spans: [JournalSpan], needs: [Need]
  ) -> [JournalSpan] {
    var first: CellSeq?
    for need in needs {
      switch need {
      case .nothing: continue
      case .everything: return []
      case .after(let position): first = min(first ?? position, position)
      }
    }
    guard let first else { return [] }
    return spans.filter { $0.last <= first }
  }

  /// Snapshots of a history that nobody went on from, once the window is past them.
  func old(_ ignored: [SnapshotManifest], at now: Timestamp) -> [SnapshotManifest] {
    ignored.filter { isOver(since: $0.takenAt, at: now) }
  }

  /// Whether a window has passed.
  func isOver(since: Timestamp, at now: Timestamp) -> Bool {
    now.milliseconds - since.milliseconds >= windowMilliseconds
  }
}
