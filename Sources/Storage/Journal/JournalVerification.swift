import Platform
import Wire

/// What a check of a whole journal found: every checksum, the chain of groups, each tenant's chain.
///
/// Reads only and takes no lock; beside a running writer the last group may look torn.
public struct JournalVerification: Codable, Hashable, Sendable {
  /// A record that does not follow its tenant's record before.
  public struct ChainBreak: Codable, Hashable, Sendable {
    public var tenant: TenantID
    public var cellSeq: CellSeq
    public var expectedSeq: TenantSeq
    public var foundSeq: TenantSeq
    /// Whether the hash of the record before is another than the one it names.
    public var hashDiffers: Bool
  }

  /// Nothing is damaged and every chain holds.
  ///
  /// A torn last group and void records are no fault.
  public var ok: Bool
  public var cell: CellID?
  public var generation: Generation?
  public var segments: Int
  public var groups: Int
  public var records: UInt64
  public var commands: UInt64
  /// Records that a repair declared void; they count in neither of the sums.
  public var voidRecords: UInt64
  public var tenants: Int
  public var firstSeq: CellSeq
  public var lastSeq: CellSeq
  /// Bytes of groups.
  public var bytes: UInt64
  public var damage: [DamageReport]
  public var chainBreaks: [ChainBreak]
  /// Gaps that repairs left.
  public var repairedGaps: Int
  /// Records that stood there, as far as the chains behind the gaps tell; no breaks of a chain.
  public var missingRecords: UInt64
  /// `clean`, `torn` or `damaged`.
  public var tail: String
  /// What is wrong with the checkpoint of heads; nil: nothing, or there is none.
  public var headsProblem: String?

  public static func run(directory: String, files: any FileSystem) throws -> JournalVerification {
    var chains = TenantChains()
    var scanner = JournalScanner(directory: directory, cell: nil, generation: nil, files: files)
    let scan = try scanner.run { group, records in
      if group.header.kind == .gap {
        let header = group.header
        chains.add(
          try GapBody(decoding: group.body), at: header.firstSeq, through: header.lastSeq)
      }
      for record in records { chains.add(record) }
    }
    let header = scan.segments.lazy.compactMap(\.header).first
    let heads = try checkHeads(directory, files, header?.cell, chains, scan.tip.lastSeq)
    let damage = scan.allDamage.map(DamageReport.init)
    return JournalVerification(
      ok: damage.isEmpty && chains.breaks.isEmpty && heads == nil, cell: header?.cell,
      generation: header?.generation, segments: scan.segments.count,
      groups: scan.segments.reduce(0) { $0 + $1.groups },
      records: scan.records - chains.voidRecords, commands: scan.commands - chains.voidCommands,
      voidRecords: chains.voidRecords, tenants: chains.last.count,
      firstSeq: scan.segments.first?.firstSeq ?? scan.tip.lastSeq.next,
      lastSeq: scan.tip.lastSeq,
      bytes: scan.segments.reduce(0) { $0 + $1.endOffset - UInt64(SegmentHeader.length) },
      damage: damage, chainBreaks: chains.breaks, repairedGaps: scan.gaps.count,
      missingRecords: chains.missingRecords, tail: scan.tail.name, headsProblem: heads)
  }

  /// What is wrong with the checkpoint of heads, seen from the records.
  private static func checkHeads(
    _ directory: String, _ files: any FileSystem, _ cell: CellID?, _ chains: TenantChains,
    _ lastSeq: CellSeq
  ) throws -> String? {
    guard let cell, let bytes = try HeadsFile.read(directory: directory, files: files) else {
      return nil
    }
    do throws(JournalError) {
      let checkpoint = try HeadsFile.decode(bytes, cell: cell, generation: nil)
      guard checkpoint.through <= lastSeq else {
        return "the heads hold up to \(checkpoint.through.rawValue), the journal only to "
          + "\(lastSeq.rawValue)"
      }
      for (tenant, link) in chains.last where link.cellSeq <= checkpoint.through {
        guard checkpoint.heads[tenant]?.hash == link.hash else {
          return "the head of tenant \(tenant) is not its last record's"
        }
      }
      return nil
    } catch { return error.description }
  }
}

/// Follows each tenant's chain of records.
struct TenantChains {
  struct Link: Hashable, Sendable {
    var seq: TenantSeq
    var hash: SHA256Hash
    var cellSeq: CellSeq
    /// Another cell's from here on: its records are in that one's journal.
    var isElsewhere = false
  }

  private(set) var last: [TenantID: Link] = [:]
  private(set) var breaks: [JournalVerification.ChainBreak] = []
  private(set) var voidRecords: UInt64 = 0
  private(set) var voidCommands: UInt64 = 0
  private(set) var missingRecords: UInt64 = 0
  private var voids = JournalVoids()
  /// Where gaps begin, and how many positions each has.
  private var gaps: [(firstSeq: CellSeq, positions: UInt64)] = []

  mutating func add(_ gap: GapBody, at firstSeq: CellSeq, through lastSeq: CellSeq) {
    voids.add(gap, at: firstSeq, through: lastSeq)
    guard lastSeq >= firstSeq else { return }
    gaps.append((firstSeq, lastSeq.rawValue - firstSeq.rawValue + 1))
  }

  /// Whether so many records of a tenant can have stood in the gaps behind its last one.
  private func explains(_ missing: UInt64, behind before: Link) -> Bool {
    let room = gaps.reversed().prefix { $0.firstSeq > before.cellSeq }
      .reduce(UInt64(0)) { $0 + $1.positions }
    return missing <= room
  }

  mutating func add(_ record: JournalRecord) {
    let identity = record.identity
    let seq = record.position.cellSeq
    if voids.covers(identity.tenant, seq) {
      voidRecords += 1
      voidCommands += UInt64(record.header.commandCount)
      return
    }
    guard identity.kind.isInChain else {
      // Beside the chain: it names the record that the next one follows, wherever that was written.
      last[identity.tenant] = Link(
        seq: identity.tenantSeq, hash: identity.previousHash, cellSeq: seq,
        isElsewhere: identity.kind == .refuse)
      return
    }
    let before = last[identity.tenant]
    if identity.kind == .adopt {
      // The record between, which it names, is the release in the other cell's journal.
      let expected = before?.seq.next.next ?? identity.tenantSeq
      if identity.tenantSeq != expected {
        breaks.append(
          JournalVerification.ChainBreak(
            tenant: identity.tenant, cellSeq: seq, expectedSeq: expected,
            foundSeq: identity.tenantSeq, hashDiffers: false))
      }
      last[identity.tenant] = Link(seq: identity.tenantSeq, hash: record.hash, cellSeq: seq)
      return
    }
    if identity.kind == .restore, let before, before.isElsewhere, identity.tenantSeq > before.seq {
      // It comes back out of a lost cell's archive: what it follows is in that cell's journal.
      last[identity.tenant] = Link(seq: identity.tenantSeq, hash: record.hash, cellSeq: seq)
      return
    }
    // The first record in a trimmed journal may follow any; a tenant's very first follows none.
    let expected = before?.seq.next ?? identity.tenantSeq
    let hash = before?.hash ?? (identity.tenantSeq.rawValue == 1 ? .zero : identity.previousHash)
    if let before, identity.tenantSeq > expected,
      explains(identity.tenantSeq.rawValue - expected.rawValue, behind: before)
    {
      // What it names as the record before stood in the gap.
      missingRecords += identity.tenantSeq.rawValue - expected.rawValue
    } else if identity.tenantSeq != expected || identity.previousHash != hash {
      breaks.append(
        JournalVerification.ChainBreak(
          tenant: identity.tenant, cellSeq: seq, expectedSeq: expected,
          foundSeq: identity.tenantSeq, hashDiffers: identity.previousHash != hash))
    }
    last[identity.tenant] = Link(
      seq: identity.tenantSeq, hash: record.hash, cellSeq: seq,
      isElsewhere: identity.kind == .release)
  }
}
