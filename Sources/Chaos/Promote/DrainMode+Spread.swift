import Foundation
import GraphSimulator
import Simulation

/// A cell without a follower is lost with its disk, while sends are under way.
///
/// What was acknowledged and archived must be there, in another cell; nothing may be sent twice;
/// the other cells' tenants must notice nothing; and its process must never serve again.
extension DrainMode {
  static var archived: String { cells + "\n" + ArchivePlace.topology() }
  private static let cells = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells: [{id: cell-1}, {id: cell-2}, {id: cell-3}]
    graph: {simulator: {numbers: 8}}
    """
  /// Operations before the loss; the others are asked for while the cell is gone.
  static let before = 120

  func spread(
    _ system: SystemUnderAttack, _ loss: Loss, _ random: SeededRandomSource,
    _ report: inout ChaosReport
  ) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.each(["cell-1", "cell-2", "cell-1"], system, client)
    // Slow answers: some sends are without one when the cell is lost.
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [5, 40], "reply_delay_ms": [200, 900]])
    let workload = Workload(client, tenants)
    let cells = try system.members().filter { $0.role == "cell" && $0.id != "cell-1" }
    var oracle = SystemOracle(Survivors(system: system, cells: cells), client, tenants)
    try await workload.run(0..<Self.before)
    let lost = try system.member("cell-1")
    // What was acknowledged is archived; of the sends that are under way not every outcome is.
    try await wait("the archive has everything", seconds: 60) {
      await SystemClient.metric("aimstors_archive_lag_records", lost.healthURL) == 0
    }
    system.freeze()
    let mover = loss == .diskOfATarget ? tenants[1] : tenants[2]
    let move = try await beginMove(loss, mover, client, random)
    _ = try system.kill("cell-1")
    try FileManager.default.removeItem(atPath: lost.dataDirectory)
    system.thaw()
    let began = ContinuousClock.now
    report.hit(loss.rawValue)
    async let load: Void = workload.run(Self.before..<Self.operations)
    // The second tenant's cell is another one.
    let theirs = (Self.operations..<Self.operations + 60).filter { $0 % tenants.count == 1 }
    async let others = workload.runOnce(theirs)
    let id = try await order(client)
    try await strike(loss, system)
    var operation = JSON.null
    try await wait("\(id) has ended", seconds: 180) {
      operation = try await client.admin("GET", "/v1/operations/\(id)")
      return operation["state"]?.string != "running"
    }
    report.measure("spread_ms", (ContinuousClock.now - began) / .milliseconds(1))
    guard operation["state"]?.string == "succeeded", operation["kind"]?.string == "cell.spread"
    else { throw ChaosFailure("not spread: \(operation.serialized())") }
    for tenant in tenants {
      let place = try await client.admin("GET", "/v1/tenants/\(tenant.id)")["cell"]?.string
      if place == "cell-1" { report.complaints.append("\(tenant.name) is still in cell-1") }
    }
    if let move { try await demandEnd(of: move, loss, mover, client, &report) }
    if loss == .disk || loss == .diskInAMove {
      for error in try await others { report.complaints.append("another tenant noticed: \(error)") }
    } else {
      // What else dies is noticed; what was not answered may have happened.
      _ = try await others
      try await workload.again(theirs)
    }
    try await load
    try await workload.repeatSome(of: 0..<Self.operations)
    // Graph's log has a request with its answer, and statuses come before: no longer so slowly.
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [100, 200], "reply_delay_ms": [5, 20]])
    try await release(id, client, cells, tenants, &report)
    try await oracle.settle()
    try await oracle.judge(workload, into: &report)
    try await demandEnd(of: lost, system, client, &report)
    report.cycles = 1
    if workload.count < Self.leastAcknowledged {
      report.complaints.append("only \(workload.count) acknowledged operations")
    }
  }

  /// A move out of the lost cell or to it, at a random moment; nil where none is wanted.
  private func beginMove(
    _ loss: Loss, _ tenant: ChaosTenant, _ client: SystemClient, _ random: SeededRandomSource
  ) async throws -> ChaosTenant.Move? {
    guard loss == .diskInAMove || loss == .diskOfATarget else { return nil }
    let move = try await tenant.beginMove("lost", client)
    try await Task.sleep(for: .milliseconds(random.below(Self.latestInMove)))
    return move
  }

  /// The tenant is where the cell is that is left of the two, and the move's operation says how it
  /// came there; one that had come to the lost cell went on with that one's others.
  private func demandEnd(
    of move: ChaosTenant.Move, _ loss: Loss, _ tenant: ChaosTenant, _ client: SystemClient,
    _ report: inout ChaosReport
  ) async throws {
    let state = try await client.admin("GET", "/v1/operations/\(move.operation)")["state"]?.string
    report.hit("the move \(state ?? "is gone")")
    if state != "succeeded" && state != "failed" {
      report.complaints.append("\(tenant.name)'s move is \(state ?? "gone")")
    }
    let place = try await client.admin("GET", "/v1/tenants/\(tenant.id)")["cell"]?.string
    let hadCome = loss == .diskOfATarget && state == "succeeded"
    if !hadCome, place != (loss == .diskOfATarget ? move.source : move.target) {
      report.complaints.append("\(tenant.name) is in \(place ?? "no cell"), not in the other one")
    }
  }

  private func strike(_ loss: Loss, _ system: SystemUnderAttack) async throws {
    switch loss {
    case .follower, .disk, .diskInAMove, .diskOfATarget: return
    case .diskThenControlPlane:
      let killed = try system.kill("control-plane")
      try await system.waitForSuccessor(of: killed)
    case .diskThenSurvivor:
      try await Task.sleep(for: .milliseconds(300))
      let killed = try system.kill("cell-3")
      try await system.waitForSuccessor(of: killed)
    }
  }

  /// Nothing of theirs leaves before somebody says so; statuses of what was sent come first.
  private func release(
    _ id: String, _ client: SystemClient, _ cells: [SystemUnderAttack.Member],
    _ tenants: [ChaosTenant], _ report: inout ChaosReport
  ) async throws {
    try await wait("statuses have come", seconds: 60) {
      guard try await client.simulator("GET", "stats")["pending_webhooks"]?.integer == 0 else {
        return false
      }
      for cell in cells where try await SystemClient.spooledParts(cell.healthURL) != 0 {
        return false
      }
      return true
    }
    let waiting = try await client.api(
      tenants[0].apiKey, "GET", "/v1/messages?status=queued&limit=1")
    if waiting["data"]?.array?.isEmpty != false {
      report.complaints.append("\(tenants[0].name): nothing waits for the release")
    }
    let released = try await client.admin("POST", "/v1/restores/\(id)/release", [:], key: "release")
    report.measure("released", Double(released["released"]?.integer ?? 0))
  }

  /// The lost cell's process starts again, and serves nothing.
  private func demandEnd(
    of lost: SystemUnderAttack.Member, _ system: SystemUnderAttack, _ client: SystemClient,
    _ report: inout ChaosReport
  ) async throws {
    try system.killLast("cell-1")
    try await wait("cell-1 says that it is ended", seconds: 60) {
      let health = try? await SystemClient.once(
        "GET", lost.healthURL + "/healthz", nil, nil, nil, nil)
      let codes = health?.answer["problems"]?.array?.compactMap { $0["code"]?.string } ?? []
      return codes.contains("cell_ended")
    }
    if await SystemClient.isReady(lost.healthURL) {
      report.complaints.append("cell-1 is ready though it was ended")
    }
    let cell = try await client.admin("GET", "/v1/cells/cell-1")
    if cell["state"]?.string != "retired" {
      report.complaints.append("cell-1 is \(cell["state"]?.string ?? "nowhere"), not retired")
    }
  }
}

/// The cells that are left of a system.
private struct Survivors: AttackedSystem {
  let system: SystemUnderAttack
  let cells: [SystemUnderAttack.Member]

  func members() throws -> [SystemUnderAttack.Member] { cells }
  func spooledParts(_ member: SystemUnderAttack.Member) async throws -> Int? {
    try await system.spooledParts(member)
  }
}
