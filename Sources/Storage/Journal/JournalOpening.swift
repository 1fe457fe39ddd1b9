import Platform
import Wire

/// Recovery: what is in a journal's directory becomes a journal that can go on.
///
/// 1. Take the lock. 2. Scan everything. 3. Cut a torn last group, if nothing proves it durable.
/// 4. Rewrite the last segment into a new file and fsync it: what was read may have been in the
/// page cache only, and nothing may be answered from there. Only then is a result returned.
struct JournalOpening {
  struct Result {
    var lock: any FileLock
    var start: JournalStart
    var catalog: JournalCatalog
    var heads: [TenantID: TenantHead]
    var headsProblem: String?
    var first: CellSeq
    var isWritable: Bool
    var cut: DamagedRange?
    var generationStart: CellSeq?
  }

  let configuration: JournalConfiguration
  let files: any FileSystem
  let maker: SegmentMaker
  let applied: @Sendable () throws -> [TenantID: TenantSeq]

  private var directory: String { configuration.directory }

  func run() throws -> Result {
    try files.createDirectory(directory)
    try files.synchronizeDirectory(Self.parent(directory))
    let lock = try JournalNames.takeLock(directory, files)
    do {
      return try recover(lock)
    } catch {
      lock.release()
      throw error
    }
  }

  private func recover(_ lock: any FileLock) throws -> Result {
    try removeTemporaries()
    let (checkpoint, problem) = try readHeads()
    var fold = HeadsFold(checkpoint?.heads ?? [:])
    var scanner = JournalScanner(
      directory: directory, cell: configuration.cell, generation: configuration.generation,
      oldest: configuration.oldestGeneration, files: files)
    var scan = try scanner.run { group, records in try fold.add(group, records) }
    addCheckpointProofs(&scan, checkpoint, hasProblem: problem != nil)
    for index in scan.damage.indices { scan.damage[index].spare(fold.renewals) }
    try scan.prove(by: applied, over: fold.heads)

    var catalog = JournalCatalog()
    catalog.lastSeq = scan.tip.lastSeq
    catalog.checkpointThrough = checkpoint?.through ?? CellSeq(0)
    catalog.damage = scan.damage
    catalog.voids = fold.voids
    catalog.segments = scan.segments.map { segment in
      JournalCatalog.Segment(
        name: segment.name, firstGroup: segment.firstGroup, firstSeq: segment.firstSeq,
        lastSeq: segment.lastSeq, endOffset: segment.endOffset,
        voidThrough: scan.gaps.filter { $0.segment == segment.name }.map(\.body.voidThrough).max()
          ?? CellSeq(0))
    }
    var isWritable = true
    var cut: DamagedRange?
    switch scan.tail {
    case .clean: break
    case .torn(let tail): cut = tail.range
    case .damaged(let tail):
      catalog.damage.append(tail.range)
      isWritable = false
    }
    var start = try rewrite(scan, isWritable: isWritable)
    start.generation = scan.generation
    if isWritable { try? maker.keepReserve() }
    return Result(
      lock: lock, start: start, catalog: catalog, heads: fold.heads, headsProblem: problem,
      first: scan.segments.first?.firstSeq ?? scan.tip.lastSeq.next, isWritable: isWritable,
      cut: cut,
      generationStart: scan.segments.first {
        $0.header?.generation == configuration.generation
      }?.firstSeq)
  }

  private func removeTemporaries() throws {
    for name in try files.list(directory) where name.hasSuffix(JournalNames.temporarySuffix) {
      try files.remove(directory + "/" + name)
    }
  }

  /// The checkpoint, or why it cannot be used: heads come from the journal alone then.
  private func readHeads() throws -> (HeadsCheckpoint?, String?) {
    guard let bytes = try HeadsFile.read(directory: directory, files: files) else {
      return (nil, nil)
    }
    do throws(JournalError) {
      return (
        try HeadsFile.decode(
          bytes, cell: configuration.cell, generation: configuration.generation,
          oldest: configuration.oldestGeneration), nil
      )
    } catch .malformed(let detail) {
      return (nil, detail)
    }
  }

  /// What the checkpoint proves: nothing before it was trimmed too early, nothing up to it is gone.
  private func addCheckpointProofs(
    _ scan: inout JournalScan, _ checkpoint: HeadsCheckpoint?, hasProblem: Bool
  ) {
    let through = checkpoint?.through ?? CellSeq(0)
    if let first = scan.segments.first, !hasProblem, first.firstSeq.rawValue > through.rawValue + 1
    {
      scan.damage.insert(
        DamagedRange(
          segment: first.name, startOffset: 0, endOffset: 0, firstSeq: through.next,
          lastSeq: CellSeq(first.firstSeq.rawValue - 1), tenants: .unknown(intact: []),
          reason: "segments before the first one are missing"), at: 0)
    }
    if through > scan.tip.lastSeq {
      scan.tail = .damaged(
        scan.endingTail("the checkpoint of heads holds up to \(through.rawValue)"))
    }
    guard let checkpoint else { return }
    // A tenant whose last record of all up to the checkpoint lies before a range has none in it.
    for index in scan.damage.indices {
      guard case .unknown(let intact) = scan.damage[index].tenants,
        let last = scan.damage[index].lastSeq, last <= through
      else { continue }
      let first = scan.damage[index].firstSeq
      let before = checkpoint.heads.filter { $0.value.cellSeq < first }.keys
      scan.damage[index].tenants = .unknown(intact: intact.union(before))
    }
  }

  /// The directory that holds another one, or a file: the data directory of a journal's.
  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Copies the last segment into a new file, durably under the old name.
  private func rewrite(_ scan: JournalScan, isWritable: Bool) throws -> JournalStart {
    guard let last = scan.segments.last else {
      return JournalStart(tip: scan.tip, list: scan.list, file: nil, capacity: nil)
    }
    let source = try files.open(directory + "/" + last.name, .read)
    defer { source.close() }
    guard isWritable else {
      try SegmentCopy.verbatim(source, last.name, length: last.length, directory, files)
      return JournalStart(tip: scan.tip, list: scan.list, file: nil, capacity: nil)
    }
    let room = last.endOffset + UInt64(GroupFormat.overhead + scan.list.bytes.count)
    let blank = try maker.makeBlank(least: room, mayUseReserve: true)
    // An older generation's segment keeps its name; the first group of this one gets its own. A
    // repair's gap may have moved the first group from what the name says.
    let isEmpty = last.endOffset == UInt64(SegmentHeader.length)
    let generation = isEmpty ? nil : last.header?.generation
    let header = SegmentHeader(
      cell: configuration.cell, generation: generation ?? configuration.generation,
      firstSeq: last.firstSeq, firstGroup: last.header?.firstGroup ?? last.firstGroup,
      capacity: blank.capacity, previousHash: last.previousHash)
    try blank.file.write(header.encoded(), at: 0)
    try SegmentCopy.bytes(
      from: source, to: blank.file, UInt64(SegmentHeader.length)..<last.endOffset)
    try blank.file.synchronize()
    try maker.install(last.name)
    if last.isSealed {
      blank.file.close()
      return JournalStart(tip: scan.tip, list: scan.list, file: nil, capacity: nil)
    }
    return JournalStart(
      tip: scan.tip, list: scan.list, file: blank.file, capacity: blank.capacity,
      mustSeal: header.generation != configuration.generation && !configuration.isCopy)
  }
}

extension JournalScan {
  /// A tail that begins at the journal's end, where more is known to have been.
  func endingTail(_ reason: String) -> ScannedTail {
    ScannedTail(
      segment: segments.last?.name ?? "", startOffset: tip.offset,
      endOffset: segments.last?.length ?? tip.offset, firstSeq: tip.lastSeq.next, tenants: nil,
      reason: reason)
  }

  /// Takes a torn last group for damage where files already have records of it.
  ///
  /// `applied` is the highest applied seq of each tenant's files, asked only where a tail is torn.
  mutating func prove(
    by applied: () throws -> [TenantID: TenantSeq], over heads: [TenantID: TenantHead]
  ) rethrows {
    guard case .torn(var tail) = tail else { return }
    let proof = try applied().filter { $0.value > heads[$0.key]?.tenantSeq ?? .zero }
    guard let tenant = proof.keys.min() else { return }
    tail.reason += ", and files of tenant \(tenant) have records of it"
    self.tail = .damaged(tail)
  }
}

/// The heads of tenants as records are added to them.
struct HeadsFold {
  private(set) var heads: [TenantID: TenantHead]
  private(set) var voids = JournalVoids()
  /// Per tenant the last record from which on its files are others than what came before made.
  private(set) var renewals: [TenantID: CellSeq] = [:]
  /// Where the records so far leave tenants whose head in the checkpoint is newer.
  private var earlier: [TenantID: TenantHead] = [:]

  init(_ heads: [TenantID: TenantHead]) { self.heads = heads }

  mutating func add(_ group: ScannedGroup, _ records: [JournalRecord]) throws(JournalError) {
    if group.header.kind == .gap {
      add(try GapBody(decoding: group.body), group.header)
    }
    for record in records {
      let tenant = record.identity.tenant
      let seq = record.position.cellSeq
      guard !voids.covers(tenant, seq) else { continue }
      if record.identity.kind.exchangesFiles { renewals[tenant] = seq }
      // A head from the checkpoint may be newer than the record.
      if let head = heads[tenant], head.cellSeq >= seq {
        earlier[tenant] = try TenantHead(after: earlier[tenant], record)
      } else {
        heads[tenant] = try TenantHead(after: heads[tenant], record)
      }
    }
  }

  /// Takes over whose records a gap declares void, and puts heads back that name one of them.
  ///
  /// A checkpoint has such a head where a repair ended between its gaps and its heads.
  private mutating func add(_ gap: GapBody, _ header: GroupHeader) {
    voids.add(gap, at: header.firstSeq, through: header.lastSeq)
    for void in gap.voids {
      guard var head = heads[void.tenant], voids.covers(void.tenant, head.cellSeq) else { continue }
      if let kept = earlier[void.tenant], kept.tenantSeq == void.keptSeq,
        kept.hash == void.keptHash
      {
        heads[void.tenant] = kept
        continue
      }
      // The record itself is trimmed: only what the gap says of it is known.
      head.tenantSeq = void.keptSeq
      head.hash = void.keptHash
      head.cellSeq = CellSeq(header.firstSeq.rawValue - 1)
      heads[void.tenant] = head
    }
  }
}
