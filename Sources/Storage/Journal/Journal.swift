import Platform
import Synchronization
import Wire

/// One cell's journal, open for appending: one writer thread, one fsync for all that waits.
public final class Journal: Sendable {
  private let configuration: JournalConfiguration
  private let files: any FileSystem
  private let maker: SegmentMaker
  private let lock: any FileLock
  private let catalog: Monitor<JournalCatalog>
  private let queue: Monitor<AppendQueue>
  private let trimming = Monitor(())
  private let pinned: Mutex<JournalPins>
  private let tip: Monitor<JournalTip>
  /// Number of the last group that is durable on this disk.
  public let groupMark: Watermark
  /// The last position that is durable as its tenants' modes ask.
  public var modeMark: Watermark { gate.mark }
  /// What waits for followers.
  public let gate: FollowerGate
  /// Nil where the journal is stepped.
  private let thread: OwnThread?
  private let steps: JournalSteps?
  /// Whether the opening found damage that no repair has closed, or heads that it could not read.
  ///
  /// Heads and segments stay as they were found then: a checkpoint written now would prove at the
  /// next start that nothing was lost.
  public let keepsEvidence: Bool

  /// Opens the journal in `configuration.directory`, or begins one there.
  ///
  /// Everything past the last sealed segment is rewritten and fsynced before this returns.
  /// `applied` is asked only where the journal ends in a torn group: the highest applied seq of
  /// each tenant's files, as proof of what was durable. `fatal` must end the process: after it is
  /// called nothing is answered any more. Throws ``JournalError`` or `FileError`; damage is not
  /// thrown but in ``OpenedJournal/damage``.
  public static func open(
    _ configuration: JournalConfiguration, files: any FileSystem,
    applied: @escaping @Sendable () throws -> [TenantID: TenantSeq] = { [:] },
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> OpenedJournal {
    try open(configuration, files: files, isStepped: false, applied: applied, fatal: fatal)
  }

  /// The same without a thread: what was appended is written by ``step()``, so that a simulation
  /// says when.
  package static func openStepped(
    _ configuration: JournalConfiguration, files: any FileSystem,
    applied: @escaping @Sendable () throws -> [TenantID: TenantSeq],
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> OpenedJournal {
    precondition(!configuration.preparesAhead, "a stepped journal has no threads")
    return try open(configuration, files: files, isStepped: true, applied: applied, fatal: fatal)
  }

  private static func open(
    _ configuration: JournalConfiguration, files: any FileSystem, isStepped: Bool,
    applied: @escaping @Sendable () throws -> [TenantID: TenantSeq],
    fatal: @escaping @Sendable (JournalFatality) -> Void
  ) throws -> OpenedJournal {
    let maker = SegmentMaker(configuration, files: files)
    let opening = JournalOpening(
      configuration: configuration, files: files, maker: maker, applied: applied)
    let result = try opening.run()
    let journal = Journal(configuration, files, maker, result, isStepped: isStepped, fatal)
    return OpenedJournal(
      journal: journal, heads: result.heads, headsProblem: result.headsProblem,
      checkpointThrough: result.catalog.checkpointThrough, first: result.first,
      last: result.catalog.lastSeq, damage: result.catalog.damage, isWritable: result.isWritable,
      cut: result.cut, generationStart: result.generationStart)
  }

  private init(
    _ configuration: JournalConfiguration, _ files: any FileSystem, _ maker: SegmentMaker,
    _ opening: JournalOpening.Result, isStepped: Bool,
    _ fatal: @escaping @Sendable (JournalFatality) -> Void
  ) {
    self.configuration = configuration
    self.files = files
    self.maker = maker
    lock = opening.lock
    keepsEvidence = !opening.catalog.damage.isEmpty || opening.headsProblem != nil
    let catalog = Monitor(opening.catalog)
    self.catalog = catalog
    var empty = AppendQueue(configuration)
    empty.stopped = !opening.isWritable
    let queue = Monitor(empty)
    self.queue = queue
    let start = opening.start
    var pins = JournalPins()
    for (name, mayHold) in configuration.pins {
      let through = CellSeq(opening.first.rawValue - 1)
      pins.set(name, JournalPin(through: through, mayHold: mayHold))
    }
    pinned = Mutex(pins)
    let groupMark = Watermark(start.tip.groupNumber)
    let gate = FollowerGate(configuration.followerGate, through: start.tip.lastSeq)
    self.groupMark = groupMark
    self.gate = gate
    let tip = Monitor(start.tip)
    self.tip = tip
    let loop = JournalLoop(
      queue, catalog, waitNanoseconds: configuration.groupWaitNanoseconds,
      ended: { end in tip.withLock { $0 = end } },
      durable: { end in
        groupMark.rise(to: end.groupNumber)
        gate.groupBecameDurable(through: end.lastSeq)
      }, fatal)
    let makeWriter: @Sendable () -> JournalWriter = {
      JournalWriter(
        configuration, maker: maker, start: start, catalog: catalog,
        nanoseconds: { MonotonicTime.nanoseconds() })
    }
    steps = isStepped ? JournalSteps(loop: loop, writer: makeWriter()) : nil
    thread = isStepped ? nil : OwnThread(name: "journal-writer") { loop.run(makeWriter()) }
  }

  /// Writes one group of what waits and answers it; only for a journal that was opened stepped.
  package func step() {
    guard let steps else { preconditionFailure("this journal has a thread") }
    steps.loop.step(steps.writer)
  }

  /// Gives one record to the writer; `completion` runs once, on the writer's thread: short, and
  /// never blocking.
  ///
  /// A refusal runs it at once, on the caller's.
  ///
  /// Records keep the order of the calls. `more` says that further work is under way that will
  /// append soon, so that the writer may wait a moment for it.
  public func append(
    _ record: SealedRecord, more: Bool = false,
    completion: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    let item = AppendQueue.Item(
      content: .record(record),
      bytes: RecordFormat.recordLength(record, cell: configuration.cell), completion: completion)
    add(item, more: more)
  }

  /// Gives another journal's group to the writer, to stand here byte for byte.
  ///
  /// It must follow the last one in number, position and hash, or is refused as `notNext`; a later
  /// generation's first may pass positions over. `durable` carries its last position.
  public func append(
    _ group: DurableGroup, completion: @escaping @Sendable (AppendOutcome) -> Void
  ) {
    add(
      AppendQueue.Item(
        content: .group(group), bytes: group.bytes.count, completion: completion), more: false)
  }

  private func add(_ item: AppendQueue.Item, more: Bool) {
    switch queue.withLock({ $0.add(item, more: more) }) {
    case .wake: queue.signal()
    case .keepWaiting, .drop: break
    case .refuse(let refusal):
      catalog.withLock { $0.metrics.refusedRecords += 1 }
      item.completion(.refused(refusal))
    }
  }

  /// The records from `start` on that are durable at the time of the call, in order.
  ///
  /// Throws where its first segment cannot be opened, e.g. because it was trimmed meanwhile.
  public func records(from start: CellSeq) throws(JournalError) -> JournalRecords {
    try JournalRecords(
      directory: configuration.directory, files: files, catalog: catalog.withLock { $0 },
      start: start)
  }

  /// The groups from `start` on, also those still to come; see ``JournalTail``.
  public func tail(_ start: JournalTail.Start, _ extent: JournalTail.Extent) -> JournalTail {
    JournalTail(self, start: start, extent: extent)
  }

  /// The hash of a group; nil where the journal does not have it: not yet, or not any more.
  public func hash(ofGroup number: UInt64) throws(JournalError) -> SHA256Hash? {
    try end(ofGroup: number)?.hash
  }

  /// Where the journal ended with a group; nil where it does not have it: not yet, or not any more.
  ///
  /// Of the group before its first one the journal knows this still.
  public func end(ofGroup number: UInt64) throws(JournalError) -> JournalEnd? {
    let end = end
    if number == end.group { return end }
    guard number < end.group else { return nil }
    var tail = tail(.afterGroup(number), .onThisDisk)
    defer { tail.close() }
    do throws(JournalError) {
      return try tail.available().map { next in
        JournalEnd(
          group: number, seq: CellSeq(next.firstSeq.rawValue - 1), hash: next.previousHash)
      }
    } catch .trimmed {
      return nil
    }
  }

  /// What there is to read now.
  var contents: JournalCatalog { catalog.withLock { $0 } }

  func open(_ segment: JournalCatalog.Segment) throws(FileError) -> any File {
    try files.open(configuration.directory + "/" + segment.name, .read)
  }

  /// Holds what lies behind `through` back from trimming, at most `mayHold` bytes of it; a pin of
  /// that name is set anew.
  ///
  /// Pins are not kept over a restart: ``JournalConfiguration/pins`` names those that a start sets.
  public func setPin(_ name: String, through: CellSeq, mayHold: UInt64?) {
    pinned.withLock { $0.set(name, JournalPin(through: through, mayHold: mayHold)) }
  }

  /// Says that what lies at or before `through` is not needed under this name any more.
  public func advancePin(_ name: String, through: CellSeq) {
    pinned.withLock { $0.advance(name, through: through) }
  }

  public func removePin(_ name: String) { pinned.withLock { $0.remove(name) } }

  public var pins: [String: JournalPin] { pinned.withLock { $0.byName } }

  /// The end of what is durable on this disk.
  public var end: JournalEnd {
    let tip = tip.withLock { $0 }
    return JournalEnd(group: tip.groupNumber, seq: tip.lastSeq, hash: tip.hash)
  }

  /// The last durable position.
  public var lastSeq: CellSeq { catalog.withLock { $0.lastSeq } }

  /// The first position of each segment, oldest first: what pins the journal's oldest part.
  public var segmentStarts: [CellSeq] { catalog.withLock { $0.segments.map(\.firstSeq) } }

  /// Removes the segments that hold only records at or before `pastAll` and before the stored
  /// checkpoint of heads.
  ///
  /// The caller has made sure that all files are durable past it; what pins hold stays too, and
  /// all of it where the journal ``keepsEvidence``.
  public func trim(pastAll: CellSeq) throws(JournalError) {
    let failure = trimming.withLock { _ -> FileError? in
      do throws(FileError) {
        for segment in try removable(pastAll: pastAll) {
          let path = configuration.directory + "/" + segment.name
          if try files.exists(path) { try files.remove(path) }
          // One at a time, oldest first: a removal that a power loss undoes must not leave a hole.
          try files.synchronizeDirectory(configuration.directory)
          // Only now: one that could not be removed must be the next to go, not those behind it.
          catalog.withLock { $0.remove(segment) }
        }
        return nil
      } catch { return error }
    }
    // Room for later, and nobody's evidence: an fsync of it that fails ends no process.
    try? maker.keepReserve()
    if let failure { throw .file(failure) }
  }

  private func removable(pastAll: CellSeq) throws(FileError) -> [JournalCatalog.Segment] {
    // Pins are not asked then: what they hold stays, so none is lost.
    guard !keepsEvidence else { return [] }
    let limit = min(pastAll, try pinLimit())
    return catalog.withLock { $0.removable(pastAll: limit) }
  }

  private func pinLimit() throws(FileError) -> CellSeq {
    guard !pins.isEmpty else { return CellSeq(.max) }
    let free = try files.freeBytes(configuration.directory)
    return pinned.withLock {
      $0.limit(
        isDiskLow: free < UInt64(configuration.reserveBytes), bytesFrom: bytesNeeded(from:))
    }
  }

  /// Stores the checkpoint of heads durably.
  ///
  /// Nothing past it may be in the table, and it may not lie past the durable journal. One that is
  /// older than the stored one is left out: the journal may have been trimmed since. So is any
  /// where the journal ``keepsEvidence``.
  public func writeHeads(_ checkpoint: HeadsCheckpoint) throws(JournalError) {
    precondition(checkpoint.through <= lastSeq, "a checkpoint of heads past the durable journal")
    guard !keepsEvidence else { return }
    let bytes = HeadsFile.encode(
      checkpoint, cell: configuration.cell, generation: configuration.generation)
    let failure = trimming.withLock { _ -> FileError? in
      let stored = catalog.withLock { $0.checkpointThrough }
      guard checkpoint.through >= stored else { return nil }
      do throws(FileError) {
        try HeadsFile.write(bytes, directory: configuration.directory, files: files)
        catalog.withLock { $0.checkpointThrough = checkpoint.through }
        return nil
      } catch { return error }
    }
    if let failure { throw .file(failure) }
  }

  /// Bytes of groups that a replay from the position `start` would read.
  public func bytesNeeded(from start: CellSeq) -> UInt64 {
    catalog.withLock { catalog in
      catalog.segments.filter { $0.lastSeq >= start }
        .reduce(0) { $0 + $1.endOffset - UInt64(SegmentHeader.length) }
    }
  }

  public var metrics: JournalMetrics {
    var metrics = catalog.withLock { catalog in
      var metrics = catalog.metrics
      metrics.segments = catalog.segments.count
      metrics.untrimmedBytes = catalog.untrimmedBytes
      return metrics
    }
    queue.withLock {
      metrics.queuedRecords = $0.items.count
      metrics.queuedBytes = $0.bytes
    }
    return metrics
  }

  /// Writes what waits, ends the thread and gives up the directory.
  ///
  /// Blocks until then.
  public func close() {
    queue.withLock { $0.close() }
    queue.broadcast()
    thread?.join()
    groupMark.close()
    gate.close()
    lock.release()
  }
}

/// What ``Journal/open(_:files:applied:fatal:)`` found.
public struct OpenedJournal: Sendable {
  public let journal: Journal
  /// The checkpoint of heads with the records after it folded in.
  public let heads: [TenantID: TenantHead]
  /// Why the checkpoint of heads could not be read, where it is there: tenants without a record in
  /// the journal are not in ``heads`` then.
  public let headsProblem: String?
  /// The position up to which the checkpoint on disk holds; zero without one.
  ///
  /// Records that files may lack can lie before it: a replay starts at ``first``.
  public let checkpointThrough: CellSeq
  /// The first position still in the journal.
  public let first: CellSeq
  /// The last durable position; `first - 1` in an empty journal.
  public let last: CellSeq
  /// Ranges that were durable and cannot be read; see ``DamagedRange/stops(_:applied:)``.
  public let damage: [DamagedRange]
  /// False where the damage reaches the journal's end: every append is refused until a repair.
  public let isWritable: Bool
  /// A torn last group that was cut: never acknowledged.
  ///
  /// For the log.
  public let cut: DamagedRange?
  /// Where this generation's own part of the journal begins, of what is still there; nil where it
  /// has written nothing yet.
  public let generationStart: CellSeq?

  /// Bytes of the torn last group that were cut.
  public var cutBytes: UInt64 { cut.map { $0.endOffset - $0.startOffset } ?? 0 }
}

/// The writer of a journal that has no thread.
private struct JournalSteps: @unchecked Sendable {
  // Unchecked: whoever opened the journal stepped is its one thread.
  let loop: JournalLoop
  let writer: JournalWriter
}
