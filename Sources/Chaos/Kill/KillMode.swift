import Foundation
import GraphSimulator
import Platform
import Simulation

/// kill -9 of cells, router and control plane at random moments under load, and of what is started
/// in their place.
///
/// One system lives through all cycles; it restarts what was killed by itself.
public struct KillMode: Sendable {
  /// Operations of one cycle, all of which end acknowledged.
  public static let operationsPerCycle = 120
  static let leastAcknowledged = 100
  static let victims = ["cell-1", "cell-2", "router-1", "control-plane"]
  /// After so many cycles everything is compared, not only at the end.
  static let judgeEvery = 25

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private var faults: JSON {
    [
      "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
      "status_failure_rate": .double(0.1),
      "duplicate_rate": .double(0.2), "reorder_rate": .double(0.2), "delay_ms": [5, 40],
      "reset_after_read_rate": .double(0.02), "reply_delay_ms": [20, 120],
    ]
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    let sends = HeldSend(client: client, faults: faults)
    try await sends.end()
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      try await self.cycle(cycle, system, workload, sends, random, &report)
      try await oracle.settle()
      if cycle % Self.judgeEvery == Self.judgeEvery - 1 || cycle == plan.cycles - 1 {
        try await oracle.judge(workload, into: &report)
        guard report.isOK else { break }
      }
    }
    // The last cycles' victims are drawn so that, from four cycles on, each one was hit.
    for victim in Self.victims.prefix(plan.cycles) where report.faultsHit["kill \(victim)"] == nil {
      report.complaints.append("\(victim) was never killed")
    }
    if let missed = StartStrike.complaint(about: report) { report.complaints.append(missed) }
  }

  private func cycle(
    _ cycle: Int, _ system: SystemUnderAttack, _ workload: Workload, _ sends: HeldSend,
    _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    // In turn, so that every kind is hit; every third cycle a second one dies with it.
    var victims = [Self.victims[cycle % Self.victims.count]]
    if random.below(3) == 0 {
      victims.append(Self.victims[random.below(Self.victims.count)])
    }
    let moment = 5 + random.below(Self.operationsPerCycle / 2)
    let again = StartStrike(cycle, random)
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let before = workload.count
    plan.say(
      "cycle \(cycle + 1): kill -9 of \(Set(victims).sorted().joined(separator: " and "))"
        + " after \(moment) acknowledged operations"
        + (again.map { ", of \(victims[0]) also \($0)" } ?? ""))
    async let load: Void = workload.run(operations)
    try await wait("\(moment) operations are acknowledged", seconds: 120) {
      workload.count >= before + moment
    }
    let holds = plan.sabotage == Sabotage.resendAmbiguous.rawValue
    if holds, let cell = ChaosTenant.cells.firstIndex(where: victims.contains) {
      try await sends.hold(workload.tenants[cell])
    }
    var killed: [SystemUnderAttack.Member] = []
    for victim in Set(victims).sorted() {
      killed.append(try system.kill(victim))
      report.faultsHit["kill \(victim)", default: 0] += 1
    }
    if holds { try await sends.end() }
    var struck: Set<Int32> = []
    if let again, let first = killed.first(where: { $0.id == victims[0] }) {
      struck = try await again.run(system, first, &report)
    }
    try await load
    for member in killed { try await system.waitForSuccessor(of: member, and: struck) }
    try await workload.repeatSome(of: operations)
    let acknowledged = workload.count - before
    if acknowledged < Self.leastAcknowledged {
      report.complaints.append("cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
    }
    report.cycles += 1
    report.acked = workload.count
  }
}
