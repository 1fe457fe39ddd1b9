import GraphSimulator
import Platform
import Wire

/// Starts the cells that were added, when `up` starts and while it runs, and stops those that have
/// retired.
struct AddedCellRounds {
  static let lookMilliseconds = 200
  /// The pause after one that could not be started.
  static let retryMilliseconds = 2_000
  /// How often it is asked which of them have retired.
  static let askMilliseconds: Int64 = 10_000

  let added: AddedCells
  let planner: CellPlanner
  let tokens: CellTokens
  let supervisor: Supervisor
  let clock: any BootClock

  private var now: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

  /// Those that were added before and have not retired, to be started; one that cannot be keeps
  /// nobody from anything.
  ///
  /// Who has yet to join and cannot now is left to ``run(_:)``. `isAway`: the control plane is
  /// known not to answer, and is not asked.
  func found(isAway: Bool) async -> [ProcessPlan] {
    do throws(CommandFailure) {
      let entries = try added.all()
      let retired: Set<CellID> = entries.isEmpty || isAway ? [] : await knownRetired()
      var planned: [ProcessPlan] = []
      for entry in entries {
        guard !retired.contains(entry.id) else {
          added.remove(entry.id)
          continue
        }
        do throws(CommandFailure) { planned.append(try plan(entry)) } catch {
          Self.say(entry.id, error)
        }
      }
      let filled = try await tokens.fill(planned, isAway: isAway)
      for trouble in filled.troubles { trouble.say() }
      return filled.now + filled.bare
    } catch {
      Self.say(nil, error)
      return []
    }
  }

  /// Until the task is cancelled; `running` run already.
  func run(_ running: Set<CellID>) async {
    var running = running
    var retirements = Retirements()
    var asksAt = now
    var said: CommandFailure?
    while !Task.isCancelled {
      var pause = Self.lookMilliseconds
      do throws(CommandFailure) {
        try await startNew(&running)
        if !running.isEmpty, now >= asksAt {
          asksAt = now + Self.askMilliseconds
          for id in try await gone(&retirements) where running.remove(id) != nil {
            added.remove(id)
            await supervisor.remove(id.rawValue)
          }
          said = nil
        }
      } catch {
        if error.detail != said?.detail { Self.say(nil, error) }
        said = error
        pause = Self.retryMilliseconds
      }
      try? await Task.sleep(for: .milliseconds(pause))
    }
  }

  private func startNew(_ running: inout Set<CellID>) async throws(CommandFailure) {
    var first: CommandFailure?
    for entry in try added.all() where !running.contains(entry.id) {
      do throws(CommandFailure) {
        let filled = try await tokens.fill([try plan(entry)], isAway: false)
        guard let process = filled.now.first ?? filled.bare.first else {
          if let trouble = filled.troubles.first { throw trouble.failure }
          continue
        }
        for trouble in filled.troubles { trouble.say() }
        try await supervisor.add(process)
        running.insert(entry.id)
      } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  private func plan(_ entry: AddedCells.Entry) throws(CommandFailure) -> ProcessPlan {
    guard planner.topology.takesMoreCells else {
      throw CommandFailure(
        .refused, code: "not_here", detail: "\(entry.id): the topology has several machines")
    }
    guard !planner.topology.processIDs.contains(entry.id.rawValue) else {
      throw CommandFailure(
        .refused, code: "duplicate", detail: "\(entry.id) is another process of the topology")
    }
    var ports = PortPlan(free: try Ports.free(PortPlan.perCell))
    let cell = entry.cell(on: planner.machine)
    guard let process = planner.processes(of: cell, &ports).first else {
      throw CommandFailure(.refused, code: "not_here", detail: "\(entry.id) has no process")
    }
    return process
  }

  /// None where nobody says.
  private func knownRetired() async -> Set<CellID> {
    do throws(BootstrapFailure) { return try await retired() } catch {
      Self.say(nil, error.failure)
      return []
    }
  }

  private func retired() async throws(BootstrapFailure) -> Set<CellID> {
    let cells = try await tokens.bootstrap.document("/v1/cells?limit=500")
    return Set(
      (cells["data"]?.array ?? []).filter { $0["state"]?.string == "retired" }
        .compactMap { $0["id"]?.string.flatMap { CellID($0) } })
  }

  /// Those that may stop.
  private func gone(_ retirements: inout Retirements) async throws(CommandFailure) -> [CellID] {
    let retired: Set<CellID>
    let status: JSON
    do throws(BootstrapFailure) {
      retired = try await self.retired()
      guard !retired.isEmpty else { return [] }
      status = try await tokens.bootstrap.document("/v1/status")
    } catch { throw error.failure }
    let waiting = (status["spools"]?.array ?? []).filter { $0["entries"]?.integer ?? 0 > 0 }
      .compactMap { $0["cell"]?.string.flatMap { CellID($0) } }
    return retirements.gone(retired, waiting: Set(waiting), at: now)
  }

  private static func say(_ id: CellID?, _ failure: CommandFailure) {
    let subject = id.map { "\($0)" } ?? "added cells"
    Console.error("\(subject): \(failure.code): \(failure.detail)")
  }
}

/// When a cell that has retired may stop.
///
/// A router that had not heard of the end may have stored webhook parts there: they are taken from
/// its spool for as long as it runs.
struct Retirements: Hashable {
  /// For how long its spool has to have been empty.
  static let quietMilliseconds: Int64 = 60_000

  private var quietSince: [CellID: Int64] = [:]

  /// Those whose time has come; `waiting`: cells with something in their spools.
  mutating func gone(
    _ retired: Set<CellID>, waiting: Set<CellID>, at now: Int64
  ) -> [CellID] {
    quietSince = quietSince.filter { retired.contains($0.key) }
    for id in retired {
      quietSince[id] = waiting.contains(id) ? now : quietSince[id] ?? now
    }
    return retired.filter { now - (quietSince[$0] ?? now) >= Self.quietMilliseconds }.sorted()
  }
}
