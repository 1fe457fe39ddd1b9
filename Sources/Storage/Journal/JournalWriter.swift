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
  /// Under which the last records were written that were here at the start, or copied since.
  private var lastGeneration: Generation?

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
    state.opened(at: start.tip, capacity: start.capacity, mustSeal: start.mustSeal)
    file = start.file
    lastGeneration = start.generation
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

  /// Makes another journal's group durable, byte for byte.
  ///
  /// A segment ends where that journal's ends, whatever its length there: where a group does not
  /// fit, the segment is made longer.
  func write(_ group: DurableGroup) -> Result {
    guard let entries = try? group.listEntries(),
      group.follows(state.tip, from: lastGeneration, to: entries.generation)
    else { return .refused(.notNext) }
    while true {
      switch state.place(bytes: group.bytes.count, sealBytes: group.isSeal ? 0 : entries.sealBytes)
      {
      case .append(let offset):
        guard let file else { preconditionFailure("a ready journal has an open segment") }
        state.appendBegan(JournalGroup(group))
        do { try file.write(group.bytes, at: offset) } catch {
          return cut(file, group.bytes.count, error)
        }
        state.appended()
        return synchronize(file, records: entries.list.count) { builder in
          lastGeneration = entries.generation ?? lastGeneration
          if !group.isSeal { builder.becameDurable(entries.list) }
        }
      case .sealFirst:
        if let result = growSegment(by: group.bytes.count + entries.sealBytes) { return result }
      case .makeSegmentFirst:
        if let result = makeSegment(
          least: UInt64(group.bytes.count + entries.sealBytes), mayUseReserve: false,
          generation: entries.generation)
        {
          return result
        }
      case .refuse(let refusal): return .refused(refusal)
      }
    }
  }

  /// Puts a longer file in the place of the open segment's; a result where that failed.
  private func growSegment(by bytes: Int) -> Result? {
    guard let old = file else { preconditionFailure("a ready journal has an open segment") }
    do {
      let grown = try maker.grow(
        old, through: state.tip.offset, minimum: state.tip.offset + UInt64(bytes))
      old.close()
      file = grown.file
      state.segmentGrew(capacity: grown.capacity)
      return nil
    } catch {
      return failed(toMake: error)
    }
  }

  /// What a segment that could not be made, or made longer, means for the append before which it
  /// was to be.
  ///
  /// After a failed fsync the disk is not to be believed; and where the directory's failed, the
  /// new file already has the name, while the open one may have none.
  private func failed(toMake error: any Error) -> Result {
    guard let error = error as? FileError,
      error.operation == .sync || error.operation == .syncDirectory
    else { return .cut }
    state.failed()
    return .fatal(.synchronizeFailed(error.description))
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
      return cut(file, builder.bytes.count, error)
    }
    state.appended()
    return synchronize(file, records: header.recordCount) { builder in
      builder.becameDurable(header)
    }
  }

  /// Ends an append: fsync, then the group is true.
  private func synchronize(
    _ file: any File, records: Int, _ becameDurable: (inout GroupBuilder) -> Void
  ) -> Result {
    let began = nanoseconds()
    do {
      // Broken on purpose in test builds: the answer does not wait for the disk.
      if !Sabotage.ackBeforeFsync.isOn { try file.synchronize() }
    } catch {
      state.failed()
      return .fatal(.synchronizeFailed(error.description))
    }
    let spent = nanoseconds() - began
    let before = state.tip
    let outcome = state.synced()
    becameDurable(&builder)
    let tip = state.tip
    catalog.withLock { catalog in
      catalog.groupBecameDurable(tip)
      catalog.metrics.add(
        records: records, bytes: Int(tip.offset - before.offset), synchronizeNanoseconds: spent)
    }
    guard case .answerDurable(let first, let last) = outcome else {
      return .durable(first: tip.lastSeq.next, last: tip.lastSeq)
    }
    return .durable(first: first, last: last)
  }

  /// Undoes a write that failed: the file reads as zero behind the tip again.
  ///
  /// Zeros, or a hole where they cannot be written. The file is never shorter, not for a moment: it
  /// would look damaged if the process ended there.
  private func cut(_ file: any File, _ length: Int, _ cause: FileError) -> Result {
    let end = state.appendFailed()
    do {
      do {
        try file.write([UInt8](repeating: 0, count: length), at: end)
      } catch {
        try file.punch(end..<end + UInt64(length))
      }
    } catch {
      state.failed()
      return .fatal(.truncateFailed("\(error) after \(cause)"))
    }
    do {
      try file.synchronize()
    } catch {
      state.failed()
      return .fatal(.synchronizeFailed("\(error) after \(cause)"))
    }
    state.truncated()
    return .cut
  }

  /// Opens the next segment; a result where that failed.
  private func makeSegment(
    least: UInt64, mayUseReserve: Bool, generation: Generation? = nil
  ) -> Result? {
    let tip = state.tip
    let draft = SegmentHeader(
      cell: configuration.cell, generation: generation ?? configuration.generation,
      firstSeq: tip.lastSeq.next, firstGroup: tip.groupNumber + 1, capacity: 0,
      previousHash: tip.hash)
    do {
      let made = try maker.make(draft, minimum: least, mayUseReserve: mayUseReserve)
      file?.close()
      file = made.file
      state.segmentMade(capacity: made.header.capacity)
    } catch {
      return failed(toMake: error)
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
  /// Whether the open segment is an older generation's and ends here.
  var mustSeal = false
  /// Under which the last records were written; nil: there are none.
  var generation: Generation?
}
