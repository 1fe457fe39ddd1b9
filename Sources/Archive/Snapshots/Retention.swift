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
    return Array(sorted[..<needed])
  }

  /// The position after which a restore to the first point of the window needs the cell's journal:
  /// behind the last snapshot before the window, or the tenant's first record.
  ///
  /// Nil where nobody knows: then all of it is needed.
  public func need(_ snapshots: [SnapshotManifest], at now: Timestamp) -> CellSeq? {
    let start = now.milliseconds - windowMilliseconds
    let before = snapshots.filter { !$0.isBase && $0.time.milliseconds <= start }
    if let last = before.max(by: { $0.position < $1.position }) { return last.cellSeq }
    let base = snapshots.filter(\.isBase).map(\.cellSeq).min()
    let begin = snapshots.compactMap(\.beginsAt).min().map { CellSeq($0.rawValue - 1) }
    // A base is stored before its branch begins: what the branch wrote lies behind it. A tenant
    // with an older branch has snapshots of that one, or began within the window itself.
    guard let base else { return begin }
    return begin.map { min($0, base) } ?? (snapshots.allSatisfy(\.isFork) ? base : nil)
  }

  /// Spans of a cell's journal that no tenant needs: `needs` says for each tenant after which
  /// position it needs them.
  ///
  /// A tenant without any snapshot needs everything: then nothing goes.
  public static func removable(
    _ spans: [JournalSpan], needs: [CellSeq]
  ) -> [JournalSpan] {
    guard let first = needs.min() else { return [] }
    return spans.filter { $0.last <= first }
  }
}
