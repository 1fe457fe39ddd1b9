import Logging
import Platform
import Storage
import Wire

/// Sends one tenant's messages until nothing is left to do.
///
/// Each turn is one command: the outcomes that came back are written, and the next intents with
/// them. Requests leave only after their turn is durable; they are few, because each of them is an
/// ambiguous send if the process dies before its outcome is written.
struct TenantOutbox {
  let tenant: TenantID
  let environment: OutboxEnvironment
  let events: OutboxEvents

  private var configuration: OutboxConfiguration { environment.configuration }

  /// How a tenant's sending ended.
  enum End: Hashable, Sendable {
    /// Nothing is left, or only what is due later.
    case idle
    /// Work is left that a stop forbids.
    case stopped
    /// The store refused for too long, or the tenant is not here any more.
    case failed
  }

  func run() async -> End {
    await withDiscardingTaskGroup(returning: End.self) { group in
      var schedule = OutboxSchedule(configuration, pace: environment.paces.begun(tenant))
      defer { environment.paces.ended(tenant) }
      var failures = 0
      var unwritten: [SendResult] = []
      var areHoldsChecked = false
      while true {
        let batch = events.take(limit: configuration.recordBatch)
        for result in batch.results { schedule.finish(result, environment.boot.nanoseconds()) }
        environment.budget.giveBack(batch.results.count)
        unwritten += batch.results
        do throws(Failure) {
          let step = try await turn(&schedule, &unwritten, isStopping: batch.isStopping)
          failures = 0
          for job in step.jobs { group.addTask { await send(job) } }
          if step.isBusy { continue }
          // After the messages that a hold pays for, so that their own entries come first.
          if !areHoldsChecked { try await expireHolds() }
          areHoldsChecked = true
          if schedule.inFlight.isEmpty, unwritten.isEmpty {
            if batch.isStopping { return .idle }
            guard step.waitMilliseconds != nil else { return step.isStopped ? .stopped : .idle }
          }
          await wait(step.waitMilliseconds, &group)
        } catch {
          failures += 1
          environment.logger.warning(
            "the outbox could not write",
            metadata: ["tenant": "\(tenant)", "reason": "\(error)", "attempt": "\(failures)"])
          if error.code == .moved {
            await handOver(&schedule, unwritten)
            return .failed
          }
          if Self.isFinal(error) || failures >= configuration.storeAttempts {
            environment.budget.giveBack(schedule.inFlight.count)
            return .failed
          }
          let delay = configuration.storeRetryMilliseconds << Int64(min(failures, 10) - 1)
          try? await Task.sleep(
            for: .milliseconds(min(delay, configuration.longestStoreRetryMilliseconds)))
        }
      }
    }
  }

  private struct Step {
    var jobs: [SendJob] = []
    /// Whether another turn should follow at once.
    var isBusy = false
    /// When there is something to do again; nil: only when something happens.
    var waitMilliseconds: Int64?
    var isStopped = false
    /// Whether the look left out numbers without tokens or slots.
    var hadBusyNumbers = false
  }

  // MARK: - One turn

  private func turn(
    _ schedule: inout OutboxSchedule, _ unwritten: inout [SendResult], isStopping: Bool
  ) async throws(Failure) -> Step {
    var step = Step()
    var plan: [SendClaim] = []
    var taken = 0
    if !isStopping {
      let look = try await look(&schedule, &step)
      if look.needsHousekeeping { try await housekeep(schedule, unwritten) }
      let events = events
      let wanted = min(configuration.claimBatch, look.candidates.count)
      taken = environment.budget.take(upTo: wanted) { events.nudge() }
      // The cell has no slot: the budget nudges when it has one.
      if wanted > 0, taken == 0 { step.waitMilliseconds = configuration.lingerMilliseconds }
      let now = Timestamp(milliseconds: environment.clock.milliseconds())
      plan = schedule.plan(
        look.candidates, slots: taken, now: environment.boot.nanoseconds(), time: now)
      step.isBusy = look.needsHousekeeping
      if let due = look.nextDue {
        let wait = max(0, due.milliseconds - now.milliseconds)
        // What is due but has no room waits for tokens or slots, not for its time.
        if wait > 0, wait <= configuration.lingerMilliseconds { step.waitMilliseconds = wait }
      }
    }
    guard !plan.isEmpty || !unwritten.isEmpty else {
      environment.budget.giveBack(taken)
      addTokenWait(&step, &schedule)
      return step
    }
    let done: OutboxTurn
    do {
      done = try await write(unwritten, plan)
    } catch {
      environment.budget.giveBack(taken)
      schedule.abandon(plan)
      // The intents may be durable although nothing was sent: say so with the next turn.
      if error.code == .outcomeUnknown {
        unwritten += plan.filter { $0.deferredTo == nil }.map {
          SendResult(
            id: $0.candidate.id, phoneNumberID: $0.candidate.phoneNumberID,
            outcome: .notSent(reason: "the intent's own outcome was unknown"))
        }
      }
      throw error
    }
    unwritten = []
    environment.budget.giveBack(taken - done.jobs.count)
    schedule.begin(done.jobs, environment.boot.nanoseconds())
    schedule.abandon(plan, but: done.jobs)
    step.jobs = done.jobs
    step.isBusy = step.isBusy || done.progressed > 0
    addTokenWait(&step, &schedule)
    return step
  }

  private func addTokenWait(_ step: inout Step, _ schedule: inout OutboxSchedule) {
    guard let wait = schedule.nextTokens(environment.boot.nanoseconds()) else {
      // Tokens came after the look that left their number out: nothing else would look again.
      if step.hadBusyNumbers, schedule.inFlight.isEmpty { step.isBusy = true }
      return
    }
    let milliseconds = Int64(wait / 1_000_000) + 1
    step.waitMilliseconds = min(step.waitMilliseconds ?? milliseconds, milliseconds)
  }

  private func look(
    _ schedule: inout OutboxSchedule, _ step: inout Step
  ) async throws(Failure) -> OutboxLook {
    let reading = OutboxReading(configuration: configuration, gate: environment.gate)
    let busy = schedule.busy(environment.boot.nanoseconds())
    step.hadBusyNumbers = !busy.isEmpty
    let inFlight = Set(schedule.inFlight.keys)
    let limit = configuration.claimBatch * 2
    let look = try await environment.store.read(tenant, [.messages]) { snapshot in
      try reading.look(snapshot, excluding: busy, limit: limit, inFlight: inFlight)
    }
    step.isStopped = look.isStopped
    return look
  }

  private func write(
    _ results: [SendResult], _ plan: [SendClaim]
  ) async throws(Failure) -> OutboxTurn {
    let environment = environment
    return try await environment.store.write(tenant, origin) { tx in
      try OutboxCommands(
        tx, sealer: environment.sealer, gate: environment.gate,
        configuration: environment.configuration
      ).turn(results, plan)
    }
  }

  private func housekeep(
    _ schedule: OutboxSchedule, _ unwritten: [SendResult]
  ) async throws(Failure) {
    let environment = environment
    // Outcomes that are not written yet are no orphans either.
    let known = Set(schedule.inFlight.keys).union(unwritten.map(\.id))
    _ = try await environment.store.write(tenant, origin) { tx in
      try OutboxCommands(
        tx, sealer: environment.sealer, gate: environment.gate,
        configuration: environment.configuration
      ).housekeep(inFlight: known)
    }
  }

  /// Gives back holds whose time is over.
  ///
  /// Looked at once each time the tenant is woken: the ledger names its next expiry as due.
  private func expireHolds() async throws(Failure) {
    let isDue = try await environment.store.read(tenant, [.ledger]) { snapshot in
      let next = try LedgerStore(snapshot.file(.ledger)).nextExpiry()
      return next.map { $0 <= snapshot.now } ?? false
    }
    var goesOn = isDue
    while goesOn {
      goesOn = try await environment.store.write(tenant, origin) { try Ledger($0).expireHolds() }
    }
  }

  private var origin: CommandOrigin { CommandOrigin(requestID: "", traceID: "outbox") }

  // MARK: - Around the turns

  private func send(_ job: SendJob) async {
    let outcome = await environment.graph.send(
      job.body, from: job.number.phoneNumberID, token: job.number.accessToken,
      traceID: job.traceID)
    var metadata = outcome.logged
    metadata["tenant"] = .string(tenant.rawValue)
    metadata["trace_id"] = .string(job.traceID)
    metadata["message_id"] = .string(job.id.text(.message))
    metadata["phone_number_id"] = .string(job.number.phoneNumberID)
    environment.logger.log(level: outcome.logLevel, "sent", metadata: metadata)
    events.add(
      SendResult(id: job.id, phoneNumberID: job.number.phoneNumberID, outcome: outcome))
  }

  /// The tenant is another cell's: it is told what becomes of what was sent from here.
  private func handOver(_ schedule: inout OutboxSchedule, _ unwritten: [SendResult]) async {
    var late = unwritten
    while true {
      let results = events.take(limit: configuration.recordBatch).results
      for result in results { schedule.finish(result, environment.boot.nanoseconds()) }
      environment.budget.giveBack(results.count)
      late += results
      if !late.isEmpty { await environment.moved(tenant, late) }
      late = []
      if schedule.inFlight.isEmpty { return }
      await events.wait()
    }
  }

  /// Waits for something to happen, at most for a while.
  private func wait(_ milliseconds: Int64?, _ group: inout DiscardingTaskGroup) async {
    if let milliseconds {
      let events = events
      group.addTask {
        try? await Task.sleep(for: .milliseconds(milliseconds))
        events.nudge()
      }
    }
    await events.wait()
  }

  /// Refusals that no repetition changes: the tenant is elsewhere, gone or stopped.
  private static func isFinal(_ failure: Failure) -> Bool {
    switch failure.code {
    case .moved, .notFound, .tenantStopped, .epochStale, .generationFenced, .shuttingDown: true
    default: false
    }
  }
}
