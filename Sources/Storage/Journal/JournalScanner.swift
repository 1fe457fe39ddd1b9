import Platform
import Wire

/// Walks a journal from its oldest segment to its end and says what is valid, damaged and torn.
///
/// Reads only. A group counts where header, CRC, number, position and chain are right. Where one
/// does not, the next group that is right (``GroupSearch``) ends the damage, and its list names
/// what is missing.
struct JournalScanner {
  private let directory: String
  /// Nil until the first header told, where any is accepted.
  private var cell: CellID?
  /// Nil accepts any.
  private let generations: ClosedRange<Generation>?
  private let files: any FileSystem
  private var scan = JournalScan()
  /// False before the first group or segment header told where the journal begins.
  private var hasTip = false
  /// What cannot be read and has no end yet.
  private var hole = JournalHole()
  private var seen = SeenTenants()
  /// Whether damage ended since the last valid group.
  private var isBehindDamage = false

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
        let content = try ScannedContent(group.header, group.bytes, name, offset)
        try checkOwner(content.records)
        try accept(content, visit)
        offset += UInt64(group.header.totalBytes)
        continue
      }
      let nonzero = try reader.lastNonzero(from: offset)
      var search = GroupSearch(
        segment: name, tip: hasTip ? scan.tip : nil, cell: cell, bytesBefore: hole.byteCount)
      if nonzero != nil || !isLast, let next = try search.next(&reader, behind: offset) {
        hole.add(name, offset..<next.group.offset, "bytes that are no valid group")
        try accept(next, visit)
        offset = scan.tip.offset
        continue
      }
      // Without header and groups nothing tells that the file was ever as short as it is.
      let unknown = last.groups == 0 ? max(length, UInt64(SegmentHeader.length)) + 1 : length
      let wanted = header?.capacity ?? unknown
      guard isLast else {
        hole.add(name, offset..<wanted, "the segment has no seal")
        break
      }
      try end(
        &reader, name, offset, nonzero, wanted: wanted, length: length, metRun: search.metRun)
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
    let (number, next) = (scan.tip.groupNumber, scan.tip.lastSeq.next)
    if hasTip, hole.isEmpty {
      guard header.firstGroup != number + 1 else { return }
      return hole.add(name, 0..<0, "a segment is missing before this one")
    }
    // The header ends a hole that is no more than the seal of the segment before, and one from
    // the journal's beginning on: nothing else tells where that leaves it.
    let lacksSeal = header.firstGroup == number &+ 2 && header.firstSeq == next
    guard !hasTip || hole.pieces.count == 1 && lacksSeal else { return }
    if !hole.isEmpty {
      close(before: header.firstSeq, header.firstSeq == next ? .known([:]) : .unknown(intact: []))
    }
    if !hasTip { scan.list.firstSeq = header.firstSeq }
    hasTip = true
    scan.tip = JournalTip(
      groupNumber: header.firstGroup - 1, lastSeq: CellSeq(header.firstSeq.rawValue - 1),
      hash: header.previousHash, offset: UInt64(SegmentHeader.length))
  }

  /// Whether a valid group may stand next: right after the tip, or behind a hole.
  private func fits(_ header: GroupHeader) -> Bool { !hasTip || scan.tip.isBefore(header) }

  private mutating func accept(
    _ content: ScannedContent, _ visit: (ScannedGroup, [JournalRecord]) throws -> Void
  ) throws {
    var group = content.group
    let (header, records) = (group.header, content.records)
    closeOpen(group, records.first?.position.generation)
    group.chains = !isBehindDamage
    isBehindDamage = false
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

  /// Reports the hole before `group`, if there is one.
  private mutating func closeOpen(_ group: ScannedGroup, _ generation: Generation?) {
    let header = group.header
    let tip = scan.tip
    let isAtNextSeq =
      header.firstSeq == tip.lastSeq.next
      || header.previousHash == tip.hash
        && tip.mayPassOver(to: header.firstSeq, from: scan.generation, to: generation)
    let follows = !hasTip || (header.number == tip.groupNumber + 1 && isAtNextSeq)
    let afterGap = scan.gaps.last.map { $0.body.throughGroup == tip.groupNumber } ?? false
    let chained = follows && (header.previousHash == tip.hash || afterGap || !hasTip)
    if hole.isEmpty {
      if chained { return }
      let reason = follows ? "the chain of groups breaks" : "groups are missing"
      hole.add(group.segment, group.offset..<group.offset, reason)
    }
    let isStray = hasTip && chained
    close(before: header.firstSeq, isStray ? .known([:]) : missing(before: group))
  }

  /// Reports the hole: it ends before `next`.
  private mutating func close(before next: CellSeq, _ tenants: DamagedRange.Tenants) {
    let index = scan.damage.count
    scan.damage += hole.ranges(
      from: scan.tip.lastSeq.next, through: CellSeq(next.rawValue - 1), tenants)
    seen.beginUnknown(index, scan.damage)
    hole = JournalHole()
    isBehindDamage = true
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

  /// The last segment ends without a seal at `offset`.
  ///
  /// `metRun`: behind it groups follow one another, though nothing shows where they belong.
  private mutating func end(
    _ reader: inout SegmentReader, _ name: String, _ offset: UInt64, _ nonzero: UInt64?,
    wanted: UInt64, length: UInt64, metRun: Bool
  ) throws(JournalError) {
    let next = scan.tip.lastSeq.next
    var tail = ScannedTail(
      segment: name, startOffset: offset, endOffset: wanted, firstSeq: next, tenants: nil,
      reason: "")
    if !hole.isEmpty {
      hole.add(name, offset..<wanted, "the damage before it goes on to the journal's end")
      let begun = hole.pieces[0]
      (tail.segment, tail.reason) = (begun.segment, begun.reason)
      (tail.startOffset, tail.endOffset) = (begun.bytes.lowerBound, begun.bytes.upperBound)
      scan.damage += hole.rest(before: next)
      scan.tail = .damaged(tail)
    } else if length < wanted {
      tail.reason = "the file has \(length) of \(wanted) bytes"
      scan.tail = .damaged(tail)
    } else if let nonzero {
      let torn = try TornGroup.examine(&reader, at: offset, lastNonzero: nonzero)
      tail.endOffset = torn.end
      tail.tenants = torn.tenants
      tail.lastSeq = torn.lastSeq
      // A crash tears one group; others behind it were durable.
      let isTorn = torn.isTorn && !metRun
      tail.reason = isTorn ? "a group that was not written whole" : "an invalid last group"
      scan.tail = isTorn ? .torn(tail) : .damaged(tail)
    }
  }
}
