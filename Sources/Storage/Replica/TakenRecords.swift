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

  init(_ first: RecordIdentity) {
    self.first = first
    add(first)
  }

  mutating func add(_ identity: RecordIdentity) {
    if identity.kind.isOfMove { firstOfMove = firstOfMove ?? identity.kind }
    switch identity.kind {
    case .create, .import, .ready, .adopt, .refuse, .restore: hasArrival = true
    case .commands, .schemaStep, .begin, .release, .burn: break
    }
  }

  /// Whether the tenant was not here before.
  var isBeginning: Bool { first.kind == .create || first.kind == .import }

  /// The head before, given what the rest of the journal says of it, and the head behind all that
  /// is taken.
  ///
  /// Nil for a tenant that was not here before, or whose files were others or on their way: it is
  /// fetched. Of what nobody knows any more it has what is safe: the highest epoch that was armed,
  /// and a look at what is due.
  func before(_ known: TenantHead?, later: TenantHead, end: CellSeq) -> TenantHead? {
    if var known {
      known.armed = max(known.armed, later.armed)
      // A move's record does not say under which epoch the tenant is served.
      if known.ownership.isServed, known.epoch == Epoch(0) { known.epoch = later.epoch }
      return known
    }
    let ownership: TenantHead.Ownership? =
      switch firstOfMove {
      case nil: later.ownership
      case .begin: .owned
      case .release, .burn: .moving
      default: nil
      }
    guard let ownership, first.tenantSeq > TenantSeq(1) else { return nil }
    let isMoves = first.kind.isOfMove
    switch first.kind {
    case .commands, .schemaStep: break
    case .begin, .release, .burn: guard !hasArrival else { return nil }
    case .create, .import, .ready, .adopt, .refuse, .restore: return nil
    }
    return TenantHead(
      lineage: first.lineage, tenantSeq: TenantSeq(first.tenantSeq.rawValue - 1),
      hash: first.previousHash, epoch: isMoves ? later.epoch : first.epoch, ownership: ownership,
      time: first.time, schemaVersion: first.schemaVersion,
      nextDue: isMoves ? first.nextDue : first.time, cellSeq: end, armed: later.armed,
      counterpart: later.counterpart)
  }
}
