import Wire

/// Where one tenant's history stands on this cell: the last record, and who owns the tenant.
public struct TenantHead: Hashable, Sendable {
  /// Whether this cell may write for the tenant.
  ///
  /// The numbers stand in the checkpoint file.
  public enum Ownership: UInt8, Hashable, Sendable {
    /// This cell's. May become `moving`.
    case owned = 1
    /// This cell's, with a move begun. May become `owned` (burn) or `released`.
    case moving = 2
    /// Another cell's. May become `importing` or `owned` (adopt).
    case released = 3
    /// Another cell's, on its way here. May become `ready` or `refused`.
    case importing = 4
    /// Complete up to the source's last record. May become `owned` (adopt) or `refused`.
    case ready = 5
    /// Declined as a move's target. May become `importing`.
    case refused = 6

    /// Whether this cell serves the tenant: owns it, though perhaps on its way elsewhere.
    public var isServed: Bool { self == .owned || self == .moving }
    /// Whether the tenant's records are written here: served, or on its way here.
    public var isHere: Bool { self != .released && self != .refused }
  }

  public var lineage: Lineage
  public var tenantSeq: TenantSeq
  /// Hash of the last record.
  public var hash: SHA256Hash
  /// Under which this cell served, or serves, the tenant; 0 where it never did.
  public var epoch: Epoch
  /// The highest epoch that any move of the tenant was begun with here; never below ``epoch``.
  public var armed: Epoch
  public var ownership: Ownership
  /// The other cell of the move that ``armed`` belongs to; nil where there was none.
  public var counterpart: CellID?
  /// The tenant's time of its last record.
  public var time: Timestamp
  public var schemaVersion: UInt32
  public var nextDue: Timestamp?
  /// Where the last record lies in this cell's journal.
  public var cellSeq: CellSeq

  public init(
    lineage: Lineage, tenantSeq: TenantSeq, hash: SHA256Hash, epoch: Epoch, ownership: Ownership,
    time: Timestamp, schemaVersion: UInt32, nextDue: Timestamp?, cellSeq: CellSeq,
    armed: Epoch? = nil, counterpart: CellID? = nil
  ) {
    self.lineage = lineage
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.epoch = epoch
    self.armed = max(armed ?? epoch, epoch)
    self.ownership = ownership
    self.counterpart = counterpart
    self.time = time
    self.schemaVersion = schemaVersion
    self.nextDue = nextDue
    self.cellSeq = cellSeq
  }

  /// The tenant's time of a record that follows: a clock that went back does not take it along.
  package func timeOfNext(at clock: Timestamp) -> Timestamp { max(clock, time) }

  /// The head after a record, given the head before it (nil: the tenant was not known) and, of a
  /// move's record, the other cell.
  public init(
    after before: TenantHead?, _ identity: RecordIdentity, hash: SHA256Hash, at: CellSeq,
    counterpart: CellID? = nil
  ) {
    // Another cell's records on their way here, whatever they say: only `adopt` ends that.
    let isStreamed = before?.ownership == .importing && identity.kind.isInChain
    let ownership: Ownership =
      switch identity.kind {
      case .adopt: .owned
      case _ where isStreamed: .importing
      case .create, .burn, .restore: .owned
      case .commands, .schemaStep: before?.ownership ?? .owned
      case .begin: .moving
      case .release: .released
      case .import: .importing
      case .ready: .ready
      case .refuse: .refused
      }
    // A move's epoch is armed long before anybody owns under it: where the tenant has never been,
    // nobody may take it for adopted.
    let isArming = identity.kind.isOfMove && identity.kind != .adopt
    let epoch = isStreamed || isArming ? before?.epoch ?? Epoch(0) : identity.epoch
    let isMoves = identity.kind.isOfMove && !isStreamed
    self.init(
      lineage: identity.lineage, tenantSeq: identity.tenantSeq,
      hash: identity.kind.isInChain ? hash : identity.previousHash, epoch: epoch,
      ownership: ownership, time: identity.time, schemaVersion: identity.schemaVersion,
      nextDue: identity.nextDue, cellSeq: at,
      armed: isStreamed ? before?.armed : max(identity.epoch, before?.armed ?? identity.epoch),
      counterpart: isMoves ? counterpart ?? before?.counterpart : before?.counterpart)
  }

  /// The head after a record of this cell's journal.
  init(after before: TenantHead?, _ record: JournalRecord) throws(JournalError) {
    var counterpart: CellID?
    if record.identity.kind.isOfMove {
      let detail = try record.decodedPayload().detail
      if !detail.isEmpty { counterpart = try MoveDetail(decoding: detail).counterpart }
    }
    self.init(
      after: before, record.identity, hash: record.hash, at: record.position.cellSeq,
      counterpart: counterpart)
  }
}
