import Foundation
import GraphSimulator
import Platform

/// Peers that half-open, send garbage and oversize frames, drip, and reset, at every port of
/// router, cells and control plane, for as long as honest clients go on.
public struct HostileMode: Sendable {
  public static let operationsPerCycle = 120
  static let leastAcknowledged = 100
  /// A process under attack may grow by this much at its worst.
  static let mostGrowthKiB = 192 * 1_024
  /// So many descriptors more may be open afterwards: connections of honest clients.
  static let mostMoreDescriptors = 64
  /// A connection that was hung up on without a word is noticed by the peer's silence: NNG waits
  /// ten seconds for a greeting.
  static let releaseSeconds = 30

  let plan: AttackPlan
  /// Hostile connections of the whole run that come and go, beside those that stay for a cycle.
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
    let numbers = members.flatMap { ListeningPorts.of($0.pid) }
    guard numbers.count >= members.count else {
      throw ChaosFailure("only \(numbers.count) listening ports of \(members.count) processes")
    }
    let ports = try await Blocking.run("hostile-ports") {
      numbers.compactMap { HostilePort($0) }
    }.get()
    guard ports.count == numbers.count else {
      throw ChaosFailure("of \(numbers.count) ports only \(ports.count) say what they speak")
    }
    // What a first load needs is no growth under attack.
    try await workload.run(0..<Self.operationsPerCycle)
    let before = members.map { ProcessUse($0.pid) }
    for cycle in 0..<plan.cycles {
      let share = connections / plan.cycles
      plan.say("cycle \(cycle + 1): \(share) hostile connections to \(ports.count) ports")
      let acknowledged = workload.count
      let crowd = HostileCrowd(ports, strikes: share)
      let first = (cycle + 1) * Self.operationsPerCycle
      async let attacked: Void = crowd.attack(seed: plan.seed &+ UInt64(cycle))
      do {
        defer { crowd.honestHaveEnded() }
        try await workload.run(first..<first + Self.operationsPerCycle)
      }
      await attacked
      // Here and not at the end: webhooks come later than what causes them, those of hundreds of
      // cycles by many minutes.
      try await oracle.settle()
      let result = crowd.result
      for (manner, count) in result.met { report.faultsHit[manner.rawValue, default: 0] += count }
      if result.strikes < share || result.misses * 10 > result.strikes {
        report.complaints.append(
          "cycle \(cycle + 1): nobody met \(result.misses) of \(result.strikes) strikes")
      }
      if workload.count - acknowledged < Self.leastAcknowledged {
        report.complaints.append("cycle \(cycle + 1): too few acknowledged operations")
      }
      report.cycles += 1
    }
    for manner in HostilePeer.Manner.allCases where report.faultsHit[manner.rawValue] == nil {
      report.complaints.append("nobody met \(manner.rawValue)")
    }
    try await judge(system, members, before, &report)
    try await oracle.judge(workload, into: &report)
  }

  /// Nobody died, nobody keeps what it was sent, everybody answers.
  private func judge(
    _ system: SystemUnderAttack, _ members: [SystemUnderAttack.Member], _ before: [ProcessUse],
    _ report: inout ChaosReport
  ) async throws {
    for (member, old) in zip(members, before) {
      var now = ProcessUse(member.pid)
      let deadline = ContinuousClock.now + .seconds(Self.releaseSeconds)
      while now.descriptors > old.descriptors + Self.mostMoreDescriptors,
        ContinuousClock.now < deadline
      {
        try await Task.sleep(for: .milliseconds(200))
        now = ProcessUse(member.pid)
      }
      plan.say(
        "\(member.id): \(old.peakKiB) KiB and \(old.descriptors) descriptors before, "
          + "\(now.peakKiB) and \(now.descriptors) after")
      try await system.expectAlive(member, now, after: "attack", &report)
      if now.peakKiB - old.peakKiB > Self.mostGrowthKiB {
        report.complaints.append("\(member.id) grew from \(old.peakKiB) to \(now.peakKiB) KiB")
      }
      if now.descriptors > old.descriptors + Self.mostMoreDescriptors {
        report.complaints.append(
          "\(member.id) had \(old.descriptors) descriptors and keeps \(now.descriptors)")
      }
    }
  }
}
