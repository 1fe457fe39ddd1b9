import Wire

/// Looks behind bytes that are no valid group for the one with which the journal goes on.
///
/// What it finds may be a tenant's bytes that look like a group of this cell. So it is judged more
/// strictly than what stands in its place, and passed over where that would refuse the journal.
struct GroupSearch {
  /// Groups or records that may lie between a group that was searched for and the one before it.
  static let furthestJump: UInt64 = 1 << 32

  let segment: String
  /// The journal's end before the bytes; nil: nothing tells it yet, and any group may be the first.
  let tip: JournalTip?
  let cell: CellID?
  /// Bytes of earlier segments that cannot be read either.
  let bytesBefore: UInt64

  /// The next group behind the invalid one at `offset` that may stand in this journal.
  func next(
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
        let (behind, isWhole) = try run(from: content, &reader)
        if isWhole { return content }
        end = behind
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

  /// Where the groups end that follow one another from this one on, and whether nothing at all is
  /// behind them.
  ///
  /// So it is behind a damaged gap, or the first group of a generation, for which more positions
  /// are missing than there was room for. Behind groups in a tenant's bytes are the rest of its
  /// bytes, and the end of the group that they are in.
  private func run(
    from first: ScannedContent, _ reader: inout SegmentReader
  ) throws(JournalError) -> (end: UInt64, isWhole: Bool) {
    var last = first
    while let next = try reader.group(at: last.end), last.isFollowed(by: next.header),
      let content = try? ScannedContent(next.header, next.bytes, segment, last.end)
    { last = content }
    return (last.end, try reader.isZero(from: last.end))
  }
}
