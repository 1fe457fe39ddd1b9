import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Who hears of what the uploader does, in order.
protocol UploadListener: Sendable {
  /// It goes on behind this position: what is before it was archived by an earlier process.
  func began(behind position: CellSeq)

  /// An object with these records is in the archive, in so many bytes.
  func stored(_ span: JournalSpan, bytes: UInt64, _ records: [JournalRecord])
}

extension UploadListener {
  func began(behind position: CellSeq) {}
}

/// Brings a cell's journal into the archive: whole groups, at most a second behind, never twice.
///
/// The journal is pinned (``pin``) up to what was stored and read back. A dead archive is a problem
/// to look at and stops no write.
public final class JournalUploader: Sendable {
  /// The pin's name; a start sets it at the journal's oldest position.
  public static let pin = "archive"
  /// How long what arrives is gathered before an object is made.
  static let gather = Duration.milliseconds(250)
  static let firstRetry = Duration.milliseconds(100)
  static let longestRetry = Duration.seconds(15)

  private let archive: Archive
  private let engine: StorageEngine
  private let cell: CellID
  private let generation: Generation
  private let clock: any WallClock
  private let state: ArchiveState
  private let logger: Logger
  private let listeners: [any UploadListener]
  private let mark = Mutex<CellSeq?>(nil)

  init(
    archive: Archive, engine: StorageEngine, cell: CellID, generation: Generation,
    clock: any WallClock, state: ArchiveState, logger: Logger,
    listeners: [any UploadListener] = []
  ) {
    self.archive = archive
    self.engine = engine
    self.cell = cell
    self.generation = generation
    self.clock = clock
    self.state = state
    self.logger = logger
    self.listeners = listeners
  }

  /// The last position that is in the archive; nil before the first look at it.
  public var archivedThrough: CellSeq? { mark.withLock { $0 } }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// Uploads until the task is cancelled, the journal closes, or another owner has claimed it.
  public func run() async {
    guard let journal = engine.journal else { return }
    let start = await retrying { () throws(ArchiveError) -> UploadPosition in
      try await self.begin(journal)
    }
    guard let start else { return }
    for listener in listeners { listener.began(behind: start.last) }
    var position = start
    var tail = journal.tail(position.tailStart, .inItsMode)
    defer { tail.close() }
    var batch = TailBatch()
    while !Task.isCancelled {
      do {
        guard let first = try await tail.next() else { return }
        let arrived = now
        state.change { $0.waitingSince = $0.waitingSince ?? arrived }
        batch.add(first)
        try? await Task.sleep(for: Self.gather)
        while !batch.isFull, let more = try tail.available() { batch.add(more) }
      } catch JournalError.trimmed(let oldest) {
        // The disk reserve came first: what was trimmed is in nobody's archive.
        if oldest > position.last.next {
          let lost = "positions \(position.last.rawValue + 1) to \(oldest.rawValue - 1)"
          state.add("archive_gap", "\(lost) were never archived", at: now)
        }
        tail.close()
        position = UploadPosition(last: CellSeq(oldest.rawValue - 1))
        tail = journal.tail(position.tailStart, .inItsMode)
        batch = TailBatch()
        continue
      } catch {
        state.add("archive_journal_unreadable", "\(error)", at: now)
        logger.error("the journal cannot be read", metadata: ["error": "\(error)"])
        // A disk's fault may pass; what was read and not stored is read again.
        try? await Task.sleep(for: Self.longestRetry)
        tail.close()
        tail = journal.tail(position.tailStart, .inItsMode)
        batch = TailBatch()
        continue
      }
      state.resolve("archive_journal_unreadable")
      guard let next = batch.take(generation) else { continue }
      let before = position
      let uploaded = await retrying { () throws(ArchiveError) -> UploadPosition in
        try await self.upload(next.span, next.groups, after: before)
      }
      guard let uploaded else { return }
      position = uploaded
      journal.advancePin(Self.pin, through: position.pin)
    }
  }

  /// Claims the journal where that was not done, and finds where the archive ends.
  private func begin(_ journal: Journal) async throws(ArchiveError) -> UploadPosition {
    let found = try await UploadStart(archive: archive, cell: cell, generation: generation)
      .find(in: journal, at: now)
    if let abandoned = found.abandoned {
      // Said for a day: what it was is for people to look into.
      let detail =
        "positions \(abandoned.lowerBound.rawValue) to \(abandoned.upperBound.rawValue) were "
        + "archived by an earlier generation, and are not in the journal of the cell's owner"
      state.add("archive_tail_abandoned", detail, at: now)
      logger.critical("the archive had more", metadata: ["lost": "\(detail)"])
    }
    let position = found.position
    mark.withLock { $0 = position.last }
    state.change { $0.archived = position.last }
    journal.advancePin(Self.pin, through: position.pin)
    return position
  }

  private func upload(
    _ span: JournalSpan, _ groups: [DurableGroup], after position: UploadPosition
  ) async throws(ArchiveError) -> UploadPosition {
    if let last = position.group, let first = groups.first, first.previousHash != last.hash {
      throw .incomplete(
        "group \(first.number) does not follow what the archive holds: two journals of one cell")
    }
    // Early detection only; readers are safe by their rule.
    if let highest = try await archive.highestClaim(cell), highest > generation {
      throw .fenced(generation: highest.rawValue)
    }
    let content = JournalObject.encode(groups)
    let bytes = try await archive.put(ArchiveNames.journal(cell, span), content)
    var records: [JournalRecord] = []
    for group in groups {
      do { records += try group.records() } catch {
        throw .damaged(name: ArchiveNames.journal(cell, span), detail: "\(error)")
      }
    }
    let now = now
    state.change { status in
      status.archived = span.last
      status.objects += 1
      status.bytes += UInt64(content.count)
      if let since = status.waitingSince {
        status.lag.record(microseconds: (now.milliseconds - since.milliseconds) * 1_000)
      }
      status.waitingSince = nil
    }
    for listener in listeners { listener.stored(span, bytes: bytes, records) }
    // Last: who waits for it finds the rest told.
    mark.withLock { $0 = span.last }
    return UploadPosition(last: span.last, groups)
  }

  /// Tries until it succeeds; nil where it never will, or the task is cancelled.
  private func retrying<T: Sendable>(
    _ body: @Sendable () async throws(ArchiveError) -> T
  ) async -> T? {
    var pause = Self.firstRetry
    while !Task.isCancelled {
      do throws(ArchiveError) {
        let result = try await body()
        state.resolve("archive_unreachable")
        return result
      } catch {
        state.change { $0.failures += 1 }
        state.add(error.mayPass ? "archive_unreachable" : error.code, error.description, at: now)
        logger.error("the archive", metadata: ["error": "\(error)"])
        // A wrong key or a fence is not healed by trying at once again, but by an operator.
        if case .fenced(let generation) = error {
          state.change { $0.fencedBy = Generation(generation) }
          return nil
        }
        try? await Task.sleep(for: error.mayPass ? pause : Self.longestRetry)
        pause = min(pause * 2, Self.longestRetry)
      }
    }
    return nil
  }
}
