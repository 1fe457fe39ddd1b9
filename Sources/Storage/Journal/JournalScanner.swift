import Platform
import Wire

/// Walks a journal from its oldest segment to its end and says what is valid, damaged and torn.
///
/// Reads only. A group counts where header, CRC, number, position and chain are right. Where one
/// does not, the next group that is right ends the damage, and its list names what is missing. What
/// is found by searching may be a tenant's bytes that look like a group: it is judged more
/// strictly, and passed over where a group in its place would refuse the journal.
struct JournalScanner {
  /// Groups or records that may lie between a group that was searched for and the one before it.
  static let furthestJump: UInt64 = 1 << 32

  private let directory: String
  /// Nil until the first header told, where any is accepted.
  private var cell: CellID?
  /// Nil accepts any.
  private let generations: ClosedRange<Generation>?
  private let files: any FileSystem
  private var scan = JournalScan()
  /// False before the first group or segment header told where the journal begins.
  private var hasTip = false
  /// An unreadable range whose end is not known yet.
  private var open: (segment: String, start: UInt64, end: UInt64, reason: String)?
  private var seen = SeenTenants()

  /// A group whose content keeps the format.
  private struct Content {
    var group: ScannedGroup
    var records: [JournalRecord]
    var gap: GapBody?
  }

  init(
    directory: String, cell: CellID?, generation: Generation?,
    oldest: Generation? = nil, files: any FileSystem
  ) {
    self.directory = directory
    self.cell = cell
    generations = generation.map { (oldest ?? $0)...$0 }
    self.files = files
  }

  /// The names of the segments, oldest first.
  static func segmentNames(
    _ directory: String, _ files: any FileSystem
  ) throws(JournalError) -> [String] {
    do throws(FileError) {
      return try files.list(directory).filter { JournalNames.firstGroup($0) != nil }
    } catch { throw JournalError.file(error) }
  }

  /// Scans everything; `visit` sees each valid group in order, with its records.
  mutating func run(
    _ visit: (ScannedGroup, [JournalRecord]) throws -> Void
  ) throws -> JournalScan {
    let names = try Self.segmentNames(directory, files)
    for (index, name) in names.enumerated() {
      try scanSegment(name, isLast: index == names.count - 1, visit)
    }
    seen.finish(&scan.damage)
    return scan
  }

  /// Scans the last segment only: its header says where it begins.
  mutating func runLast() throws -> JournalScan {
    guard let name = try Self.segmentNames(directory, files).last else { return scan }
    try scanSegment(name, isLast: true) { _, _ in }
    return scan
  }

  private mutating func scanSegment(
    _ name: String, isLast: Bool, _ visit: (ScannedGroup, [JournalRecord]) throws -> Void
  ) throws {
    let file = try files.open(directory + "/" + name, .read)
    defer { file.close() }
    let length = try file.length()
    let header = try readHeader(file, name, length)
    let limit = min(length, header?.capacity ?? length)
    scan.segments.append(
      JournalScan.Segment(
        name: name, header: header, firstGroup: JournalNames.firstGroup(name) ?? 0,
        firstSeq: header?.firstSeq ?? scan.tip.lastSeq.next, lastSeq: scan.tip.lastSeq,
        previousHash: header?.previousHash ?? scan.tip.hash,
        endOffset: UInt64(SegmentHeader.length), length: length, isSealed: false, groups: 0))
    if let header { begin(at: header, name) }
    var reader = SegmentReader(file, limit: limit)
    var offset = UInt64(SegmentHeader.length)
    while !last.isSealed {
      if let group = try reader.group(at: offset), fits(group.header) {
        let content = try read(group.header, group.bytes, name, offset)
        try checkOwner(content.records)
        try accept(content, visit)
        offset += UInt64(group.header.totalBytes)
        continue
      }
      let nonzero = try reader.lastNonzero(from: offset)
      if nonzero != nil || !isLast, let next = try search(&reader, behind: offset, name) {
        addOpen(name, offset, next.group.offset, "bytes that are no valid group")
        try accept(next, visit)
        offset = scan.tip.offset
        continue
      }
      // Without header and groups nothing tells that the file was ever as short as it is.
      let unknown = last.groups == 0 ? max(length, UInt64(SegmentHeader.length)) + 1 : length
      let wanted = header?.capacity ?? unknown
      try end(&reader, name, offset, nonzero, wanted: wanted, length: length, isLast: isLast)
      break
    }
    scan.tip.offset = last.endOffset
  }

  private var last: JournalScan.Segment { scan.segments[scan.segments.count - 1] }

  /// The segment's header; nil, with a range of damage, where it cannot be read.
  private mutating func readHeader(
    _ file: any File, _ name: String, _ length: UInt64
  ) throws -> SegmentHeader? {
    let bytes = try file.bytes(at: 0, count: SegmentHeader.length)
    do throws(JournalError) {
      let header = try SegmentHeader(decoding: bytes)
      try checkOwner(header.cell)
      if let generations, !generations.contains(header.generation) {
        throw JournalError.foreignGeneration(
          found: header.generation, expected: generations.upperBound)
      }
      return header
    } catch .malformed(let detail) {
      // Nothing is lost by this alone: the groups say again what a header says.
      scan.damage.append(
        DamagedRange(
          segment: name, startOffset: 0, endOffset: UInt64(SegmentHeader.length),
          firstSeq: scan.tip.lastSeq.next, lastSeq: scan.tip.lastSeq, tenants: .known([:]),
          reason: detail))
      return nil
    }
  }

  /// Takes the journal's beginning from its first segment; later ones must follow the one before.
  private mutating func begin(at header: SegmentHeader, _ name: String) {
    guard hasTip else {
      hasTip = true
      scan.tip = JournalTip(
        groupNumber: header.firstGroup - 1, lastSeq: CellSeq(header.firstSeq.rawValue - 1),
        hash: header.previousHash, offset: UInt64(SegmentHeader.length))
      scan.list.firstSeq = header.firstSeq
      return
    }
    if open == nil, header.firstGroup != scan.tip.groupNumber + 1 {
      addOpen(name, 0, 0, "a segment is missing before this one")
    }
  }

  /// Whether a valid group may stand next: right after the tip, or behind a hole.
  private func fits(_ header: GroupHeader) -> Bool {
    guard hasTip else { return true }
    return header.number > scan.tip.groupNumber && header.firstSeq > scan.tip.lastSeq
  }

  private mutating func addOpen(
    _ segment: String, _ start: UInt64, _ end: UInt64, _ reason: String
  ) {
    if let before = open {
      // The range began in an earlier segment; its place is where it began.
      open = (
        before.segment, before.start, max(before.end, before.segment == segment ? end : 0),
        before.reason
      )
    } else {
      open = (segment, start, end, reason)
    }
  }

  /// The next group behind the invalid one at `offset` that may stand in this journal.
  private func search(
    _ reader: inout SegmentReader, behind offset: UInt64, _ name: String
  ) throws(JournalError) -> Content? {
    let number = scan.tip.groupNumber
    var place = try reader.nextGroup(behind: offset, over: number)
    while let candidate = place, let group = try reader.group(at: candidate) {
      if fits(group.header), let content = try? read(group.header, group.bytes, name, candidate),
        isPlausible(content)
      {
        return content
      }
      // Bytes with the right CRC are one group or none: nothing else begins inside of them.
      place = try reader.nextGroup(
        from: candidate + UInt64(group.header.totalBytes), over: number)
    }
    return nil
  }

  /// Whether a group that was searched for is one that this journal can have.
  private func isPlausible(_ content: Content) -> Bool {
    let header = content.group.header
    guard isNear(header.number, scan.tip.groupNumber),
      isNear(header.lastSeq.rawValue, scan.tip.lastSeq.rawValue),
      content.gap.map({ isNear($0.throughGroup, scan.tip.groupNumber) }) ?? true
    else { return false }
    var next = content.group.header.firstSeq
    for record in content.records {
      guard cell.map({ $0 == record.position.cell }) ?? true, record.position.cellSeq == next,
        record.identity.tenantSeq.rawValue <= GroupFormat.highestNumber,
        (try? TenantHead(after: nil, record)) != nil
      else { return false }
      next = next.next
    }
    return true
  }

  /// Whether a number is one that what is damaged can have reached: no journal is as long, and
  /// what follows a number at the end of its type could not be counted.
  private func isNear(_ number: UInt64, _ tip: UInt64) -> Bool {
    !hasTip || number <= tip + Self.furthestJump
  }

  /// Decodes a group that is whole; throws where its content does not keep the format.
  private func read(
    _ header: GroupHeader, _ bytes: ArraySlice<UInt8>, _ name: String, _ offset: UInt64
  ) throws(JournalError) -> Content {
    let listStart = bytes.startIndex + GroupFormat.headerLength
    let bodyStart = listStart + header.listBytes
    let listBytes = bytes[listStart..<bodyStart]
    let group = ScannedGroup(
      header: header, hash: bytes.withUnsafeBytes { SHA256Hash.of($0) }, segment: name,
      offset: offset, list: try GroupFormat.decodeList(listBytes, count: header.listCount),
      chains: true, body: bytes[bodyStart..<(bytes.endIndex - GroupFormat.trailerLength)])
    let gap = header.kind == .gap ? try GapBody(decoding: group.body) : nil
    // One below its own number: nothing but the chain was broken there.
    if let gap, gap.throughGroup + 1 < header.number {
      throw JournalError.malformed("a gap that ends before it begins")
    }
    return Content(group: group, records: try group.records(), gap: gap)
  }

  private mutating func accept(
    _ content: Content, _ visit: (ScannedGroup, [JournalRecord]) throws -> Void
  ) throws {
    var group = content.group
    let (header, records) = (group.header, content.records)
    group.chains = closeOpen(group, records.first?.position.generation)
    hasTip = true

    scan.tip = JournalTip(
      groupNumber: header.number, lastSeq: header.lastSeq, hash: group.hash,
      offset: group.offset + UInt64(header.totalBytes))
    let index = scan.segments.count - 1
    if scan.segments[index].groups == 0, scan.segments[index].header == nil {
      scan.segments[index].firstSeq = header.firstSeq
      scan.segments[index].previousHash = header.previousHash
    }
    scan.segments[index].endOffset = scan.tip.offset
    scan.segments[index].lastSeq = header.lastSeq
    scan.segments[index].groups += 1
    switch header.kind {
    case .seal: scan.segments[index].isSealed = true
    case .gap:
      guard let body = content.gap else { break }
      scan.tip.groupNumber = body.throughGroup
      scan.gaps.append((group.segment, header, body))
      scan.segments[index].isSealed = body.endsSegment
      seen.add(body, firstSeq: header.firstSeq, lastSeq: header.lastSeq)
    case .records:
      scan.list = GroupList(
        firstSeq: header.firstSeq, count: records.count, bytes: Self.encodeList(records))
      scan.generation = records.last?.position.generation ?? scan.generation
      scan.records += UInt64(records.count)
      for record in records {
        scan.commands += UInt64(record.header.commandCount)
        seen.add(record)
      }
    }
    try visit(group, records)
  }

  private mutating func checkOwner(_ records: [JournalRecord]) throws(JournalError) {
    for record in records { try checkOwner(record.position.cell) }
  }

  private mutating func checkOwner(_ found: CellID) throws(JournalError) {
    guard let cell else {
      self.cell = found
      return
    }
    guard found == cell else { throw JournalError.foreignCell(found: found, expected: cell) }
  }

  private static func encodeList(_ records: [JournalRecord]) -> [UInt8] {
    var writer = ByteWriter(capacity: records.count * 24)
    for record in records {
      GroupFormat.encode(
        GroupListEntry(tenant: record.identity.tenant, tenantSeq: record.identity.tenantSeq),
        into: &writer)
    }
    return writer.bytes
  }

  /// Reports the hole before `group`, if there is one; returns whether there is none.
  private mutating func closeOpen(_ group: ScannedGroup, _ generation: Generation?) -> Bool {
    let header = group.header
    let tip = scan.tip
    let isAtNextSeq =
      header.firstSeq == tip.lastSeq.next
      || header.previousHash == tip.hash
        && tip.mayPassOver(to: header.firstSeq, from: scan.generation, to: generation)
    let follows = !hasTip || (header.number == tip.groupNumber + 1 && isAtNextSeq)
    let afterGap = scan.gaps.last.map { $0.body.throughGroup == tip.groupNumber } ?? false
    let chained = follows && (header.previousHash == tip.hash || afterGap || !hasTip)
    defer { open = nil }
    if open == nil, chained { return true }
    let reason = open?.reason ?? (follows ? "the chain of groups breaks" : "groups are missing")
    let isStray = hasTip && follows && chained
    scan.damage.append(
      DamagedRange(
        segment: open?.segment ?? group.segment, startOffset: open?.start ?? group.offset,
        endOffset: open?.end ?? group.offset, firstSeq: tip.lastSeq.next,
        lastSeq: CellSeq(header.firstSeq.rawValue - 1),
        tenants: isStray ? .known([:]) : missing(before: group), reason: reason))
    if !isStray { seen.beginUnknown(scan.damage.count - 1, scan.damage) }
    return false
  }

  /// Whose records are missing before `group`: its list says it, if it reaches far enough back.
  private func missing(before group: ScannedGroup) -> DamagedRange.Tenants {
    let first = scan.tip.lastSeq.next
    let missing = group.header.firstSeq.rawValue - first.rawValue
    guard missing > 0 else { return .unknown(intact: []) }
    let listFirst = group.header.listFirstSeq
    guard listFirst <= first,
      listFirst.rawValue + UInt64(group.list.count) == group.header.firstSeq.rawValue
    else { return .unknown(intact: []) }
    var tenants: [TenantID: TenantSeq] = [:]
    for entry in group.list.dropFirst(Int(first.rawValue - listFirst.rawValue)) {
      tenants[entry.tenant] = max(tenants[entry.tenant] ?? .zero, entry.tenantSeq)
    }
    return .known(tenants)
  }

  /// The segment ends without a seal at `offset`.
  private mutating func end(
    _ reader: inout SegmentReader, _ name: String, _ offset: UInt64, _ nonzero: UInt64?,
    wanted: UInt64, length: UInt64, isLast: Bool
  ) throws(JournalError) {
    guard isLast else {
      addOpen(name, offset, wanted, "the segment has no seal")
      return
    }
    var tail = ScannedTail(
      segment: open?.segment ?? name, startOffset: open?.start ?? offset, endOffset: wanted,
      firstSeq: scan.tip.lastSeq.next, tenants: nil, reason: "")
    if let open {
      tail.reason = open.reason
      scan.tail = .damaged(tail)
    } else if length < wanted {
      tail.reason = "the file has \(length) of \(wanted) bytes"
      scan.tail = .damaged(tail)
    } else if let nonzero {
      let torn = try TornGroup.examine(&reader, at: offset, lastNonzero: nonzero)
      tail.endOffset = torn.end
      tail.tenants = torn.tenants
      tail.lastSeq = torn.lastSeq
      tail.reason = torn.isTorn ? "a group that was not written whole" : "an invalid last group"
      scan.tail = torn.isTorn ? .torn(tail) : .damaged(tail)
    }
  }
}
