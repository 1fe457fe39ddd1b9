import GraphSimulator
import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Keeps the children of `up` running: starts them, starts again what dies, stops all at the end.
actor Supervisor {
  /// How often children are looked at, in milliseconds.
  static let pollMilliseconds = 50
  /// How long a child may take to stop by itself.
  static let stopSeconds = 15
  /// How long a child may take to become ready.
  static let readySeconds = 60

  private struct Child {
    let plan: ProcessPlan
    var state = ChildState()
    var silence = TrialSilence()
    var process: ChildProcess?
  }

  private let executable: String
  private let directory: String
  private let environment: [String: String]
  private let clock: any BootClock
  private let caller = HTTPCaller()
  private var children: [String: Child] = [:]
  private var order: [String] = []
  /// Those that are told to stop for good, with when they are killed.
  private var leaving: [String: Int64] = [:]

  init(
    executable: String, directory: String, environment: [String: String], clock: any BootClock
  ) {
    self.executable = executable
    self.directory = directory
    self.environment = environment
    self.clock = clock
  }

  private var now: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

  /// What the start of several children has come to; all of them run.
  struct Started {
    var ready: [ProcessPlan] = []
    /// For somebody to act.
    var waiting: [ProcessPlan] = []
    /// Not ready in time.
    var late: [ProcessPlan] = []

    var away: [ProcessPlan] { waiting + late }
  }

  /// Starts children in this order and waits until they are ready, all until one deadline.
  ///
  /// A cell or a follower that is not ready in time, or one that waits for somebody to act, goes on
  /// running as it is: it must not keep the others from their work. Throws `not_ready` for any
  /// other that is late, unless `mayBeLate`.
  func start(
    _ plans: [ProcessPlan], mayBeLate: Bool = false
  ) async throws(CommandFailure) -> Started {
    for plan in plans { try add(plan) }
    var started = Started()
    var pending = plans
    let deadline = now + Int64(Self.readySeconds) * 1000
    while !pending.isEmpty, now < deadline {
      for id in order { try tend(id) }
      let found = await readiness(of: pending.filter { children[$0.id]?.process != nil })
      var still: [ProcessPlan] = []
      for plan in pending {
        switch found[plan.id] ?? .notYet {
        case .ready:
          Console.out("\(plan.id): ready, \(plan.healthURL)")
          started.ready.append(plan)
        case .waitsForSomebody(let code, let page) where plan.role.mayWait:
          let place = page.isEmpty ? "`aimstors status`" : page
          Console.error("\(plan.id): not ready: \(code); the others go on, see \(place)")
          started.waiting.append(plan)
        case .waitsForSomebody, .notYet: still.append(plan)
        }
      }
      pending = still
      if !pending.isEmpty { try await pause() }
    }
    for plan in pending {
      let late = "\(plan.id) is not ready after \(Self.readySeconds) s; see \(logPath(plan.id))"
      guard mayBeLate || plan.role.isOneOfMany else {
        throw CommandFailure(.timedOut, code: "not_ready", detail: late)
      }
      Console.error(late)
    }
    started.late = pending
    return started
  }

  /// Asks all at the same time: one that hangs keeps nobody waiting.
  private func readiness(of plans: [ProcessPlan]) async -> [String: Readiness] {
    await withTaskGroup(of: (String, Readiness).self) { group in
      for plan in plans {
        group.addTask { (plan.id, await self.readiness(plan)) }
      }
      var found: [String: Readiness] = [:]
      for await (id, readiness) in group { found[id] = readiness }
      return found
    }
  }

  /// One more child; the next look starts it.
  ///
  /// Throws `duplicate` where there is one of this name.
  func add(_ plan: ProcessPlan) throws(CommandFailure) {
    guard children[plan.id] == nil else {
      throw CommandFailure(
        .refused, code: "duplicate", detail: "\(plan.id) is the id of another process")
    }
    try PrivateFile.write(plan.configuration.bytes(), to: configurationPath(plan.id))
    children[plan.id] = Child(plan: plan)
    order.append(plan.id)
  }

  /// One child less: it is told to stop, and gone once it has.
  func remove(_ id: String) {
    guard let child = children[id], leaving[id] == nil else { return }
    leaving[id] = now + Int64(Self.stopSeconds) * 1000
    child.process?.signal(SIGTERM)
  }

  /// One look at every child.
  ///
  /// Returns those that were started, for the first time or again, and those that are gone.
  func look() throws(CommandFailure) -> (started: [ProcessPlan], gone: [String]) {
    let gone = forgetWhoHasLeft()
    var started: [ProcessPlan] = []
    for id in order where try tend(id) {
      if let plan = children[id]?.plan { started.append(plan) }
    }
    return (started, gone)
  }

  private func forgetWhoHasLeft() -> [String] {
    var gone: [String] = []
    for (id, deadline) in leaving {
      if let process = children[id]?.process, process.poll() == nil {
        if now >= deadline { process.signal(SIGKILL) }
        continue
      }
      Console.out("\(id): stopped")
      children[id] = nil
      order.removeAll { $0 == id }
      leaving[id] = nil
      gone.append(id)
    }
    return gone
  }

  /// Waits until a child that was started again is ready, for as long as it runs.
  func isReady(_ plan: ProcessPlan) async -> Bool { await readiness(plan) == .ready }

  private func readiness(_ plan: ProcessPlan) async -> Readiness {
    Readiness(await answer(of: plan))
  }

  private func answer(of plan: ProcessPlan) async -> HTTPAnswer? {
    try? await caller.call("GET", plan.healthURL + "/readyz", seconds: 2)
  }

  /// The cells among the children.
  func cells() -> [ProcessPlan] {
    order.compactMap { children[$0]?.plan }.filter { $0.role == .cell }
  }

  func hasJoined(_ cell: ProcessPlan) async -> Bool {
    Readiness.hasJoined(await answer(of: cell))
  }

  /// Ends children whose version on trial answered and answers no more, until the task is
  /// cancelled: nothing of such a version may work, so that nobody else would.
  func watchTrials() async {
    while !Task.isCancelled {
      for id in order { await lookAtTrial(id) }
      try? await Task.sleep(for: TrialSilence.askEvery)
    }
  }

  private func lookAtTrial(_ id: String) async {
    guard let child = children[id], let process = child.process,
      [.cell, .follower].contains(child.plan.role)
    else { return }
    let slot = try? ProgramFile(dataDirectory: child.plan.dataDirectory).load()
    guard slot?.trial != nil else {
      children[id]?.silence.forget()
      return
    }
    let answer = try? await caller.call(
      "GET", child.plan.healthURL + "/healthz", seconds: TrialSilence.answerSeconds)
    // Meanwhile it may have ended, and another have taken its place.
    guard let now = children[id]?.process, now.pid == process.pid else { return }
    if answer != nil { children[id]?.silence.heard(at: self.now) }
    guard children[id]?.silence.isOver(at: self.now) == true else { return }
    Console.error(
      "\(id): its version on trial has not answered for \(TrialSilence.limit / 1_000) s, killed")
    process.signal(SIGKILL)
    children[id]?.silence.forget()
  }

  /// Stops all children, the last started first.
  func stop() async {
    for id in order.reversed() {
      children[id]?.state.stop()
      guard let process = children[id]?.process else { continue }
      process.signal(SIGTERM)
      let deadline = now + Int64(Self.stopSeconds) * 1000
      while process.poll() == nil {
        if now >= deadline {
          Console.error("\(id): does not stop, killed")
          process.signal(SIGKILL)
        }
        try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      }
      children[id]?.process = nil
      Console.out("\(id): stopped")
    }
  }

  /// The children as `local.json` shows them.
  func description() -> JSON {
    .array(
      order.compactMap { id in
        children[id].map { child in
          [
            "role": JSON(child.plan.role.rawValue), "id": JSON(id),
            "pid": child.process.map { JSON(Int($0.pid)) } ?? .null,
            "health_url": JSON(child.plan.healthURL), "data_dir": JSON(child.plan.dataDirectory),
            "restarts": JSON(child.state.restarts),
          ]
        }
      })
  }

  /// Starts a child that is due and notices one that ended.
  ///
  /// Returns whether it was started.
  @discardableResult
  private func tend(_ id: String) throws(CommandFailure) -> Bool {
    guard var child = children[id], leaving[id] == nil else { return false }
    defer { children[id] = child }
    if let process = child.process, let end = process.poll() {
      child.process = nil
      let wait = child.state.died(at: now)
      Console.error("\(id): ended with \(end), starts again in \(wait) ms")
    }
    guard child.process == nil, child.state.isDue(at: now) else { return false }
    let process = try ChildProcess.start(
      executable, child.plan.role.command + ["--config", configurationPath(id)],
      log: logPath(id), environment: environment)
    child.process = process
    child.state.started(at: now)
    child.silence.forget()
    Console.out("\(id): started, pid \(process.pid)")
    return true
  }

  private func pause() async throws(CommandFailure) {
    do { try await Task.sleep(for: .milliseconds(Self.pollMilliseconds)) } catch {
      throw CommandFailure(.refused, code: "interrupted", detail: "stopped while starting")
    }
  }

  private func configurationPath(_ id: String) -> String { "\(directory)/run/\(id).json" }
  private func logPath(_ id: String) -> String { "\(directory)/logs/\(id).log" }
}
