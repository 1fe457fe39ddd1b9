import Wire

/// What a record of a move says beside its identity: the detail of its payload.
///
/// The epoch that the move is armed with is the record's own; what the record follows in the
/// tenant's history is its tenant_seq and its previous hash.
public struct MoveDetail: Hashable, Sendable {
  /// The other cell: the target in what a source writes, the source in what a target writes.
  public var counterpart: CellID
  /// In an `adopt`: where the release lies in the source's journal.
  public var cellSeq: CellSeq

  public init(counterpart: CellID, cellSeq: CellSeq = CellSeq(0)) {
    self.counterpart = counterpart
    self.cellSeq = cellSeq
  }

  var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 32)
    writer.byte(1)
    writer.text(counterpart.rawValue)
    writer.integer(cellSeq.rawValue)
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(JournalError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw JournalError.unknownFormat(UInt32(version)) }
    counterpart = try reader.identifier(Int(clamping: try reader.varint()))
    cellSeq = CellSeq(try reader.integer(UInt64.self))
  }
}

extension RecordKind {
  /// Whether the record belongs to a move, and its payload's detail is a ``MoveDetail``.
  var isOfMove: Bool {
    switch self {
    case .begin, .release, .burn, .ready, .adopt, .refuse, .import: true
    case .create, .commands, .schemaStep, .restore: false
    }
  }

  /// Whether it is a link of its tenant's chain.
  ///
  /// A target's records before `adopt` stand beside the chain: their tenant_seq and previous hash
  /// name its last record, and nothing follows them.
  public var isInChain: Bool {
    switch self {
    case .import, .ready, .refuse: false
    case .create, .commands, .schemaStep, .begin, .release, .burn, .adopt, .restore: true
    }
  }
}
