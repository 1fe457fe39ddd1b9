import GraphSimulator

/// Looks, while `up` runs, for cells that were added or taken away, and starts and stops them.
struct AddedCellRounds {
  static let lookMilliseconds = 200
  /// The pause after one that could not be started.
  static let retryMilliseconds = 2_000

  let added: AddedCells
  let planner: CellPlanner
  let bootstrap: Bootstrap
  let admin: String
  let supervisor: Supervisor

  /// Until the task is cancelled; `known` run already.
  func run(known: [String]) async {
    var running = Set(known)
    var said = ""
    while !Task.isCancelled {
      var pause = Self.lookMilliseconds
      do throws(CommandFailure) {
        try await look(&running)
        said = ""
      } catch {
        let text = "added cells: \(error.code): \(error.detail)"
        if text != said { Console.error(text) }
        said = text
        pause = Self.retryMilliseconds
      }
      try? await Task.sleep(for: .milliseconds(pause))
    }
  }

  private func look(_ running: inout Set<String>) async throws(CommandFailure) {
    let entries = try added.all()
    for id in running.subtracting(entries.map(\.id)) {
      await supervisor.remove(id)
      running.remove(id)
    }
    let own = Set(planner.topology.cells.map(\.id))
    for entry in entries where !running.contains(entry.id) && !own.contains(entry.id) {
      let token = try await bootstrap.joinToken(
        cell: entry.id, region: entry.region, admin: admin)
      var ports = PortPlan(free: try Ports.free(PortPlan.perCell))
      for process in planner.processes(of: entry.cell(on: planner.machine), &ports) {
        var process = process
        process.configuration = process.configuration.with("join_token", JSON(token))
        try await supervisor.add(process)
      }
      running.insert(entry.id)
    }
  }
}
