import Wire

/// What a ``JournalCut`` takes of one tenant, as far as it says where the tenant stood before.
///
/// The checkpoint of heads knows each tenant's last record only. Where that is taken away, and the
/// record before was trimmed long ago, nothing else says that the tenant is here.
struct TakenRecords {
  private let first: RecordIdentity
  /// The kind of the first record that is a move's.
  private var firstOfMove: RecordKind?
  /// Whether the tenant came here, or its files were exchanged, in what is taken.
  private var hasArrival = false
  /// Whether files came that no record made.
  private(set) var exchangesFiles = false

  init(first: RecordIdentity) { self.first = first }

  mutating func add(_ identity: RecordIdentity) {
    if identity.kind.isOfMove { firstOfMove = firstOfMove ?? identity.kind }
    if identity.kind.exchangesFiles { exchangesFiles = true }
    switch identity.kind {
    case .create, .import, .ready, .adopt, .refuse, .restore: hasArrival = true
    case .commands, .schemaStep, .begin, .release, .burn: break
    }
  }

  /// Whether the tenant began in what is taken.
  var isBeginning: Bool { first.kind == .create }

  /// The head before, given what the rest of the journal says of it, and the head behind all that
  /// is taken.
  ///
  /// Nil for a tenant that was not here before, or whose files were others or on their way: it is
  /// fetched. Of what nobody knows any more it has what is safe: the highest epoch that was armed,
  /// and a look at what is due.
  func before(_ known: TenantHead?, later: TenantHead, end: CellSeq) -> TenantHead? {
    guard var head = known ?? beforeFirst(end) else { return nil }
    // What was read off the journal began with whatever record it has first.
    head.ownership = ownership(later) ?? head.ownership
    head.armed = max(head.armed, later.armed)
    head.counterpart = later.counterpart ?? head.counterpart
    // Without a move or an arrival among what is taken, nobody came to own it there.
    let isUnmoved = firstOfMove == nil && !hasArrival
    if isUnmoved || head.epoch == Epoch(0) { head.epoch = later.epoch }
    return head
  }

  /// Nil where what is taken does not say it.
  private func ownership(_ later: TenantHead) -> TenantHead.Ownership? {
    switch firstOfMove {
    case nil: hasArrival ? nil : later.ownership
    case .begin: .owned
    case .release, .burn: .moving
    default: nil
    }
  }

  /// The head before the first record, as far as that one says.
  private func beforeFirst(_ end: CellSeq) -> TenantHead? {
    let isMoves = first.kind.isOfMove
    switch first.kind {
    case .commands, .schemaStep: break
    case .begin, .release, .burn: guard !hasArrival else { return nil }
    case .create, .import, .ready, .adopt, .refuse, .restore: return nil
    }
    guard first.tenantSeq > TenantSeq(1) else { return nil }
    return TenantHead(
      lineage: first.lineage, tenantSeq: TenantSeq(first.tenantSeq.rawValue - 1),
      hash: first.previousHash, epoch: isMoves ? Epoch(0) : first.epoch, ownership: .owned,
      time: first.time, schemaVersion: first.schemaVersion,
      nextDue: isMoves ? first.nextDue : first.time, cellSeq: end)
  }
}
