import Platform
import Wire

/// What readers, trimming and metrics need to know of a journal that is being written.
struct JournalCatalog: Sendable {
  struct Segment: Hashable, Sendable {
    var name: String
    var firstGroup: UInt64
    var firstSeq: CellSeq
    /// The last position in it; `firstSeq - 1` while it has none.
    var lastSeq: CellSeq
    /// Where its durable groups end.
    var endOffset: UInt64
    /// Where a repair's gap lies in it: how far records behind it are void.
    ///
    /// Zero: none.
    var voidThrough = CellSeq(0)
  }

  /// Oldest first; the last is the open one, or sealed without a successor.
  var segments: [Segment] = []
  /// The last durable position.
  var lastSeq = CellSeq(0)
  /// The checkpoint of heads on disk holds up to here; nothing later is trimmed.
  var checkpointThrough = CellSeq(0)
  /// Ranges that readers step over.
  var damage: [DamagedRange] = []
  /// Tenants whose later records a repair declared void.
  var voids = JournalVoids()
  var metrics = JournalMetrics()

  /// The segments whose every record is at or before `pastAll` and in the checkpoint, oldest first.
  ///
  /// Never the last one.
  func removable(pastAll: CellSeq) -> [Segment] {
    let limit = min(pastAll, checkpointThrough)
    return Array(segments.dropLast().prefix { $0.lastSeq <= limit && $0.voidThrough <= limit })
  }

  mutating func remove(_ segment: Segment) {
    segments.removeAll { $0.name == segment.name }
    damage.removeAll { $0.segment == segment.name }
  }

  mutating func groupBecameDurable(_ tip: JournalTip) {
    lastSeq = tip.lastSeq
    guard let last = segments.indices.last else { return }
    segments[last].lastSeq = tip.lastSeq
    segments[last].endOffset = tip.offset
  }

  var untrimmedBytes: UInt64 {
    segments.reduce(0) { $0 + $1.endOffset - UInt64(SegmentHeader.length) }
  }
}

/// Records that a repair declared void: their tenant's chain is broken before them.
struct JournalVoids: Hashable, Sendable {
  /// Per tenant the ranges of positions in which its records are void.
  private var ranges: [TenantID: [ClosedRange<CellSeq>]] = [:]

  /// Takes over what a gap says that stands for the positions from `firstSeq` to `lastSeq`.
  ///
  /// Those are among the void ones: a head that stands there is of a record that is gone.
  mutating func add(_ gap: GapBody, at firstSeq: CellSeq, through lastSeq: CellSeq) {
    let last = max(gap.voidThrough, lastSeq)
    guard firstSeq <= last else { return }
    for void in gap.voids { ranges[void.tenant, default: []].append(firstSeq...last) }
  }

  /// Whether a tenant's record at this position is void.
  func covers(_ tenant: TenantID, _ seq: CellSeq) -> Bool {
    guard !ranges.isEmpty, let ranges = ranges[tenant] else { return false }
    return ranges.contains { $0.contains(seq) }
  }
}
