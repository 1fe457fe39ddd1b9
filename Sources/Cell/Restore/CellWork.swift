import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Long work that the control plane asks of this cell: begun once per operation, asked about until
/// it has ended.
///
/// What has ended is remembered here for a while; what must survive a restart is durable elsewhere,
/// so that work begun anew ends the same.
final class CellWork: Sendable {
  typealias Body = @Sendable (_ progress: Progress) async throws -> String

  /// Where one piece of work stands, as it says itself.
  final class Progress: Sendable {
    private let state = Mutex((step: "", done: Int64(0), total: Int64(0)))
    private let report = Mutex("")
    private let waiting = Atomic(false)

    /// From here on it waits for another cell, perhaps without end, and takes nobody's place: what
    /// ends the wait may be work of this cell.
    func waits() { waiting.store(true, ordering: .relaxed) }
    var isWaiting: Bool { waiting.load(ordering: .relaxed) }

    func step(_ name: String, done: Int64 = 0, total: Int64 = 0) {
      state.withLock { $0 = (name, done, total) }
    }
    var value: (step: String, done: Int64, total: Int64) { state.withLock { $0 } }

    /// What has been done so far, a JSON object, where that is of use before the end.
    func report(_ text: String) { report.withLock { $0 = text } }
    var reported: String { report.withLock { $0 } }
  }

  private enum Outcome: Sendable {
    case running
    case done(String)
    /// With a result where the refusal lists what it refuses.
    case failed(Failure, String)
  }
  /// Whose place work takes.
  enum Place: Sendable {
    case work
    /// Of a count: it reads, holds up no work, and its answer is given again for a moment only.
    case count

    fileprivate var limit: Int {
      switch self {
      case .work: CellLimits.workInFlight
      case .count: CellLimits.countsInFlight
      }
    }
  }
  private struct Entry: Sendable {
    let place: Place
    let progress = Progress()
    var outcome = Outcome.running
    var endedNanoseconds: UInt64 = 0

    func isOutdated(at now: UInt64) -> Bool {
      if case .running = outcome { return false }
      return place == .count && now >= endedNanoseconds + CellLimits.countKeptNanoseconds
    }
  }
  private struct Job: Sendable {
    let operation: String
    let progress: Progress
    let body: Body
  }
  private struct State {
    var entries: [String: Entry] = [:]
    /// In the order in which they ended.
    var ended: [String] = []
  }

  private let logger: Logger
  private let nanoseconds: @Sendable () -> UInt64
  private let state = Mutex(State())
  private let jobs: AsyncStream<Job>
  private let start: AsyncStream<Job>.Continuation

  init(
    logger: Logger,
    nanoseconds: @escaping @Sendable () -> UInt64 = { MonotonicTime.nanoseconds() }
  ) {
    self.logger = logger
    self.nanoseconds = nanoseconds
    (jobs, start) = AsyncStream.makeStream(of: Job.self)
  }

  /// Begins the work of an operation, or says how far it has come.
  func ask(
    _ operation: String, as place: Place = .work, _ body: @escaping Body
  ) throws(Failure) -> Aimstors_ProtoCellWorkStatus {
    let (entry, isNew) = try begin(operation, place)
    if isNew { start.yield(Job(operation: operation, progress: entry.progress, body: body)) }
    var status = Aimstors_ProtoCellWorkStatus()
    let progress = entry.progress.value
    status.step = progress.step
    status.done = progress.done
    status.total = progress.total
    switch entry.outcome {
    case .running:
      status.state = "running"
      status.result = entry.progress.reported
    case .done(let result):
      status.state = "done"
      status.result = result
    case .failed(let failure, let result):
      status.state = "failed"
      status.result = result
      status.failure.code = failure.code.rawValue
      status.failure.detail = failure.detail
    }
    return status
  }

  private func begin(
    _ operation: String, _ place: Place
  ) throws(Failure) -> (Entry, isNew: Bool) {
    let now = nanoseconds()
    let found = state.withLock { state -> (Entry, isNew: Bool)? in
      if let entry = state.entries[operation], !entry.isOutdated(at: now) { return (entry, false) }
      let running = state.entries.values.count { entry in
        guard entry.place == place, case .running = entry.outcome else { return false }
        return !entry.progress.isWaiting
      }
      guard running < place.limit else { return nil }
      let entry = Entry(place: place)
      state.ended.removeAll { $0 == operation }
      state.entries[operation] = entry
      return (entry, true)
    }
    guard let found else {
      throw Failure(
        .overloaded, "this cell has \(place.limit) long operations under way",
        retryAfterMilliseconds: 1_000)
    }
    return found
  }

  /// Runs what is begun until the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for await job in jobs {
        group.addTask { await self.perform(job) }
      }
      group.cancelAll()
    }
  }

  private func perform(_ job: Job) async {
    let outcome: Outcome
    do {
      outcome = .done(try await job.body(job.progress))
    } catch let refusal as RefusedRestore {
      outcome = .failed(refusal.failure, refusal.result)
    } catch let failure as Failure {
      outcome = .failed(failure, "")
    } catch {
      outcome = .failed(RestoreFailure.of(error), "")
    }
    if case .failed(let failure, _) = outcome {
      logger.error(
        "long work failed", metadata: ["operation": "\(job.operation)", "failure": "\(failure)"])
    }
    let now = nanoseconds()
    state.withLock { state in
      state.entries[job.operation]?.outcome = outcome
      state.entries[job.operation]?.endedNanoseconds = now
      state.ended.append(job.operation)
      while state.ended.count > CellLimits.workRemembered {
        state.entries[state.ended.removeFirst()] = nil
      }
    }
  }
}

/// A restore that was refused, with what there is to read before it is accepted.
struct RefusedRestore: Error {
  let failure: Failure
  let result: String
}
