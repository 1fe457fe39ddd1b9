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
  let bootstrap: Bootstrap
  let admin: String
  let supervisor: Supervisor
  let clock: any BootClock

  private var now: Int64 { Int64(clock.nanoseconds() / 1_000_000) }

  /// What runs, and what `up` has to know of it.
  struct Started {
    var running: Set<CellID> = []
    /// Ready.
    var ready: [String] = []
    /// Not ready yet.
    var away: [ProcessPlan] = []
  }

  /// Starts all that were added before and have not retired, each until it is ready; one that
  /// cannot be started keeps nobody from anything.
  func start() async -> Started {
    var started = Started()
    do throws(CommandFailure) {
      let entries = try added.all()
      let retired = entries.isEmpty ? [] : try await retired()
      for entry in entries {
        if retired.contains(entry.id) {
          added.remove(entry.id)
          continue
        }
        do throws(CommandFailure) {
          let process = try await plan(entry)
          started.running.insert(entry.id)
          if try await supervisor.start(process) {
            started.ready.append(process.id)
          } else {
            started.away.append(process)
          }
        } catch { Self.say(entry.id, error) }
      }
    } catch { Self.say(nil, error) }
    return started
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
        }
        said = nil
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
        try await supervisor.add(try await plan(entry))
        running.insert(entry.id)
      } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  private func plan(_ entry: AddedCells.Entry) async throws(CommandFailure) -> ProcessPlan {
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
    return try await bootstrap.joining(process, region: entry.region.rawValue, admin: admin)
  }

  private func retired() async throws(CommandFailure) -> Set<CellID> {
    let cells = try await bootstrap.document("/v1/cells?limit=500", admin: admin)
    return Set(
      (cells["data"]?.array ?? []).filter { $0["state"]?.string == "retired" }
        .compactMap { $0["id"]?.string.flatMap { CellID($0) } })
  }

  /// Those that may stop.
  private func gone(_ retirements: inout Retirements) async throws(CommandFailure) -> [CellID] {
    let retired = try await retired()
    guard !retired.isEmpty else { return [] }
    let status = try await bootstrap.document("/v1/status", admin: admin)
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
