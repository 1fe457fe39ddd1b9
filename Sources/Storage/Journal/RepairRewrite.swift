import Platform
import Wire

/// Writes a segment anew: its valid groups as they are, a gap in the place of each damaged range.
struct RepairRewrite {
  private let directory: String
  private let files: any FileSystem
  private let survey: RepairSurvey
  private let segment: JournalScan.Segment
  private let source: any File
  private let target: any File
  private var offset = UInt64(SegmentHeader.length)
  /// The journal's end as the new file has it.
  private var tip: JournalTip
  private let start: JournalTip

  /// Replaces `segment`'s file durably; `gaps` are those in it.
  ///
  /// `start` is the journal's end before the segment, as the repair has left it; returns the one
  /// behind it.
  static func run(
    _ segment: JournalScan.Segment, _ gaps: [RepairGap], after start: JournalTip,
    _ survey: RepairSurvey, directory: String, files: any FileSystem
  ) throws -> JournalTip {
    let path = directory + "/" + segment.name
    let source = try files.open(path, .read)
    defer { source.close() }
    let target = try files.open(path + JournalNames.temporarySuffix, .create)
    defer { target.close() }
    var rewrite = RepairRewrite(
      directory: directory, files: files, survey: survey, segment: segment, start: start,
      source: source, target: target)
    try rewrite.writeGroups(gaps.sorted { $0.range.startOffset < $1.range.startOffset })
    try rewrite.finish()
    try files.rename(path + JournalNames.temporarySuffix, to: path)
    try files.synchronizeDirectory(directory)
    return rewrite.tip
  }

  private init(
    directory: String, files: any FileSystem, survey: RepairSurvey,
    segment: JournalScan.Segment, start: JournalTip, source: any File, target: any File
  ) {
    self.directory = directory
    self.files = files
    self.survey = survey
    self.segment = segment
    self.source = source
    self.target = target
    self.start = start
    tip = start
  }

  private mutating func writeGroups(_ gaps: [RepairGap]) throws {
    var waiting = gaps[...]
    for place in survey.places[segment.name] ?? [] {
      while let gap = waiting.first, gap.range.startOffset <= place.offset {
        waiting.removeFirst()
        try write(gap, before: place.header)
      }
      let length = UInt64(place.header.totalBytes)
      try SegmentCopy.bytes(
        from: source, to: target, place.offset..<(place.offset + length), at: offset)
      offset += length
      tip.groupNumber = place.throughGroup
      tip.lastSeq = place.header.lastSeq
      tip.hash = place.hash
    }
    let behind = survey.segments(behind: segment).first
    while let gap = waiting.popFirst() {
      try write(gap, before: behind, endsSegment: behind != nil && waiting.isEmpty)
    }
  }

  /// Writes a gap before a group of this segment.
  private mutating func write(_ gap: RepairGap, before next: GroupHeader) throws {
    // Bytes between two groups that follow each other: nothing is missing, so nothing is put.
    if next.number == tip.groupNumber + 1, next.previousHash == tip.hash { return }
    try write(
      gap, through: next.number - 1, CellSeq(next.firstSeq.rawValue - 1), endsSegment: false)
  }

  /// Writes a gap behind the segment's last group.
  ///
  /// It stands for groups up to where the next segment begins: whether that is rewritten as well or
  /// not, its header goes on to be right, and no segment made later gets its name.
  private mutating func write(
    _ gap: RepairGap, before behind: JournalScan.Segment?, endsSegment: Bool
  ) throws {
    let through = behind.map { max($0.header?.firstGroup ?? $0.firstGroup, 1) - 1 }
    var lastSeq = gap.range.lastSeq ?? survey.lastSeqOfTail
    // Where damage goes on there, what is missing of that segment is for its own gap to say.
    if !survey.damage.contains(where: { $0.segment == behind?.name }),
      let next = survey.firstGroup(behind: segment)
    {
      lastSeq = CellSeq(next.firstSeq.rawValue - 1)
    }
    try write(
      gap, through: max(through ?? tip.groupNumber + 1, tip.groupNumber),
      max(lastSeq, tip.lastSeq), endsSegment: endsSegment)
  }

  private mutating func write(
    _ gap: RepairGap, through group: UInt64, _ lastSeq: CellSeq, endsSegment: Bool
  ) throws {
    let body = GapBody(
      throughGroup: group, voidThrough: survey.lastSeqOfTail, endsSegment: endsSegment,
      sideFile: gap.sideFile, removedHash: gap.removedHash, voids: gap.voids)
    let bytes = GapBody.encodeGroup(body, after: tip, lastSeq: lastSeq)
    try target.write(bytes, at: offset)
    offset += UInt64(bytes.count)
    tip.groupNumber = body.throughGroup
    tip.lastSeq = lastSeq
    tip.hash = SHA256Hash.of(bytes)
  }

  /// Zeros to the end, and the header, which says where the segment begins now.
  private func finish() throws {
    guard let known = segment.header ?? survey.scan.segments.lazy.compactMap(\.header).first else {
      throw JournalError.malformed("no segment header can be read: restore from a copy")
    }
    let capacity = max(offset, known.capacity)
    let zeros = [UInt8](repeating: 0, count: 1024 * 1024)
    var place = offset
    while place < capacity {
      let count = min(UInt64(zeros.count), capacity - place)
      try target.write(Array(zeros[..<Int(count)]), at: place)
      place += count
    }
    let header = SegmentHeader(
      cell: known.cell, generation: known.generation, firstSeq: start.lastSeq.next,
      firstGroup: start.groupNumber + 1, capacity: capacity, previousHash: start.hash)
    try target.write(header.encoded(), at: 0)
    try target.synchronize()
  }
}
