import Foundation
import GraphSimulator
import Platform
import Simulation

/// Tenants move between cells of which machines are lost: followers take over in the middle of a
/// move and right after it, or what the archive has comes back.
///
/// Each cycle is a system of its own: a machine is lost once.
public struct TakeoverMode: Sendable {
  public static let operations = 160
  static let leastAcknowledged = 100
  /// How long after its adoption the target's machine is lost, in milliseconds.
  static let afterAdoption = 1_000

  /// Both cells have a follower whose acknowledgement is asked.
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells:
      - {id: cell-1, mode: follower, ack_deadline_ms: 2000, followers: [{id: cell-1-b}]}
      - {id: cell-2, mode: follower, ack_deadline_ms: 2000, followers: [{id: cell-2-b}]}
    graph: {simulator: {numbers: 8}}
    """

  enum Fault: String, CaseIterable {
    case target = "the target's machine is lost in a move"
    case adopted = "the target's machine is lost a second after the adoption"
    case source = "the source's machine is lost in a move"
    case follower = "kill -9 of the target's follower in a move"
    case archived = "a target without a follower is lost a second after the adoption"
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await plan.eachAlone { (fault: Fault, own) in
      var report =
        fault == .archived
        ? await ArchivedTarget(plan: own).run()
        : await SystemUnderAttack.report(own, topology: Self.topology) { system, report in
          try await attack(fault, own, system, &report)
        }
      report.hit(fault.rawValue)
      return report
    }
  }

  private func attack(
    _ fault: Fault, _ plan: AttackPlan, _ system: SystemUnderAttack, _ report: inout ChaosReport
  ) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [5, 40], "reply_delay_ms": [20, 120]])
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cell in ChaosTenant.cells { try await client.waitUntilPromotable("\(cell)-b", of: cell) }
    async let load: Void = workload.run(0..<Self.operations)
    // In full health: from here on the second cell has a tenant that came.
    try await tenants[0].moveInHealth("first", client)
    report.moves = 1
    // The second tenant goes the other way: the first cell is its target.
    var lost: String?
    let move: ChaosTenant.Move
    let state: String?
    if fault == .adopted {
      move = try await tenants[1].moveInHealth("second", client)
      try await Task.sleep(for: .milliseconds(Self.afterAdoption))
      lost = move.target
      try await Self.lose(move.target, system, client)
      state = "succeeded"
    } else {
      let trap = try StepTrap(system.directory)
      let steps = StepTrap.Step.allCases
      let step = steps[random.below(steps.count)]
      report.hit("\(fault.rawValue), at \(step.rawValue)")
      (move, state) = try await trap.move(
        tenants[1], "second", at: step, client, seconds: ChaosTenant.moveSeconds
      ) { move in
        let wasHeld: Bool
        (lost, wasHeld) = try await strike(fault, move, trap, system, client)
        // What is lost is lost: there is no second attempt on this system.
        guard wasHeld || lost == nil else {
          throw ChaosFailure("the move had gone on from \(step.rawValue)")
        }
        return wasHeld
      }
    }
    plan.say("  \(tenants[1].name) from \(move.source) to \(move.target): \(state ?? "unknown")")
    if state == "succeeded" { report.moves = 2 }
    try await load
    try await workload.repeatSome(of: 0..<Self.operations)
    if let lost {
      // Its empty machine comes back, as a follower.
      system.thaw()
      try await wait("\(lost) runs again", seconds: 60) {
        guard let member = try? system.member(lost) else { return false }
        return await SystemClient.isReady(member.healthURL)
      }
    }
    try await oracle.settle()
    try await oracle.judge(workload, into: &report)
    try await MoveOracle(
      system: system, tenants: tenants,
      replicas: ChaosTenant.cells.map { $0 == lost ? "\($0)-b" : $0 }
    ).judgeWhenQuiet(into: &report)
    report.cycles = 1
    if workload.count < Self.leastAcknowledged {
      report.complaints.append("only \(workload.count) acknowledged operations")
    }
  }

  /// Has the fault strike a move that is held; answers the cell of which the machine was lost, and
  /// whether the move was held until then.
  private func strike(
    _ fault: Fault, _ move: ChaosTenant.Move, _ trap: StepTrap, _ system: SystemUnderAttack,
    _ client: SystemClient
  ) async throws -> (lost: String?, wasHeld: Bool) {
    switch fault {
    case .follower:
      let killed = try system.kill("\(move.target)-b")
      let wasHeld = trap.letGo()
      try await system.waitForSuccessor(of: killed)
      return (nil, wasHeld)
    case .source, .target, .adopted, .archived:
      let lost = fault == .source ? move.source : move.target
      var wasHeld = false
      try await Self.lose(lost, system, client) { wasHeld = trap.letGo() }
      return (lost, wasHeld)
    }
  }

  /// Takes a cell's disk away with its process, for good, and has its follower take over.
  private static func lose(
    _ cell: String, _ system: SystemUnderAttack, _ client: SystemClient,
    isDead: () -> Void = {}
  ) async throws {
    // Nobody starts it again meanwhile.
    system.freeze()
    let killed = try system.kill(cell)
    isDead()
    try FileManager.default.moveItem(
      atPath: killed.dataDirectory, toPath: "\(system.directory)/lost-\(cell)")
    let promoted = try await client.admin(
      "POST", "/v1/cells/\(cell)/promote", ["replica": JSON("\(cell)-b"), "reason": "chaos"],
      key: "promote-\(cell)")
    let id = promoted["id"]?.string ?? ""
    try await wait("\(cell)-b serves", seconds: 60) {
      try await client.admin("GET", "/v1/operations/\(id)")["state"]?.string == "succeeded"
    }
  }
}
