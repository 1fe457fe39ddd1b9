import Platform
import Wire

/// A sequence over a journal's durable records in order.
///
/// Steps over damage that was reported at opening and over records that a repair made void. Throws
/// ``JournalError`` at anything else that cannot be read. Positional reads on files of its own, so
/// it runs beside the writer, up to what was durable when it was made.
public struct JournalRecords {
  private let directory: String
  private let files: any FileSystem
  private let catalog: JournalCatalog
  private let start: CellSeq
  private var segmentIndex: Int
  private var reader: SegmentReader?
  private var offset = UInt64(SegmentHeader.length)
  private var lastNumber: UInt64 = 0
  private var waiting: [JournalRecord] = []
  private var waitingIndex = 0

  init(
    directory: String, files: any FileSystem, catalog: JournalCatalog, start: CellSeq
  ) throws(JournalError) {
    self.directory = directory
    self.files = files
    self.catalog = catalog
    self.start = start
    segmentIndex = catalog.segments.lastIndex { $0.firstSeq <= start } ?? 0
    if segmentIndex < catalog.segments.count {
      reader = try open(catalog.segments[segmentIndex])
    }
  }

  /// The next record; nil at the end of what was durable.
  public mutating func next() throws(JournalError) -> JournalRecord? {
    while true {
      while waitingIndex < waiting.count {
        let record = waiting[waitingIndex]
        waitingIndex += 1
        let seq = record.position.cellSeq
        if seq >= start, !catalog.voids.covers(record.identity.tenant, seq) { return record }
      }
      guard try readGroup() else { return nil }
    }
  }

  /// Reads the next group of records; false at the end.
  private mutating func readGroup() throws(JournalError) -> Bool {
    while segmentIndex < catalog.segments.count {
      let segment = catalog.segments[segmentIndex]
      if reader == nil { reader = try open(segment) }
      guard var reader, offset < segment.endOffset else {
        closeSegment()
        continue
      }
      defer { if self.reader != nil { self.reader = reader } }
      // What the opening took for damage is that here, also where something in it looks valid.
      if let end = endOfDamage(in: segment) {
        offset = end
        continue
      }
      let head = try reader.bytes(at: offset, GroupFormat.headerLength)
      if let header = GroupFormat.decodeHeader(head), header.kind != .gap, header.lastSeq < start,
        header.number > lastNumber, offset + UInt64(header.totalBytes) <= segment.endOffset
      {
        // Wholly before the start: its header is enough.
        lastNumber = header.number
        offset += UInt64(header.totalBytes)
        continue
      }
      guard let group = try reader.group(at: offset), group.header.number > lastNumber else {
        throw JournalError.malformed(
          "segment \(segment.name) has no valid group at byte \(offset) any more")
      }
      offset += UInt64(group.header.totalBytes)
      // A gap's own number may be that of the group behind it.
      lastNumber = group.header.number - (group.header.kind == .gap ? 1 : 0)
      guard group.header.kind == .records else { continue }
      waiting = try records(group)
      waitingIndex = 0
      return true
    }
    return false
  }

  private func open(_ segment: JournalCatalog.Segment) throws(JournalError) -> SegmentReader {
    do throws(FileError) {
      let file = try files.open(directory + "/" + segment.name, .read)
      return SegmentReader(file, limit: segment.endOffset)
    } catch { throw JournalError.file(error) }
  }

  private mutating func closeSegment() {
    reader?.file.close()
    reader = nil
    segmentIndex += 1
    offset = UInt64(SegmentHeader.length)
  }

  /// Where the damage ends that was reported of this place; nil: there is none.
  private func endOfDamage(in segment: JournalCatalog.Segment) -> UInt64? {
    catalog.damage.first {
      $0.segment == segment.name && $0.startOffset <= offset && offset < $0.endOffset
    }?.endOffset
  }

  private func records(
    _ group: (header: GroupHeader, bytes: ArraySlice<UInt8>)
  ) throws(JournalError) -> [JournalRecord] {
    var bytes = ByteReader(group.bytes)
    _ = try bytes.slice(GroupFormat.headerLength + group.header.listBytes)
    var records: [JournalRecord] = []
    records.reserveCapacity(group.header.recordCount)
    for _ in 0..<group.header.recordCount { records.append(try RecordFormat.decode(&bytes)) }
    return records
  }
}
