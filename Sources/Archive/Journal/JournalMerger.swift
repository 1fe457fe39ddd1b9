import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Merges the small objects of a cell's archived journal into larger ones.
///
/// A merged object is stored and read back beside those that it is made of; readers take the longer
/// one (``ReaderRule``). The small ones go an hour later, when whoever listed them has read them,
/// and after the longer one was read once more. No object reaches over two generations.
final class JournalMerger: UploadListener {
  /// How often it looks.
  static let interval = Duration.seconds(60)
  /// Merged objects made in one look, one after the other.
  static let perLook = 16
  /// How long the objects stay that a merged one was made of.
  static let coveredMilliseconds: Int64 = 3_600_000
  /// Bytes of groups in one object: their stored sizes say little of what is inside.
  static let contentBytes = 32 * 1_024 * 1_024

  private struct State {
    /// In order; the first ones are left out once they are large.
    var objects: [MergeRule.Object] = []
    /// Objects that others were made into, with those, and since when that is known.
    var merged: [JournalSpan: Parts] = [:]
    /// What cannot be read, or merged with anything: left as it is.
    var left: Set<JournalSpan> = []
    /// What was not there when it was read last: removed meanwhile, or lost.
    var missing: String?
    var isLoaded = false
  }

  private struct Parts {
    var spans: [JournalSpan]
    let since: Timestamp
  }

  private let archive: Archive
  private let cell: CellID
  private let generation: Generation
  private let rule: MergeRule
  private let clock: any WallClock
  private let status: ArchiveState
  private let logger: Logger
  private let state = Mutex(State())

  init(_ environment: ArchiveEnvironment, status: ArchiveState) {
    archive = environment.archive
    cell = environment.cell
    generation = environment.generation
    rule = environment.merging
    clock = environment.clock
    logger = environment.logger
    self.status = status
  }

  func stored(_ span: JournalSpan, bytes: UInt64, _ records: [JournalRecord]) {
    state.withLock { $0.objects.append(MergeRule.Object(span: span, bytes: bytes)) }
  }

  func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.interval)
      guard status.status.fencedBy == nil else { return }
      await look()
    }
  }

  /// One look: merges what is due, and removes what was merged long ago.
  func look() async {
    do throws(ArchiveError) {
      try await load()
      let runs = state.withLock { rule.runs($0.objects) }
      for run in runs.prefix(Self.perLook) where !Task.isCancelled {
        do throws(ArchiveError) { try await merge(Array(run)) } catch {
          guard !error.mayPass else { throw error }
          leave(run, for: error)
        }
      }
      if runs.count <= Self.perLook { forgetFull() }
      try await removeCovered()
      status.resolve(Self.failing)
    } catch {
      status.add(Self.failing, "\(error)", at: now)
      logger.error("merging", metadata: ["error": "\(error)"])
    }
  }

  private static let failing = "archive_merging_failing"

  /// A run that cannot be read: once more where something of it has gone, since the removal of what
  /// is old may have been faster; else it stays as it is, and an operator hears of it.
  private func leave(_ run: ArraySlice<MergeRule.Object>, for error: ArchiveError) {
    let isNew = state.withLock { state -> Bool in
      if case .missing(let name) = error, state.missing != name {
        (state.missing, state.isLoaded) = (name, false)
        return false
      }
      state.left.formUnion(run.map(\.span))
      state.objects.removeAll { state.left.contains($0.span) }
      return true
    }
    guard isNew else { return }
    status.add(error.code, error.description, at: now)
    logger.error("an archived object cannot be merged", metadata: ["error": "\(error)"])
  }

  /// Nothing before a full object is merged any more.
  private func forgetFull() {
    state.withLock { state in
      guard let last = state.objects.lastIndex(where: rule.isFull) else { return }
      state.objects.removeFirst(last + 1)
    }
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// At the first look: what is there, of every generation.
  private func load() async throws(ArchiveError) {
    guard !state.withLock({ $0.isLoaded }) else { return }
    let reading = try await archive.journal(cell)
    let now = now
    state.withLock { state in
      var objects = reading.spans.map {
        MergeRule.Object(span: $0, bytes: reading.bytes[$0] ?? 0)
      }
      // What was stored while the listing was made.
      let last = objects.last?.span.last ?? CellSeq(0)
      objects += state.objects.filter { $0.span.first > last }
      state.objects = objects.filter { !state.left.contains($0.span) }
      state.merged = Self.parts(of: reading, at: now)
      state.isLoaded = true
    }
  }

  private func merge(_ run: [MergeRule.Object]) async throws(ArchiveError) {
    let bytes = Dictionary(run.map { ($0.span, $0.bytes) }) { first, _ in first }
    let groups = try await groups(of: run.map(\.span), bytes)
    guard let first = run.first, let last = groups.spans.last else { return }
    guard groups.spans.count > 1 else {
      // It alone is as much as one holds.
      state.withLock { state in
        state.left.insert(first.span)
        state.objects.removeAll { $0.span == first.span }
      }
      return
    }
    let merged = JournalSpan(
      generation: first.span.generation, first: first.span.first, last: last.last)
    let content = try await ArchiveThread.run(as: .background) { JournalObject.encode(groups.all) }
    let stored = try await archive.put(
      ArchiveNames.journal(cell, merged), content, .background)
    let now = now
    state.withLock { state in
      let made = Set(groups.spans)
      guard let place = state.objects.firstIndex(where: { made.contains($0.span) }) else { return }
      state.objects.removeAll { made.contains($0.span) }
      state.objects.insert(MergeRule.Object(span: merged, bytes: stored), at: place)
      state.merged[merged] = Parts(spans: groups.spans, since: now)
    }
    status.change { $0.merged += UInt64(groups.spans.count) }
  }

  /// The groups of a run's first objects, as many as fit into one; each object follows the one
  /// before.
  private func groups(
    of spans: [JournalSpan], _ bytes: [JournalSpan: UInt64]
  ) async throws(ArchiveError) -> (spans: [JournalSpan], all: [DurableGroup]) {
    var (taken, all, size): ([JournalSpan], [DurableGroup], Int) = ([], [], 0)
    do {
      try await ArchivedObjects(archive: archive, cell: cell).read(exactly: spans, bytes) {
        span, groups in
        size += groups.reduce(0) { $0 + $1.bytes.count + 4 }
        guard size <= Self.contentBytes || taken.isEmpty else { return false }
        taken.append(span)
        all += groups
        return true
      }
    } catch let error as ArchiveError { throw error } catch {
      throw .unreachable("\(error)")
    }
    return (taken, all)
  }

  /// What each longer object was made of, as a listing shows it.
  private static func parts(
    of reading: ReaderRule.Reading, at now: Timestamp
  ) -> [JournalSpan: Parts] {
    var found: [JournalSpan: Parts] = [:]
    var place = reading.spans.startIndex
    for span in reading.covered {
      while place < reading.spans.endIndex, reading.spans[place].last < span.last { place += 1 }
      guard place < reading.spans.endIndex, reading.spans[place].generation == span.generation
      else { continue }
      found[reading.spans[place], default: Parts(spans: [], since: now)].spans.append(span)
    }
    return found
  }

  /// Removes what lies in a longer object since an hour, unless another generation has claimed the
  /// journal: where it goes on is its owner's to say.
  private func removeCovered() async throws(ArchiveError) {
    let now = now
    let due = state.withLock { state in
      state.merged.filter {
        now.milliseconds - $0.value.since.milliseconds >= Self.coveredMilliseconds
      }
    }
    guard !due.isEmpty else { return }
    if let highest = try await archive.highestClaim(cell), highest > generation {
      throw .fenced(generation: highest.rawValue)
    }
    for (merged, parts) in due.sorted(by: { $0.key < $1.key }) {
      do throws(ArchiveError) {
        _ = try await archive.groups(cell, merged)
      } catch {
        guard error.isOfOneObject else { throw error }
        // Its parts stay and are read instead of it.
        state.withLock { $0.merged[merged] = nil }
        status.add(error.code, error.description, at: now)
        continue
      }
      for span in parts.spans { try await archive.objects.remove(ArchiveNames.journal(cell, span)) }
      state.withLock { $0.merged[merged] = nil }
    }
  }
}
