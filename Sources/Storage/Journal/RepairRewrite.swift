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

  /// Replaces `segment`'s file durably; `gaps` are those that begin in it.
  static func run(
    _ segment: JournalScan.Segment, _ gaps: [RepairGap], _ survey: RepairSurvey,
    directory: String, files: any FileSystem
  ) throws {
    let path = directory + "/" + segment.name
    let source = try files.open(path, .read)
    defer { source.close() }
    let target = try files.open(path + JournalNames.temporarySuffix, .create)
    defer { target.close() }
    var rewrite = RepairRewrite(
      directory: directory, files: files, survey: survey, segment: segment, source: source,
      target: target)
    try rewrite.writeGroups(gaps.sorted { $0.range.startOffset < $1.range.startOffset })
    try rewrite.finish()
    try files.rename(path + JournalNames.temporarySuffix, to: path)
    try files.synchronizeDirectory(directory)
  }

  private init(
    directory: String, files: any FileSystem, survey: RepairSurvey,
    segment: JournalScan.Segment, source: any File, target: any File
  ) {
    self.directory = directory
    self.files = files
    self.survey = survey
    self.segment = segment
    self.source = source
    self.target = target
    tip = survey.tip(before: segment)
    start = tip
  }

  private mutating func writeGroups(_ gaps: [RepairGap]) throws {
    var waiting = gaps[...]
    for place in survey.places[segment.name] ?? [] {
      while let gap = waiting.first, gap.range.startOffset <= place.offset {
        waiting.removeFirst()
        try write(gap, next: place.header, endsSegment: false)
      }
      let length = UInt64(place.header.totalBytes)
      try SegmentCopy.bytes(
        from: source, to: target, place.offset..<(place.offset + length), at: offset)
      offset += length
      tip.groupNumber = place.throughGroup
      tip.lastSeq = place.header.lastSeq
      tip.hash = place.hash
    }
    let next = survey.firstGroup(behind: segment)
    for gap in waiting { try write(gap, next: next, endsSegment: next != nil) }
  }

  private mutating func write(_ gap: RepairGap, next: GroupHeader?, endsSegment: Bool) throws {
    // Bytes between two groups that follow each other: nothing is missing, so nothing is put.
    if let next, next.number == tip.groupNumber + 1, next.previousHash == tip.hash, !endsSegment {
      return
    }
    let lastSeq = next.map { CellSeq($0.firstSeq.rawValue - 1) } ?? survey.lastSeqOfTail
    let body = GapBody(
      throughGroup: next.map { $0.number - 1 } ?? tip.groupNumber + 1,
      voidThrough: survey.scan.tip.lastSeq, endsSegment: endsSegment, sideFile: gap.sideFile,
      removedHash: gap.removedHash, voids: gap.voids)
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
