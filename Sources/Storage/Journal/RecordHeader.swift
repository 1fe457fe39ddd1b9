import Wire

/// What a record is.
///
/// The numbers stand in the journal and are never reused.
public enum RecordKind: UInt8, Hashable, Sendable, CaseIterable {
  /// The tenant begins here: its first record.
  case create = 1
  /// A batch of commands.
  case commands = 2
  /// One step of a file's schema; the payload's detail names it.
  case schemaStep = 3
  /// A move away may begin under the next epoch.
  case begin = 4
  /// The tenant is another cell's from here on.
  case release = 5
  /// An epoch that was armed and is never used.
  case burn = 6
  /// The target of a move is complete up to the source's last record.
  case ready = 7
  /// The tenant is this cell's from here on.
  case adopt = 8
  /// The target of a move declines.
  case refuse = 9
  /// Another cell's tenant is on its way here: its files are, up to the record that this one names.
  /// The records that follow are the source's own, byte for byte.
  case `import` = 10
  /// A branch of a history begins here: the files are those that a restore made. The payload's
  /// detail names the branch that it left (``RestoreOrigin``).
  case restore = 11

  /// Whether the tenant is another cell's behind this record; nil: it leaves that as it was.
  var leaves: Bool? {
    switch self {
    case .create, .adopt, .restore: false
    case .release, .refuse, .import: true
    case .commands, .schemaStep, .begin, .burn, .ready: nil
    }
  }

  /// Whether a tenant's files are others from this record on than those that records made.
  var exchangesFiles: Bool {
    switch self {
    case .restore, .import, .refuse: true
    case .create, .commands, .schemaStep, .begin, .release, .burn, .ready, .adopt: false
    }
  }

  /// Whether the record may use the disk reserve: without it ownership would hang on a full disk.
  public var mayUseReserve: Bool {
    switch self {
    case .release, .burn, .adopt, .refuse: true
    case .create, .commands, .schemaStep, .begin, .ready, .import, .restore: false
    }
  }
}

/// What one record says about itself and its tenant; covered by the record's hash.
public struct RecordIdentity: Hashable, Sendable {
  public var tenant: TenantID
  public var lineage: Lineage
  public var epoch: Epoch
  public var tenantSeq: TenantSeq
  /// The hash of this tenant's record before; `zero` before its first.
  public var previousHash: SHA256Hash
  /// The tenant's time of the batch.
  public var time: Timestamp
  public var schemaVersion: UInt32
  public var kind: RecordKind
  /// When the tenant next has work to do; nil: never.
  public var nextDue: Timestamp?

  public init(
    tenant: TenantID, lineage: Lineage, epoch: Epoch, tenantSeq: TenantSeq,
    previousHash: SHA256Hash, time: Timestamp, schemaVersion: UInt32, kind: RecordKind,
    nextDue: Timestamp?
  ) {
    self.tenant = tenant
    self.lineage = lineage
    self.epoch = epoch
    self.tenantSeq = tenantSeq
    self.previousHash = previousHash
    self.time = time
    self.schemaVersion = schemaVersion
    self.kind = kind
    self.nextDue = nextDue
  }
}

/// A record's header: its identity and what its payload holds.
public struct RecordHeader: Hashable, Sendable {
  public var identity: RecordIdentity
  public var commandCount: UInt32
  /// Bytes of the payload as it lies in the journal.
  public var payloadLength: UInt32
  /// CRC-32 of these bytes.
  public var payloadCRC: UInt32
  /// Bytes that the compressed payload stands for; nil where it is stored as it is.
  public var decompressedLength: UInt32?

  public init(
    identity: RecordIdentity, commandCount: UInt32, payloadLength: UInt32, payloadCRC: UInt32,
    decompressedLength: UInt32? = nil
  ) {
    self.identity = identity
    self.commandCount = commandCount
    self.payloadLength = payloadLength
    self.payloadCRC = payloadCRC
    self.decompressedLength = decompressedLength
  }
}

/// Where a record lies: not covered by its hash, so that a moved record keeps it.
public struct RecordPosition: Hashable, Sendable {
  public var cell: CellID
  public var generation: Generation
  public var cellSeq: CellSeq

  public init(cell: CellID, generation: Generation, cellSeq: CellSeq) {
    self.cell = cell
    self.generation = generation
    self.cellSeq = cellSeq
  }
}

/// A record read back from a journal; header, checksums and form were checked.
public struct JournalRecord: Sendable {
  public let header: RecordHeader
  public let position: RecordPosition
  public let hash: SHA256Hash
  /// As it lies in the journal, compressed where the header says so.
  public let payload: [UInt8]

  public var identity: RecordIdentity { header.identity }

  /// Decodes the payload; throws ``JournalError/malformed(_:)`` where it does not keep the format.
  public func decodedPayload() throws(JournalError) -> RecordPayload {
    try header.decoded(payload)
  }
}

extension RecordHeader {
  /// Decodes a payload as it lies in the journal or in a sealed record.
  func decoded(_ payload: [UInt8]) throws(JournalError) -> RecordPayload {
    var plain = payload
    if let length = decompressedLength {
      plain = try PayloadCompression.shared.decompress(payload, length: Int(length))
    }
    return try RecordPayload(decoding: plain, commandCount: commandCount)
  }
}
