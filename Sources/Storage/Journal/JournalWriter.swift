import Platform
import Wire

/// Writes groups: the steps that ``JournalState`` decides, one call at a time, on one thread.
final class JournalWriter {
  enum Result: Hashable, Sendable {
    case durable(first: CellSeq, last: CellSeq)
    case cut
    case refused(AppendOutcome.Refusal)
    /// Nothing may be answered any more.
    case fatal(JournalFatality)
  }

  private let configuration: JournalConfiguration
  private let maker: SegmentMaker
  private let catalog: Monitor<JournalCatalog>
  private let nanoseconds: @Sendable () -> UInt64
  private(set) var state: JournalState
  private var builder: GroupBuilder
  private var file: (any File)?

  /// `nanoseconds` is a clock that only rises, for the metrics.
  init(
    _ configuration: JournalConfiguration, maker: SegmentMaker, start: JournalStart,
    catalog: Monitor<JournalCatalog>, nanoseconds: @escaping @Sendable () -> UInt64
  ) {
    self.configuration = configuration
    self.maker = maker
    self.catalog = catalog
    self.nanoseconds = nanoseconds
    builder = GroupBuilder(
      cell: configuration.cell, generation: configuration.generation, list: start.list)
    state = JournalState()
    state.opened(at: start.tip, capacity: start.capacity)
    file = start.file
  }

  /// Makes `records` durable as one group, or nothing of them.
  func write(_ records: [SealedRecord]) -> Result {
    while true {
      let (header, hash) = builder.build(records, after: state.tip)
      switch state.place(bytes: header.totalBytes, sealBytes: builder.sealBytesAfter) {
      case .append(let offset):
        return append(header, hash, at: offset)
      case .sealFirst:
        let (seal, sealHash) = builder.buildSeal(after: state.tip)
        let result = append(seal, sealHash, at: state.tip.offset)
        guard case .durable = result else { return result }
      case .makeSegmentFirst:
        let least = header.totalBytes + builder.sealBytesAfter
        if let result = makeSegment(
          least: UInt64(least),
          mayUseReserve: records.contains { $0.identity.kind.mayUseReserve })
        {
          return result
        }
      case .refuse(let refusal):
        return .refused(refusal)
      }
    }
  }

  func close() {
    state.closed()
    file?.close()
    file = nil
    maker.close()
  }

  private func append(_ header: GroupHeader, _ hash: SHA256Hash, at offset: UInt64) -> Result {
    guard let file else { preconditionFailure("a ready journal has an open segment") }
    state.appendBegan(JournalGroup(header, hash: hash))
    do {
      try file.write(builder.bytes, at: offset)
    } catch {
      return cut(file, error)
    }
    state.appended()
    let began = nanoseconds()
    do {
      // Broken on purpose in test builds: the answer does not wait for the disk.
      if !Sabotage.ackBeforeFsync.isOn { try file.synchronize() }
    } catch {
      state.failed()
      return .fatal(.synchronizeFailed(error.description))
    }
    let spent = nanoseconds() - began
    let outcome = state.synced()
    builder.becameDurable(header)
    catalog.withLock { catalog in
      catalog.groupBecameDurable(state.tip)
      catalog.metrics.add(header, synchronizeNanoseconds: spent)
    }
    guard case .answerDurable(let first, let last) = outcome else {
      return .durable(first: header.firstSeq, last: header.lastSeq)
    }
    return .durable(first: first, last: last)
  }

  /// Undoes a write that failed: the file reads as zero behind the tip again.
  ///
  /// Zeros first: a file that is shorter for a moment looks damaged if the process ends there.
  private func cut(_ file: any File, _ cause: FileError) -> Result {
    let end = state.appendFailed()
    do {
      do {
        try file.write([UInt8](repeating: 0, count: builder.bytes.count), at: end)
      } catch {
        try file.truncate(to: end)
        try file.truncate(to: state.capacity)
      }
      try file.synchronize()
    } catch {
      state.failed()
      return .fatal(.truncateFailed("\(error) after \(cause)"))
    }
    state.truncated()
    return .cut
  }

  /// Opens the next segment; a result where that failed.
  private func makeSegment(least: UInt64, mayUseReserve: Bool) -> Result? {
    let tip = state.tip
    let draft = SegmentHeader(
      cell: configuration.cell, generation: configuration.generation,
      firstSeq: tip.lastSeq.next, firstGroup: tip.groupNumber + 1, capacity: 0,
      previousHash: tip.hash)
    do {
      let made = try maker.make(draft, minimum: least, mayUseReserve: mayUseReserve)
      file?.close()
      file = made.file
      state.segmentMade(capacity: made.header.capacity)
    } catch {
      // The file had no record in it, but after a failed fsync the disk is not to be believed.
      if error.operation == .sync || error.operation == .syncDirectory {
        state.failed()
        return .fatal(.synchronizeFailed(error.description))
      }
      return .cut
    }
    catalog.withLock {
      $0.segments.append(
        JournalCatalog.Segment(
          name: JournalNames.segment(firstGroup: draft.firstGroup), firstGroup: draft.firstGroup,
          firstSeq: draft.firstSeq, lastSeq: tip.lastSeq,
          endOffset: UInt64(SegmentHeader.length)))
    }
    maker.prepareAhead()
    return nil
  }
}

/// Where the writer begins after opening.
struct JournalStart: Sendable {
  var tip: JournalTip
  var list: GroupList
  /// The open segment; nil where the last is sealed or there is none.
  var file: (any File)?
  var capacity: UInt64?
}
