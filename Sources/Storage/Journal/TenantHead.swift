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
  }

  public var lineage: Lineage
  public var tenantSeq: TenantSeq
  /// Hash of the last record.
  public var hash: SHA256Hash
  public var epoch: Epoch
  public var ownership: Ownership
  /// The tenant's time of its last record.
  public var time: Timestamp
  public var schemaVersion: UInt32
  public var nextDue: Timestamp?
  /// Where the last record lies in this cell's journal.
  public var cellSeq: CellSeq

  public init(
    lineage: Lineage, tenantSeq: TenantSeq, hash: SHA256Hash, epoch: Epoch, ownership: Ownership,
    time: Timestamp, schemaVersion: UInt32, nextDue: Timestamp?, cellSeq: CellSeq
  ) {
    self.lineage = lineage
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.epoch = epoch
    self.ownership = ownership
    self.time = time
    self.schemaVersion = schemaVersion
    self.nextDue = nextDue
    self.cellSeq = cellSeq
  }

  /// The head after a record, given the head before it (nil: the tenant was not known).
  public init(after before: TenantHead?, _ identity: RecordIdentity, hash: SHA256Hash, at: CellSeq)
  {
    let ownership: Ownership =
      switch identity.kind {
      case .create, .adopt, .burn, .restore: .owned
      case .commands, .schemaStep: before?.ownership ?? .owned
      case .begin: .moving
      case .release: .released
      case .import: .importing
      case .ready: .ready
      case .refuse: .refused
      }
    self.init(
      lineage: identity.lineage, tenantSeq: identity.tenantSeq, hash: hash,
      epoch: identity.epoch, ownership: ownership, time: identity.time,
      schemaVersion: identity.schemaVersion, nextDue: identity.nextDue, cellSeq: at)
  }
}
