import Foundation
import GraphSimulator
import Synchronization

/// All cells and followers of a running system go from version to version under load: good ones,
/// one that fails requests, one that does not start, and back again.
public struct UpgradeMode: Sendable {
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells:
      - {id: cell-1}
      - {id: cell-2, followers: [{id: cell-2-b}], mode: follower}
    graph: {simulator: {numbers: 8}}
    """
  static let leastAcknowledged = 100
  /// Operations of one round of load; there are as many rounds as an upgrade takes.
  static let operationsPerRound = 40
  static let soakSeconds = 3
  /// Of a version that hangs: it does so in that time, watched and not confirmed.
  static let longSoakSeconds = 30
  static let hangsAfterSeconds = 8
  static let patienceSeconds = 240
  /// Three starts that each are silent for a minute before they are ended.
  static let hangingSeconds = 420

  enum Fault: String, CaseIterable {
    case erring = "a version that fails requests"
    case none = "an upgrade of all processes"
    case back = "a rollback of an upgrade that succeeded"
    case dead = "a version that does not start"
    case killed = "kill -9 of the control plane during an upgrade"
    case hanging = "a version that hangs once it has answered"
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, topology: Self.topology, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    var operations = 0
    for cycle in 0..<plan.cycles {
      let fault = Fault.allCases[cycle % Fault.allCases.count]
      plan.say("cycle \(cycle + 1): \(fault.rawValue)")
      let before = workload.count
      let attempt = Attempt(
        system: system, client: client, binaries: plan.binaries, cycle: cycle, say: plan.say)
      let isOver = Flag()
      async let outcome: String? = {
        defer { isOver.raise() }
        return try await attempt.run(fault)
      }()
      while !isOver.isRaised || workload.count < before + Self.leastAcknowledged {
        let range = operations..<operations + Self.operationsPerRound
        operations = range.upperBound
        try await workload.run(range)
      }
      if let complaint = try await outcome { report.complaints.append(complaint) }
      try await workload.repeatSome(of: 0..<operations)
      report.hit(fault.rawValue)
      report.cycles += 1
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      guard report.isOK else { break }
    }
  }

  /// Set once, by one task, read by another.
  private final class Flag: Sendable {
    private let value = Mutex(false)
    var isRaised: Bool { value.withLock { $0 } }
    func raise() { value.withLock { $0 = true } }
  }
}
