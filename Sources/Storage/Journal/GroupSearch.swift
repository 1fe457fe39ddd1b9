import Wire

/// Looks behind bytes that are no valid group for the one with which the journal goes on.
///
/// What it finds may be a tenant's bytes that look like a group of this cell, in a record that was
/// written before ``PayloadEscape``. So it is judged more strictly than what stands in its place,
/// and passed over where that would refuse the journal.
struct GroupSearch {
  /// Groups or records that may lie between a group that was searched for and the one before it.
  static let furthestJump: UInt64 = 1 << 32

  let segment: String
  /// The journal's end before the bytes; nil: nothing tells it yet, and any group may be the first.
  let tip: JournalTip?
  let cell: CellID?
  /// Bytes of earlier segments that cannot be read either.
  let bytesBefore: UInt64
  /// Whether groups were passed over that follow one another.
  private(set) var metRun = false

  init(segment: String, tip: JournalTip?, cell: CellID?, bytesBefore: UInt64) {
    self.segment = segment
    self.tip = tip
    self.cell = cell
    self.bytesBefore = bytesBefore
  }

  /// The next group behind the invalid one at `offset` that may stand in this journal.
  mutating func next(
    _ reader: inout SegmentReader, behind offset: UInt64
  ) throws(JournalError) -> ScannedContent? {
    let number = tip?.groupNumber ?? 0
    var place = try reader.nextGroup(behind: offset, over: number)
    while let candidate = place, let found = try reader.group(at: candidate) {
      var end = candidate + UInt64(found.header.totalBytes)
      if tip?.isBefore(found.header) ?? true,
        let content = try? ScannedContent(found.header, found.bytes, segment, candidate),
        isPossible(content)
      {
        if hasRoom(before: content.group.header, bytesBefore + candidate - offset) {
          return content
        }
        let run = try self.run(from: content, &reader)
        if run.isWhole { return content }
        metRun = metRun || run.groups > 1
        end = run.validEnd
      }
      // Bytes with the right CRC are one group or none: nothing else begins inside of them.
      place = try reader.nextGroup(from: end, over: number)
    }
    return nil
  }

  /// Whether a group is one that this journal can have.
  private func isPossible(_ content: ScannedContent) -> Bool {
    let header = content.group.header
    guard isNear(header.number, tip?.groupNumber),
      isNear(header.lastSeq.rawValue, tip?.lastSeq.rawValue),
      content.gap.map({ isNear($0.throughGroup, tip?.groupNumber) }) ?? true
    else { return false }
    var next = header.firstSeq
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
  private func isNear(_ number: UInt64, _ last: UInt64?) -> Bool {
    last.map { number <= $0 + Self.furthestJump } ?? true
  }

  /// Whether the groups and records missing before a group can have stood in so many bytes.
  ///
  /// Never before a gap: it stands for any number of them itself.
  private func hasRoom(before header: GroupHeader, _ bytes: UInt64) -> Bool {
    guard let tip else { return true }
    guard header.kind != .gap else { return false }
    let groups = header.number - tip.groupNumber - 1
    let records = header.firstSeq.rawValue - tip.lastSeq.rawValue - 1
    return groups * UInt64(GroupFormat.overhead) + records * UInt64(RecordFormat.shortestLength)
      <= bytes
  }

  /// The groups that follow one another from this one on.
  ///
  /// So it is behind a damaged gap, or the first group of a generation, for which more positions
  /// are missing than there was room for. Behind groups in a tenant's bytes are the rest of its
  /// bytes, and the end of the group that they are in.
  private func run(
    from first: ScannedContent, _ reader: inout SegmentReader
  ) throws(JournalError) -> GroupRun {
    var run = GroupRun(first)
    while let header = GroupFormat.decodeHeader(
      try reader.bytes(at: run.end, GroupFormat.headerLength)), run.isFollowed(by: header)
    {
      var content: ScannedContent?
      if let whole = try reader.group(at: run.end) {
        content = try? ScannedContent(whole.header, whole.bytes, segment, run.end)
      }
      if let content {
        run.add(content)
      } else {
        let end = run.end + UInt64(header.totalBytes)
        guard header.previousHash == run.hash, end <= reader.limit else { break }
        run.addInvalid(header, end: end)
      }
    }
    run.isWhole = try reader.isZero(from: run.end)
    // A group in a tenant's bytes may promise to reach over what is really behind them.
    if run.isWhole, let start = run.invalidStart,
      try reader.nextGroup(from: start, over: tip?.groupNumber ?? 0) != nil
    {
      run.isWhole = false
    }
    return run
  }
}

/// Groups that follow one another in number, position and chain.
///
/// One whose content is damaged or torn belongs to them where its own header follows.
private struct GroupRun {
  private(set) var groups = 1
  /// Behind the last group.
  private(set) var end: UInt64
  /// Behind the last group before the first invalid one.
  private(set) var validEnd: UInt64
  /// Where the last group begins, if it is an invalid one.
  private(set) var invalidStart: UInt64?
  /// The last group's; nil: it is an invalid one.
  private(set) var hash: SHA256Hash?
  /// Whether nothing but zeros is behind it.
  var isWhole = false
  private var isValid = true
  private var number: UInt64
  private var lastSeq: CellSeq
  private var isGap: Bool

  init(_ first: ScannedContent) {
    end = first.end
    validEnd = first.end
    hash = first.group.hash
    number = first.gap?.throughGroup ?? first.group.header.number
    lastSeq = first.group.header.lastSeq
    isGap = first.gap != nil
  }

  /// Whether a group is the next one.
  func isFollowed(by header: GroupHeader) -> Bool {
    // What stands behind a gap names the group that the gap took the place of.
    header.number == number + 1 && header.firstSeq > lastSeq
      && (isGap || hash.map { $0 == header.previousHash } ?? true)
  }

  mutating func add(_ content: ScannedContent) {
    let next = GroupRun(content)
    groups += 1
    (end, hash, invalidStart) = (next.end, next.hash, nil)
    (number, lastSeq, isGap) = (next.number, next.lastSeq, next.isGap)
    if isValid { validEnd = end }
  }

  mutating func addInvalid(_ header: GroupHeader, end newEnd: UInt64) {
    groups += 1
    (invalidStart, end, hash) = (end, newEnd, nil)
    (number, lastSeq, isGap) = (header.number, header.lastSeq, false)
    isValid = false
  }
}
