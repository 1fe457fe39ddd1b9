import Foundation
import GraphSimulator
import Platform
import Simulation

/// Tenants go back to the middle of a broadcast: forked, swapped, released, with their cell killed
/// meanwhile.
///
/// Nobody may get a message twice or not at all, no money may change, no revoked key open.
public struct RestoreMode: Sendable {
  public static let recipients = 120
  static let waitSeconds = 120

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  /// What happens to the cell while it restores.
  enum Fault: String, CaseIterable {
    case none = "swap"
    case killed = "kill -9 of the cell in a swap"
    case forked = "fork and swap"
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(
      plan, topology: SystemUnderAttack.topology + "\n" + ArchivePlace.topology(),
      attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults",
      [
        "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
        "status_failure_rate": .double(0.05),
        "duplicate_rate": .double(0.2), "reorder_rate": .double(0.2), "delay_ms": [5, 40],
        "reply_delay_ms": [20, 80],
      ])
    var broadcasts = tenants.map { Broadcasts(tenant: $0, client: client) }
    let random = SeededRandomSource(seed: plan.seed)
    var oracle = SystemOracle(system, client, tenants)
    for cycle in 0..<plan.cycles {
      let index = cycle % tenants.count
      let fault = Fault.allCases[cycle % Fault.allCases.count]
      plan.say("cycle \(cycle + 1): \(fault.rawValue)")
      try await self.cycle(cycle, fault, system, &broadcasts[index], random)
      report.hit(fault.rawValue)
      try await oracle.settle()
      for (position, broadcast) in broadcasts.enumerated() {
        try await broadcast.judge(oracle.evidence[position], &report)
      }
      report.cycles += 1
      report.acked = broadcasts.reduce(0) { $0 + $1.acknowledged }
      guard report.isOK else { return }
    }
  }

  private func cycle(
    _ cycle: Int, _ fault: Fault, _ system: SystemUnderAttack, _ broadcast: inout Broadcasts,
    _ random: SeededRandomSource
  ) async throws {
    let middle = 5 + random.below(Self.recipients - 30)
    try await broadcast.start(cycle, Self.recipients, until: middle)
    let point = try await broadcast.position()
    try await broadcast.actSince(cycle)
    if fault == .forked { try await broadcast.fork(at: point, cycle) }
    let cell = try await broadcast.cell()
    let operation = try await broadcast.swap(to: point, cycle)
    if fault == .killed {
      try await Task.sleep(for: .milliseconds(random.below(1_500)))
      let member = try system.kill(cell)
      try await system.waitForSuccessor(of: member)
    }
    try await broadcast.release(operation)
  }
}
