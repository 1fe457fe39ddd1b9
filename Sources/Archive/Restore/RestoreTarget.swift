import Storage
import Wire

/// The point of a tenant's history that is wanted.
public enum RestoreTarget: Hashable, Sendable, CustomStringConvertible {
  case latest
  case tenantSeq(TenantSeq)
  /// The record before, and so many of the first commands of this one; all where it has no more.
  case command(TenantSeq, Int)
  /// The last record at or before it.
  case time(Timestamp)

  public var description: String {
    switch self {
    case .latest: "latest"
    case .tenantSeq(let seq): "\(seq.rawValue)"
    case .command(let seq, let commands): "\(seq.rawValue).\(commands)"
    case .time(let time): time.rfc3339
    }
  }

  /// Reads `latest`, a tenant_seq, one with a number of its commands (`812.3`), or a time in RFC
  /// 3339; nil otherwise.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if text == "latest" {
      self = .latest
    } else if parts.count == 2, let seq = UInt64(parts[0]), let commands = Int(parts[1]), seq > 1,
      commands > 0
    {
      self = .command(TenantSeq(seq), commands)
    } else if let number = UInt64(text), number > 0 {
      self = .tenantSeq(TenantSeq(number))
    } else if let time = Timestamp(rfc3339: text) {
      self = .time(time)
    } else {
      return nil
    }
  }

  /// Whether a record lies beyond the target.
  func isPast(_ identity: RecordIdentity) -> Bool {
    switch self {
    case .latest: false
    case .tenantSeq(let seq), .command(let seq, _): identity.tenantSeq > seq
    case .time(let time): identity.time > time
    }
  }

  /// How many of a record's commands are wanted; nil: all.
  func commands(of record: JournalRecord) -> Int? {
    guard case .command(record.identity.tenantSeq, let commands) = self,
      commands < Int(record.header.commandCount)
    else { return nil }
    return commands
  }

  /// Where to begin, the furthest snapshot first; then the tenant's first record, in any cell that
  /// had it.
  ///
  /// `doubtful`: snapshots that count only where the records behind them chain to them.
  func starts(
    _ snapshots: [SnapshotManifest], doubtful: [SnapshotManifest] = [], _ cell: CellID
  ) -> [RestoreStart] {
    // Who took the earliest is likely to have made the tenant, or had it from who did.
    let earliest = (snapshots + doubtful).sorted { $0.position < $1.position }
    let cells = earliest.flatMap { [$0.cameFrom, $0.cell].compactMap { $0 } } + [cell]
    var seen: Set<CellID> = []
    let doubtful = Set(doubtful)
    return candidates(snapshots + doubtful).map { .snapshot($0, isProven: !doubtful.contains($0)) }
      + cells.filter { seen.insert($0).inserted }.map(RestoreStart.first)
  }

  /// Snapshots to begin with, the furthest first.
  ///
  /// A base reaches the record after it; whether that is at or before a wanted time is seen when it
  /// is read.
  func candidates(_ snapshots: [SnapshotManifest]) -> [SnapshotManifest] {
    snapshots.sorted { $1.position < $0.position }.filter { snapshot in
      switch self {
      case .latest: true
      case .tenantSeq(let seq):
        snapshot.isBase ? snapshot.tenantSeq < seq : snapshot.tenantSeq <= seq
      case .command(let seq, _): snapshot.tenantSeq < seq
      case .time(let time): snapshot.time <= time
      }
    }
  }
}

/// Where a restore begins.
enum RestoreStart: Hashable, Sendable {
  case snapshot(SnapshotManifest, isProven: Bool = true)
  /// At the tenant's first record, in this cell's journal.
  case first(CellID)

  var snapshot: SnapshotManifest? {
    if case .snapshot(let manifest, _) = self { manifest } else { nil }
  }

  /// In whose journal the records follow.
  var cell: CellID {
    switch self {
    case .snapshot(let manifest, _): manifest.cell
    case .first(let cell): cell
    }
  }

  /// What shows that it is of the tenant's history.
  var proof: Proof {
    switch self {
    case .first: .firstRecord
    case .snapshot(let manifest, _) where manifest.isImport == true: .adoption
    case .snapshot(let manifest, _) where manifest.isBase: .firstRecord
    case .snapshot(_, let isProven): isProven ? .itself : .nextRecord
    }
  }

  enum Proof: Hashable, Sendable {
    /// It was taken of what was served.
    case itself
    /// The record that it was stored for, the branch's or the tenant's first: at or before the
    /// target, since it makes another state of what was before.
    case firstRecord
    /// Any record that follows: its generation's, or a later one's that went on from here.
    case nextRecord
    /// The record that ends the move it came with.
    case adoption
  }
}
