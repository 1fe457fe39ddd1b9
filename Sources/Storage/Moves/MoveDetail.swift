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
  /// In an `import`: the files that came with it, which no record makes.
  public var base: [MovedFile]

  public init(counterpart: CellID, cellSeq: CellSeq = CellSeq(0), base: [MovedFile] = []) {
    self.counterpart = counterpart
    self.cellSeq = cellSeq
    self.base = base
  }

  package var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 32)
    writer.byte(1)
    writer.text(counterpart.rawValue)
    writer.integer(cellSeq.rawValue)
    // Programs before the base leave out what they do not know, and a base that is not there.
    guard !base.isEmpty else { return writer.bytes }
    writer.byte(UInt8(base.count))
    for file in base {
      writer.byte(file.kind.rawValue)
      writer.integer(file.appliedSeq.rawValue)
      writer.integer(file.digest.value)
    }
    return writer.bytes
  }

  init(decoding bytes: [UInt8]) throws(JournalError) {
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == 1 else { throw JournalError.unknownFormat(UInt32(version)) }
    counterpart = try reader.identifier(Int(clamping: try reader.varint()))
    cellSeq = CellSeq(try reader.integer(UInt64.self))
    base = []
    guard !reader.isAtEnd else { return }
    for _ in 0..<(try reader.byte()) {
      base.append(
        MovedFile(
          kind: FileKind(rawValue: try reader.byte()),
          appliedSeq: TenantSeq(try reader.integer(UInt64.self)),
          digest: Digest(try reader.uint128())))
    }
  }
}

extension JournalRecord {
  /// The other cell that a record of a move names: of a release, the one that may adopt.
  ///
  /// Throws ``JournalError`` for a record of another kind.
  public var counterpart: CellID {
    get throws { try MoveDetail(decoding: try decodedPayload().detail).counterpart }
  }
}

/// One file of a tenant as it was copied to a move's target.
public struct MovedFile: Hashable, Sendable {
  public var kind: FileKind
  /// The last record that touched it.
  public var appliedSeq: TenantSeq
  public var digest: Digest

  public init(kind: FileKind, appliedSeq: TenantSeq, digest: Digest) {
    self.kind = kind
    self.appliedSeq = appliedSeq
    self.digest = digest
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
