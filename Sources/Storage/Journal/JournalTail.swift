import Platform
import Wire

/// Follows a journal group by group while it is written: what replication, archive and moves send.
///
/// Positional reads on a file of its own, beside the writer, and only of what is durable. A group
/// stays readable while a pin (``Journal/setPin(_:through:mayHold:)``) holds it.
public struct JournalTail: Sendable {
  /// Where to begin.
  public enum Start: Hashable, Sendable {
    /// With the group after this number; 0: with the first of all.
    case afterGroup(UInt64)
    /// With the group that holds this position, or would.
    case from(CellSeq)
  }

  /// What counts as durable.
  public enum Extent: Hashable, Sendable {
    /// Fsynced by this process: what a follower is sent.
    case onThisDisk
    /// Also acknowledged as its tenants' modes ask: what anybody else may see.
    case inItsMode
  }

  private let journal: Journal
  private let start: Start
  private let extent: Extent
  /// The first group of the segment that is open; nil before the first.
  private var segment: UInt64?
  private var reader: SegmentReader?
  private var offset = UInt64(SegmentHeader.length)
  /// Number of the last group that was returned or passed over.
  public private(set) var lastNumber: UInt64 = 0

  init(_ journal: Journal, start: Start, extent: Extent) {
    self.journal = journal
    self.start = start
    self.extent = extent
  }

  /// The next group; waits where there is none yet.
  ///
  /// Nil: the journal was closed or the task cancelled. Throws ``JournalError/trimmed(first:)``
  /// where the next group is not in the journal any more, and what reading throws; damage is not
  /// stepped over.
  public mutating func next() async throws(JournalError) -> DurableGroup? {
    while true {
      let mark = extent == .onThisDisk ? journal.groupMark : journal.modeMark
      let seen = mark.value
      if let group = try available() { return group }
      guard await mark.wait(past: seen) else { return nil }
    }
  }

  /// The next group where it is durable now and has at most `most` bytes; nil at the end.
  ///
  /// A larger one stays the next.
  public mutating func available(
    upTo most: Int = .max
  ) throws(JournalError) -> DurableGroup? {
    let through = extent == .onThisDisk ? CellSeq(.max) : CellSeq(journal.modeMark.value)
    let catalog = journal.contents
    while let index = try place(in: catalog) {
      let current = catalog.segments[index]
      if segment == nil { segment = current.firstGroup }
      var reader = try opened(current)
      reader.limit = current.endOffset
      self.reader = reader
      defer { if self.reader != nil { self.reader = reader } }
      guard offset < current.endOffset else {
        guard index + 1 < catalog.segments.count else { return nil }
        reader.file.close()
        self.reader = nil
        segment = catalog.segments[index + 1].firstGroup
        offset = UInt64(SegmentHeader.length)
        continue
      }
      let head = try reader.bytes(at: offset, GroupFormat.headerLength)
      if let header = GroupFormat.decodeHeader(head) {
        // Its header is enough.
        if !isBefore(header), header.totalBytes > most { return nil }
        if isBefore(header), header.kind != .gap {
          offset += UInt64(header.totalBytes)
          continue
        }
      }
      guard let (header, bytes) = try reader.group(at: offset), header.number > lastNumber else {
        throw JournalError.malformed(
          "segment \(current.name) has no valid group at byte \(offset)")
      }
      if !isBefore(header), header.lastSeq > through { return nil }
      let group = try DurableGroup(header, Array(bytes))
      lastNumber = group.throughNumber
      offset += UInt64(header.totalBytes)
      if !isBefore(header) { return group }
    }
    return nil
  }

  private func isBefore(_ header: GroupHeader) -> Bool {
    switch start {
    case .afterGroup(let number): header.number <= number
    case .from(let seq): header.lastSeq < seq && header.firstSeq < seq
    }
  }

  /// Bytes of durable groups behind the last one returned.
  public var bytesBehind: UInt64 {
    let segments = journal.contents.segments
    guard let segment, let index = segments.firstIndex(where: { $0.firstGroup == segment }) else {
      return segments.reduce(0) { $0 + $1.endOffset - UInt64(SegmentHeader.length) }
    }
    let here = segments[index].endOffset - min(offset, segments[index].endOffset)
    return segments[(index + 1)...].reduce(here) {
      $0 + $1.endOffset - UInt64(SegmentHeader.length)
    }
  }

  /// Gives up the open file.
  public mutating func close() {
    reader?.file.close()
    reader = nil
  }

  /// The index of the segment to read in; nil where the journal has none yet.
  private func place(in catalog: JournalCatalog) throws(JournalError) -> Int? {
    let index: Int?
    if let segment {
      index = catalog.segments.firstIndex { $0.firstGroup == segment }
    } else {
      guard let first = catalog.segments.first else { return nil }
      index =
        switch start {
        case .afterGroup(let number):
          number + 1 < first.firstGroup
            ? nil : catalog.segments.lastIndex { $0.firstGroup <= number + 1 }
        case .from(let seq): catalog.segments.lastIndex { $0.firstSeq <= seq }
        }
    }
    guard let index else {
      throw JournalError.trimmed(first: catalog.segments.first?.firstSeq ?? CellSeq(1))
    }
    return index
  }

  private func opened(_ segment: JournalCatalog.Segment) throws(JournalError) -> SegmentReader {
    if let reader { return reader }
    do throws(FileError) {
      return SegmentReader(try journal.open(segment), limit: segment.endOffset)
    } catch { throw JournalError.file(error) }
  }
}
