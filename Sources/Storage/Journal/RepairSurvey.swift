import Platform
import Wire

/// What a repair needs to know: where the valid groups lie, and where each tenant stood at each
/// range of damage.
struct RepairSurvey {
  /// A valid group's place.
  struct Place {
    var offset: UInt64
    var header: GroupHeader
    var hash: SHA256Hash
    /// Its number, or for a gap that of the last group it stands for.
    var throughGroup: UInt64
  }

  /// What a tenant lost in a range.
  struct Lost {
    /// The highest tenant seq that is gone.
    var through: TenantSeq
    /// Records of the tenant behind the range.
    var later: UInt64 = 0
    /// The highest tenant seq of those; `through` where there are none.
    var last: TenantSeq

    init(through: TenantSeq) {
      self.through = through
      last = through
    }
  }

  private(set) var scan = JournalScan()
  private(set) var damage: [DamagedRange] = []
  private(set) var places: [String: [Place]] = [:]
  /// Per range, the heads before it.
  private(set) var before: [[TenantID: TenantHead]] = []
  /// What is missing before the first segment, or with a table of heads that cannot be read; nil:
  /// nothing.
  private(set) var beginning: DamagedRange?
  /// Where each tenant stands, as far as the checkpoint and the records tell.
  private(set) var heads: [TenantID: TenantHead] = [:]
  /// Whether the checkpoint has heads that are void: a repair ended before it had put them back.
  private(set) var hasVoidHeads = false
  private var checkpoint: HeadsCheckpoint?
  /// What some file of each tenant has.
  private var applied: [TenantID: AppliedFiles] = [:]
  private var renewals: [TenantID: CellSeq] = [:]
  private var records: [(tenant: TenantID, seq: TenantSeq, cellSeq: CellSeq)] = []
  /// Each tenant's first record in the journal.
  private var firstSeqs: [TenantID: TenantSeq] = [:]

  /// `applied` is what each tenant's files have: where they prove that a torn
  /// tail held what was acknowledged, it is damage, as it is to every start.
  init(directory: String, files: any FileSystem, applied: [TenantID: AppliedFiles]) throws {
    var places: [String: [Place]] = [:]
    var records: [(tenant: TenantID, seq: TenantSeq, cellSeq: CellSeq)] = []
    var fold = HeadsFold([:])
    var history: [(firstSeq: CellSeq, heads: [TenantID: TenantHead])] = []
    var scanner = JournalScanner(directory: directory, cell: nil, generation: nil, files: files)
    scan = try scanner.run { group, found in
      if !group.chains { history.append((group.header.firstSeq, fold.heads)) }
      let through =
        group.header.kind == .gap
        ? try GapBody(decoding: group.body).throughGroup : group.header.number
      places[group.segment, default: []].append(
        Place(
          offset: group.offset, header: group.header, hash: group.hash, throughGroup: through))
      try fold.add(group, found)
      for record in found where !fold.voids.covers(record.identity.tenant, record.position.cellSeq)
      {
        records.append(
          (record.identity.tenant, record.identity.tenantSeq, record.position.cellSeq))
      }
    }
    self.applied = applied
    self.places = places
    self.records = records
    renewals = fold.renewals
    for record in records where firstSeqs[record.tenant] == nil {
      firstSeqs[record.tenant] = record.seq
    }
    let stored = try Self.readHeads(directory, files, scan)
    checkpoint = stored.checkpoint
    for (tenant, head) in stored.checkpoint?.heads ?? [:]
    where fold.voids.covers(tenant, head.cellSeq) {
      guard let kept = fold.heads[tenant] else { continue }
      checkpoint?.heads[tenant] = kept
      hasVoidHeads = true
    }
    heads = (checkpoint?.heads ?? [:]).merging(fold.heads) { $0.cellSeq < $1.cellSeq ? $1 : $0 }
    beginning = findBeginning(stored.unreadable)
    if let checkpoint, checkpoint.through > scan.tip.lastSeq {
      var tail = scan.endingTail("the checkpoint of heads holds more than the journal")
      if case .damaged(let found) = scan.tail { tail = found }
      tail.lastSeq = max(tail.lastSeq ?? checkpoint.through, checkpoint.through)
      scan.tail = .damaged(tail)
    }
    scan.prove(by: { applied.mapValues(\.highest) }, over: heads)
    damage = scan.allDamage
    before = damage.map { range in
      let folded = history.first {
        $0.firstSeq > range.firstSeq || $0.firstSeq == range.lastSeq?.next
      }
      return (folded?.heads ?? fold.heads).merging(olderHeads(range)) { found, _ in found }
    }
  }

  /// The checkpoint; or how long the file is that does not read as one, and why.
  private static func readHeads(
    _ directory: String, _ files: any FileSystem, _ scan: JournalScan
  ) throws -> (checkpoint: HeadsCheckpoint?, unreadable: (bytes: Int, reason: String)?) {
    guard let cell = scan.segments.lazy.compactMap({ $0.header?.cell }).first,
      let bytes = try HeadsFile.read(directory: directory, files: files)
    else { return (nil, nil) }
    do throws(JournalError) {
      return (try HeadsFile.decode(bytes, cell: cell, generation: nil), nil)
    } catch .malformed(let detail) {
      return (nil, (bytes: bytes.count, reason: detail))
    }
  }

  private func findBeginning(_ unreadable: (bytes: Int, reason: String)?) -> DamagedRange? {
    guard let first = scan.segments.first else { return nil }
    let through = checkpoint?.through ?? CellSeq(0)
    let last = CellSeq(first.firstSeq.rawValue - 1)
    if let unreadable {
      return DamagedRange(
        segment: JournalNames.heads, startOffset: 0, endOffset: UInt64(unreadable.bytes),
        firstSeq: CellSeq(1), lastSeq: last, tenants: .unknown(intact: Set(heads.keys)),
        reason: "the table of heads: \(unreadable.reason)")
    }
    guard last > through else { return nil }
    return DamagedRange(
      segment: first.name, startOffset: 0, endOffset: 0, firstSeq: through.next, lastSeq: last,
      tenants: .unknown(intact: []), reason: "segments before the first one are missing")
  }

  /// Of a tenant: the last record that the checkpoint knows, and the first one in the journal.
  func ends(of tenant: TenantID) -> (kept: TenantSeq?, next: TenantSeq?) {
    (checkpoint?.heads[tenant]?.tenantSeq, firstSeqs[tenant])
  }

  /// Heads of the checkpoint that are older than a range: their tenants stood there before it.
  private func olderHeads(_ range: DamagedRange) -> [TenantID: TenantHead] {
    (checkpoint?.heads ?? [:]).filter { $0.value.cellSeq < range.firstSeq }
  }

  /// Whether the tenant's files are others behind the range: of what was there they need nothing,
  /// and to void what follows would take from them what was acknowledged since.
  func isRenewed(_ tenant: TenantID, behind range: DamagedRange) -> Bool {
    renewals[tenant].map(range.isBefore) ?? false
  }

  /// Whether the tenant's files have more than all that the journal still says of it.
  func isAhead(_ tenant: TenantID, at applied: TenantSeq) -> Bool {
    guard let head = heads[tenant] else { return applied > .zero }
    return head.ownership.isHere && applied > head.tenantSeq
  }

  /// Whether no range lies between this one and the journal's end that could hold what is missing
  /// of the tenant behind its last record.
  func isLast(_ index: Int, for tenant: TenantID) -> Bool {
    let known = heads[tenant]?.cellSeq ?? CellSeq(0)
    return damage.lastIndex { isMissing($0) && $0.firstSeq > known } == index
  }

  func isMissing(_ range: DamagedRange) -> Bool {
    range.lastSeq.map { $0 >= range.firstSeq } ?? true
  }

  /// What the first segment begins behind: where it says, or its name does.
  var start: JournalTip {
    var tip = JournalTip.start
    guard let segment = scan.segments.first else { return tip }
    let first = places[segment.name]?.first?.header
    tip.groupNumber = (segment.header?.firstGroup ?? segment.firstGroup) - 1
    tip.lastSeq = CellSeq((segment.header?.firstSeq ?? first?.firstSeq ?? CellSeq(1)).rawValue - 1)
    tip.hash = segment.header?.previousHash ?? first?.previousHash ?? .zero
    return tip
  }

  /// Behind the last valid group of a segment; nil: it has none.
  func end(of segment: JournalScan.Segment) -> JournalTip? {
    guard let place = places[segment.name]?.last else { return nil }
    return JournalTip(
      groupNumber: place.throughGroup, lastSeq: place.header.lastSeq, hash: place.hash,
      offset: place.offset + UInt64(place.header.totalBytes))
  }

  func segments(behind segment: JournalScan.Segment) -> ArraySlice<JournalScan.Segment> {
    scan.segments.drop { $0.name != segment.name }.dropFirst()
  }

  /// The first valid group in the segments behind this one.
  func firstGroup(behind segment: JournalScan.Segment) -> GroupHeader? {
    segments(behind: segment).lazy.compactMap { places[$0.name]?.first?.header }.first
  }

  /// The last position known to be lost at the journal's end; its last one where none is.
  var lastSeqOfTail: CellSeq {
    guard case .damaged(let tail) = scan.tail else { return scan.tip.lastSeq }
    return max(tail.lastSeq ?? scan.tip.lastSeq, scan.tip.lastSeq)
  }

  /// Per tenant what is gone in a range, as far as lists, the checkpoint and later records tell.
  func lost(_ index: Int) -> [TenantID: Lost] {
    let range = damage[index]
    // A header, a seal, a hole's piece in another segment: what is missing is another range's.
    if range.tenants == .known([:]), !isMissing(range) { return [:] }
    var lost: [TenantID: Lost] = [:]
    if case .known(let tenants) = range.tenants {
      for (tenant, seq) in tenants { lost[tenant] = Lost(through: seq) }
    }
    for (tenant, head) in checkpoint?.heads ?? [:] where holds(range, head) {
      lost[tenant] = Lost(through: max(head.tenantSeq, lost[tenant]?.through ?? .zero))
    }
    var met: Set<TenantID> = []
    for record in records where record.cellSeq >= range.firstSeq {
      let isFirst = met.insert(record.tenant).inserted
      if isFirst, lost[record.tenant] == nil, isLost(index, before: record.seq, record.tenant) {
        lost[record.tenant] = Lost(through: TenantSeq(record.seq.rawValue - 1))
      }
      lost[record.tenant]?.later += 1
      lost[record.tenant]?.last = record.seq
    }
    if case .unknown(let intact) = range.tenants {
      for tenant in intact { lost[tenant] = nil }
    }
    return lost.filter { !isRenewed($0.key, behind: range) }
  }

  /// Whether the record that a head of the checkpoint names lay in a range.
  private func holds(_ range: DamagedRange, _ head: TenantHead) -> Bool {
    guard head.cellSeq >= range.firstSeq else { return false }
    guard let last = range.lastSeq else { return true }
    // Of what lies before everything that can be read, nothing says where it begins.
    return head.cellSeq <= last && (range.firstSeq > CellSeq(1) || isUntrimmed)
  }

  /// Whether what a tenant's first record behind a range follows lay in the range.
  ///
  /// Asked of ranges of unknown tenants only: a list names all of them.
  private func isLost(_ index: Int, before seq: TenantSeq, _ tenant: TenantID) -> Bool {
    guard case .unknown = damage[index].tenants else { return false }
    if let kept = before[index][tenant] { return seq > kept.tenantSeq.next }
    // Nothing is trimmed that not every file has.
    let trimmed = mayBeTrimmed(tenant) ? applied[tenant]?.whole ?? .zero : .zero
    return seq > trimmed.next
  }

  /// Whether records of a tenant may have been trimmed away, or be missing, before the first
  /// segment: who is not in the checkpoint had none there.
  private func mayBeTrimmed(_ tenant: TenantID) -> Bool {
    guard !isUntrimmed else { return false }
    return beginning != nil || checkpoint.map { $0.heads[tenant] != nil } ?? true
  }

  private var isUntrimmed: Bool { scan.segments.first.map { $0.firstGroup <= 1 } ?? true }

  /// Puts the heads of voided tenants back to what they keep, and the checkpoint past what is
  /// missing before the first segment.
  ///
  /// In the place of one that cannot be read, the records tell the heads from then on.
  func storeHeads(
    _ directory: String, _ files: any FileSystem, voids gaps: [RepairGap]
  ) throws {
    guard checkpoint != nil || beginning != nil,
      let header = scan.segments.lazy.compactMap(\.header).first
    else { return }
    var checkpoint = checkpoint ?? HeadsCheckpoint(through: CellSeq(0), heads: [:])
    if let last = beginning?.lastSeq { checkpoint.through = max(checkpoint.through, last) }
    for gap in gaps {
      guard let index = damage.firstIndex(of: gap.range) else { continue }
      for void in gap.voids { checkpoint.heads[void.tenant] = before[index][void.tenant] }
    }
    let bytes = HeadsFile.encode(checkpoint, cell: header.cell, generation: header.generation)
    try HeadsFile.write(bytes, directory: directory, files: files)
  }
}
