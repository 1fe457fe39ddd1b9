import Foundation
import GraphSimulator
import Platform
import Simulation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Two tenants move between two cells under load, again and again, while processes are killed and
/// stopped at random moments of their moves.
///
/// Afterwards the journals are read beside what clients were told: who wrote under which epoch.
public struct MoveMode: Sendable {
  /// Operations of one cycle, all of which end acknowledged.
  public static let operationsPerCycle = 240
  static let leastAcknowledged = 100
  /// Moves of each tenant in one cycle.
  static let movesPerCycle = 3
  /// The latest moment of a move at which something happens to it, in milliseconds.
  static let latestMoment = 250
  /// How long a stopped process stays stopped, at most, in milliseconds.
  static let longestStop = 4_000

  enum Fault: String, CaseIterable {
    case killSource = "kill -9 of the source"
    case killTarget = "kill -9 of the target"
    case killRouter = "kill -9 of the router"
    case killControlPlane = "kill -9 of the control plane"
    case pauseSource = "SIGSTOP, SIGCONT of the source"
    case pauseTarget = "SIGSTOP, SIGCONT of the target"
    case cancel = "a cancelled move"
    case none = "moves in full health"
  }

  let plan: AttackPlan
  /// How long a stopped process stays stopped, in milliseconds; nil: drawn.
  private let stop: Int?

  public init(_ plan: AttackPlan, stopSeconds: Int? = nil) {
    self.plan = plan
    stop = stopSeconds.map { $0 * 1_000 }
  }

  private static func faults(onlyStops: Bool) -> [Fault] {
    onlyStops ? [.pauseSource, .pauseTarget] : Fault.allCases
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults",
      [
        "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
        "status_failure_rate": .double(0.1),
        "duplicate_rate": .double(0.2), "reorder_rate": .double(0.2), "delay_ms": [5, 40],
        "reply_delay_ms": [20, 120],
      ])
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      try await self.cycle(cycle, system, client, tenants, workload, random, &report)
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      try MoveOracle(system: system, tenants: tenants).judge(into: &report)
      guard report.isOK else { break }
    }
  }

  private func cycle(
    _ cycle: Int, _ system: SystemUnderAttack, _ client: SystemClient, _ tenants: [ChaosTenant],
    _ workload: Workload, _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    let faults = Self.faults(onlyStops: stop != nil)
    let fault = faults[cycle % faults.count]
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let before = workload.count
    plan.say("cycle \(cycle + 1): \(fault.rawValue)")
    async let load: Void = workload.run(operations)
    var moved = 0
    for round in 0..<Self.movesPerCycle {
      for (index, tenant) in tenants.enumerated() {
        // The fault strikes one move of each cycle, in the middle of the load.
        let strikes = round == 1 && index == cycle / faults.count % tenants.count
        let state = try await move(
          tenant, "\(cycle)-\(round)", strikes ? fault : .none, system, client, random)
        if state == "succeeded" { moved += 1 }
      }
    }
    report.hit(fault.rawValue)
    report.moves = (report.moves ?? 0) + moved
    try await load
    try await workload.repeatSome(of: operations)
    let acknowledged = workload.count - before
    if acknowledged < Self.leastAcknowledged {
      report.complaints.append("cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
    }
    if moved < Self.movesPerCycle {
      report.complaints.append("cycle \(cycle + 1): only \(moved) moves succeeded")
    }
    report.cycles += 1
    report.acked = workload.count
  }

  /// Moves a tenant to the other cell, and lets something happen meanwhile; answers how it ended.
  private func move(
    _ tenant: ChaosTenant, _ key: String, _ fault: Fault, _ system: SystemUnderAttack,
    _ client: SystemClient, _ random: SeededRandomSource
  ) async throws -> String {
    let move = try await tenant.beginMove(key, client, seconds: 60)
    let (id, place, target) = (move.operation, move.source, move.target)
    try await Task.sleep(for: .milliseconds(random.below(Self.latestMoment)))
    switch fault {
    case .none: break
    case .killSource: try await kill(place, system)
    case .killTarget: try await kill(target, system)
    case .killRouter: try await kill("router-1", system)
    case .killControlPlane: try await kill("control-plane", system)
    case .pauseSource: try await pause(place, system, random)
    case .pauseTarget: try await pause(target, system, random)
    case .cancel:
      // Too late for some: then it has moved.
      _ = try? await client.admin("POST", "/v1/operations/\(id)/cancel", [:], key: "cancel-\(id)")
    }
    guard let state = try await ChaosTenant.end(id, client) else {
      throw ChaosFailure("\(id) is not known any more")
    }
    plan.say("  \(tenant.name) from \(place) to \(target): \(state)")
    return state
  }

  private func kill(_ id: String, _ system: SystemUnderAttack) async throws {
    let killed = try system.kill(id)
    try await system.waitForSuccessor(of: killed)
  }

  private func pause(
    _ id: String, _ system: SystemUnderAttack, _ random: SeededRandomSource
  ) async throws {
    let member = try system.member(id)
    try signal(member, SIGSTOP)
    try await Task.sleep(for: .milliseconds(stop ?? 500 + random.below(Self.longestStop - 500)))
    try signal(member, SIGCONT)
  }

  private func signal(_ member: SystemUnderAttack.Member, _ number: Int32) throws {
    guard Glibc.kill(member.pid, number) == 0 else {
      throw ChaosFailure("\(member.id) (pid \(member.pid)) takes no signal: errno \(errno)")
    }
  }
}
