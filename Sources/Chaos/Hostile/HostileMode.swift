import Foundation
import GraphSimulator

/// Peers that half-open, send garbage and oversize frames, drip, and reset, at every port of
/// router, cells and control plane, while honest clients go on.
public struct HostileMode: Sendable {
  public static let operationsPerCycle = 120
  static let leastAcknowledged = 100
  /// A process under attack may grow by this much, and stay there.
  static let mostGrowthKiB = 192 * 1_024

  let plan: AttackPlan
  /// Hostile connections of the whole run.
  let connections: Int

  public init(_ plan: AttackPlan, connections: Int) {
    self.plan = plan
    self.connections = connections
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let workload = Workload(client, try await ChaosTenant.pair(system, client))
    var oracle = SystemOracle(system, client, workload.tenants)
    let members = try system.members().filter { $0.role != "graph_simulator" }
    let ports = members.flatMap { ListeningPorts.of($0.pid) }
    guard ports.count >= members.count else {
      throw ChaosFailure("only \(ports.count) listening ports of \(members.count) processes")
    }
    // What a first load needs is no growth under attack.
    try await workload.run(0..<Self.operationsPerCycle)
    let before = members.map { ListeningPorts.residentKiB($0.pid) }
    for cycle in 0..<plan.cycles {
      let share = connections / plan.cycles
      plan.say("cycle \(cycle + 1): \(share) hostile connections to \(ports.count) ports")
      let acknowledged = workload.count
      let crowd = HostileCrowd(connections: share)
      let first = (cycle + 1) * Self.operationsPerCycle
      async let load: Void = workload.run(first..<first + Self.operationsPerCycle)
      await crowd.attack(ports, seed: plan.seed &+ UInt64(cycle))
      try await load
      // Here and not at the end: webhooks come later than what causes them, those of hundreds of
      // cycles by many minutes.
      try await oracle.settle()
      for (manner, count) in crowd.made { report.faultsHit[manner.rawValue, default: 0] += count }
      let made = crowd.made.values.reduce(0, +)
      if made < share * 9 / 10 {
        report.complaints.append("cycle \(cycle + 1): only \(made) of \(share) connections")
      }
      if workload.count - acknowledged < Self.leastAcknowledged {
        report.complaints.append("cycle \(cycle + 1): too few acknowledged operations")
      }
      report.cycles += 1
    }
    for manner in HostilePeer.Manner.allCases where report.faultsHit[manner.rawValue] == nil {
      report.complaints.append("no connection was \(manner.rawValue)")
    }
    try await judge(system, members, before, &report)
    try await oracle.judge(workload, into: &report)
  }

  /// Nobody died, nobody keeps what it was sent, everybody answers.
  private func judge(
    _ system: SystemUnderAttack, _ members: [SystemUnderAttack.Member], _ before: [Int],
    _ report: inout ChaosReport
  ) async throws {
    for (member, old) in zip(members, before) {
      let now = ListeningPorts.residentKiB(member.pid)
      plan.say("\(member.id): \(old) KiB before, \(now) KiB after")
      if try system.member(member.id).pid != member.pid || now == 0 {
        report.complaints.append("\(member.id) died under the attack")
      }
      if now - old > Self.mostGrowthKiB {
        report.complaints.append("\(member.id) grew from \(old) to \(now) KiB")
      }
      if !(await SystemClient.isReady(member.healthURL)) {
        report.complaints.append("\(member.id) is not ready after the attack")
      }
    }
  }
}
