import Foundation
import GraphSimulator
import Simulation

/// A cell dies under load and stays dead, and its tenants go to the others, by one order: where it
/// has a follower that takes over and moves them, else out of the archive.
///
/// Each cycle is a system of its own: a cell dies once.
public struct DrainMode: Sendable {
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells:
      - {id: cell-1, mode: follower, followers: [{id: cell-1-b}]}
      - {id: cell-2}
    graph: {simulator: {numbers: 8}}
    """
  /// What is left of the cell, and what else dies on the way.
  enum Loss: String, CaseIterable {
    case follower = "cell-1 dies; its follower takes over, and it is drained"
    case disk = "cell-1 and its disk are lost; its tenants come from the archive"
    case diskInAMove = "the same, while one of them leaves it"
    case diskOfATarget = "the same, while one of another cell comes to it"
    case diskThenControlPlane = "the same, and the control plane is killed meanwhile"
    case diskThenSurvivor = "the same, and a cell that takes tenants is killed meanwhile"
  }

  static let operations = 160
  static let leastAcknowledged = 100
  /// Acknowledged before the cell dies.
  static let moment = 40
  /// Milliseconds after a move's order within which one of its cells is lost: about what it takes.
  static let latestInMove = 150

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await plan.eachAlone { (loss: Loss, own) in
      await SystemUnderAttack.report(
        own, topology: loss == .follower ? Self.topology : Self.archived
      ) { system, report in
        switch loss {
        case .follower: try await attack(system, &report)
        default:
          try await spread(system, loss, SeededRandomSource(seed: own.seed), &report)
        }
      }
    }
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [5, 40], "reply_delay_ms": [20, 120]])
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    try await client.waitUntilPromotable("cell-1-b", of: "cell-1")
    async let load: Void = workload.run(0..<Self.operations)
    try await wait("\(Self.moment) operations are acknowledged", seconds: 120) {
      workload.count >= Self.moment
    }
    // Nobody starts it again.
    system.freeze()
    defer { system.thaw() }
    _ = try system.kill("cell-1")
    let began = ContinuousClock.now
    report.hit("a dead cell")
    let id = try await order(client)
    var operation = JSON.null
    try await wait("\(id) has ended", seconds: 180) {
      operation = try await client.admin("GET", "/v1/operations/\(id)")
      return operation["state"]?.string != "running"
    }
    report.measure("drained_ms", (ContinuousClock.now - began) / .milliseconds(1))
    let place = try await client.admin("GET", "/v1/tenants/\(tenants[0].id)")["cell"]?.string
    guard operation["state"]?.string == "succeeded", place == "cell-2" else {
      throw ChaosFailure("not drained: \(operation.serialized())")
    }
    try await load
    try await workload.repeatSome(of: 0..<Self.operations)
    system.thaw()
    // The old process comes back, and is a follower now.
    try await wait("cell-1 runs again", seconds: 60) {
      guard let member = try? system.member("cell-1") else { return false }
      return await SystemClient.isReady(member.healthURL)
    }
    try await oracle.settle()
    try await oracle.judge(workload, into: &report)
    report.cycles = 1
    if workload.count < Self.leastAcknowledged {
      report.complaints.append("only \(workload.count) acknowledged operations")
    }
  }

  /// The control plane takes a moment to see that the cell is dead.
  func order(_ client: SystemClient) async throws -> String {
    try await wait("the cell counts as dead", seconds: 60) {
      let cell = try await client.admin("GET", "/v1/cells/cell-1")
      return cell["alive"]?.bool == false
    }
    let operation = try await client.admin(
      "POST", "/v1/cells/cell-1/drain", ["old_is_dead": true, "reason": "chaos"], key: "drain")
    return operation["id"]?.string ?? ""
  }
}
