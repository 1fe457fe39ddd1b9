import Platform
import Wire

/// What is in a journal's directory, for people: reads only, and takes no lock.
public struct JournalInspection: Codable, Hashable, Sendable {
  public struct Segment: Codable, Hashable, Sendable {
    public var name: String
    public var cell: CellID?
    public var generation: Generation?
    public var firstSeq: CellSeq
    public var lastSeq: CellSeq
    public var groups: Int
    /// Bytes of valid groups, and of the file.
    public var usedBytes: UInt64
    public var fileBytes: UInt64
    public var isSealed: Bool
  }

  public struct Group: Codable, Hashable, Sendable {
    public var segment: String
    public var offset: UInt64
    public var number: UInt64
    public var kind: String
    public var firstSeq: CellSeq
    public var lastSeq: CellSeq
    public var bytes: Int
    public var hash: String
    public var records: [Record]
  }

  public struct Record: Codable, Hashable, Sendable {
    public var cellSeq: CellSeq
    public var tenant: TenantID
    public var tenantSeq: TenantSeq
    public var epoch: Epoch
    public var kind: String
    public var time: Timestamp
    public var commands: UInt32
    public var payloadBytes: UInt32
    public var hash: String
    /// The request ids of its commands, in order; nil where they were not asked for.
    public var requests: [String]?
  }

  /// How much is listed.
  public enum Detail: String, Sendable, CaseIterable { case segments, groups, records, commands }

  public var segments: [Segment]
  public var groups: [Group]
  public var damage: [DamageReport]
  /// `clean`, `torn` or `damaged`.
  public var tail: String

  /// Lists the journal in `directory`: of groups and records those at or behind `from`, at most
  /// `limit` groups.
  public static func run(
    directory: String, files: any FileSystem, detail: Detail, from: CellSeq = CellSeq(0),
    limit: Int = 10_000
  ) throws -> JournalInspection {
    var groups: [Group] = []
    var scanner = JournalScanner(directory: directory, cell: nil, generation: nil, files: files)
    let scan = try scanner.run { group, records in
      guard detail != .segments, group.header.lastSeq >= from, groups.count < limit else { return }
      var listed = Group(group, detail == .groups ? [] : records)
      if detail == .commands {
        for (index, record) in records.enumerated() {
          listed.records[index].requests = try record.decodedPayload().commands.map(\.requestID)
        }
      }
      groups.append(listed)
    }
    return JournalInspection(
      segments: scan.segments.map(Segment.init), groups: groups,
      damage: scan.allDamage.map(DamageReport.init), tail: scan.tail.name)
  }
}

extension JournalInspection.Segment {
  init(_ segment: JournalScan.Segment) {
    self.init(
      name: segment.name, cell: segment.header?.cell, generation: segment.header?.generation,
      firstSeq: segment.firstSeq, lastSeq: segment.lastSeq, groups: segment.groups,
      usedBytes: segment.endOffset - UInt64(SegmentHeader.length), fileBytes: segment.length,
      isSealed: segment.isSealed)
  }
}

extension JournalInspection.Group {
  init(_ group: ScannedGroup, _ records: [JournalRecord]) {
    self.init(
      segment: group.segment, offset: group.offset, number: group.header.number,
      kind: "\(group.header.kind)", firstSeq: group.header.firstSeq,
      lastSeq: group.header.lastSeq, bytes: group.header.totalBytes,
      hash: group.hash.description, records: records.map(JournalInspection.Record.init))
  }
}

extension JournalInspection.Record {
  init(_ record: JournalRecord) {
    self.init(
      cellSeq: record.position.cellSeq, tenant: record.identity.tenant,
      tenantSeq: record.identity.tenantSeq, epoch: record.identity.epoch,
      kind: "\(record.identity.kind)", time: record.identity.time,
      commands: record.header.commandCount, payloadBytes: record.header.payloadLength,
      hash: record.hash.description)
  }
}

extension JournalScan {
  /// The damage, with that at the journal's end.
  var allDamage: [DamagedRange] {
    if case .damaged(let tail) = tail { damage + [tail.range] } else { damage }
  }
}

extension JournalScan.Tail {
  var name: String {
    switch self {
    case .clean: "clean"
    case .torn: "torn"
    case .damaged: "damaged"
    }
  }
}
