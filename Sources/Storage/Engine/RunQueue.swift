import Platform
import Synchronization

/// What a pool's thread does next.
enum Job: Sendable {
  /// BEGIN … capture … append.
  case run(TenantWriter)
  /// COMMIT or ROLLBACK, and the replies.
  case settle(TenantWriter, AppendOutcome)
  /// Another attempt to bring a stalled tenant's files up to the journal.
  case catchUp(TenantWriter)
  /// Told whether the pool has ended, in which case the caller is only to be refused.
  case task(@Sendable (_ isOver: Bool) -> Void)

  fileprivate var isSettlement: Bool { if case .settle = self { true } else { false } }
}

/// A small fixed pool of threads over one queue; what is durable is settled before more is run.
///
/// Bounded by who puts jobs in: at most one per tenant and one per read admitted.
final class RunQueue: Sendable {
  private struct State: Sendable {
    var jobs = JobLanes<Job>()
    var idle = 0
    var isClosed = false
    /// The threads have ended.
    var isOver = false
  }

  private let monitor = Monitor(State())
  private let threads: [OwnThread]
  /// Runs queued or under way: what makes it worth while for the journal to wait.
  let runs: Atomic<Int>

  init(threads count: Int, name: String) {
    runs = Atomic(0)
    let monitor = monitor
    threads = (0..<count).map { number in
      OwnThread(name: "\(name)-\(number)") {
        while let job = Self.next(monitor) { Self.perform(job) }
      }
    }
  }

  /// Queues a job; after the end it is refused at once, on the caller's thread.
  func push(_ job: Job) {
    if case .run = job { runs.wrappingAdd(1, ordering: .relaxed) }
    let (wake, isOver) = monitor.withLock { state -> (Bool, Bool) in
      if state.isOver { return (false, true) }
      state.jobs.append(job, ends: job.isSettlement)
      return (state.idle > 0, false)
    }
    if wake { monitor.signal() }
    if isOver { Self.refuse(job) }
  }

  /// Lets the threads finish what is queued, then ends them; what comes later is refused.
  func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.broadcast()
    for thread in threads { thread.join() }
    let late = monitor.withLock { state -> [Job] in
      state.isOver = true
      var jobs: [Job] = []
      while let job = state.jobs.popFirst() { jobs.append(job) }
      return jobs
    }
    for job in late { Self.refuse(job) }
  }

  private static func next(_ monitor: Monitor<State>) -> Job? {
    var waited = false
    return monitor.wait { state -> Job?? in
      if waited { state.idle -= 1 }
      waited = false
      if let job = state.jobs.popFirst() { return .some(job) }
      if state.isClosed { return .some(nil) }
      state.idle += 1
      waited = true
      return nil
    }
  }

  private static func perform(_ job: Job) {
    switch job {
    case .run(let writer): writer.run()
    case .settle(let writer, let outcome): writer.settle(outcome)
    case .catchUp(let writer): writer.catchUp()
    case .task(let body): body(false)
    }
  }

  private static func refuse(_ job: Job) {
    switch job {
    case .run(let writer): writer.refuseWaiting()
    // A record's fate is known: its callers must hear it.
    case .settle(let writer, let outcome): writer.settle(outcome)
    // A start brings it up.
    case .catchUp: break
    case .task(let body): body(true)
    }
  }
}
