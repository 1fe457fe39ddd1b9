import Foundation
import GraphSimulator
import Platform
import Simulation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A cell's primary is killed or stopped under load, and its follower promoted; then the other way
/// round, in one system that lives through all cycles.
///
/// `cell-1` waits for its follower, so nothing that was acknowledged may be gone. A tenant has left
/// it right before its first promotion: the new primary must not take it for its own.
public struct PromoteMode: Sendable {
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells:
      - {id: cell-1, mode: follower, ack_deadline_ms: 2000, followers: [{id: cell-1-b}]}
      - {id: cell-2}
    graph: {simulator: {numbers: 8}}
    archive: {directory: archive}
    """
  static let cell = "cell-1"
  static let replicas = ["cell-1", "cell-1-b"]
  /// Operations of one cycle, all of which end acknowledged.
  public static let operationsPerCycle = 240
  static let leastAcknowledged = 100
  /// How long a stopped primary stays stopped after the promotion, at most, in milliseconds.
  static let longestStop = 4_000

  static let archiveSeconds = 60
  /// How long the primary of a long pause is stopped, and then alone without control plane.
  static let longPause = Duration.seconds(30)
  static let aloneMilliseconds = 3_000

  /// What happens to the primary.
  enum Fault: String, CaseIterable {
    /// `up` starts it again at once: it must not serve.
    case kill = "kill -9"
    /// It wakes up after another has taken over, in the middle of what it did.
    case pause = "SIGSTOP, SIGCONT"
    /// Nothing but the promotion itself: it hears that it is fenced while it serves.
    case none = "a promotion in full health"
    /// It wakes up long after, and nobody but its followers can tell it what happened.
    case longPause = "SIGSTOP for 30 s, SIGCONT while the control plane is stopped"
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(
      plan, topology: Self.topology, attack: attack
    )
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    var tenants = try await ChaosTenant.pair(system, client)
    tenants.append(try await Self.leaver(system, client))
    let sends = HeldSend(client: client, faults: faults)
    try await sends.end()
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      do {
        try await self.cycle(cycle, system, sends, workload, random, &report)
      } catch {
        // Why it did not go on, the replicas may tell.
        report.complain("cycle \(cycle + 1): \(error)")
      }
      try await ReplicaOracle(system: system, replicas: Self.replicas).judge(into: &report)
      guard report.isOK else { break }
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      try await MoveOracle(
        system: system, tenants: [tenants[2]], replicas: [Self.replicas[(cycle + 1) % 2], "cell-2"]
      ).judgeWhenQuiet(into: &report)
      // What the new primary writes follows, in the archive, what the old one wrote.
      let member = try system.member(Self.replicas[(cycle + 1) % 2])
      try await wait("\(member.id) is archived", seconds: Self.archiveSeconds) {
        await SystemClient.metric("aimstors_archive_lag_records", member.healthURL) == 0
      }
      guard report.isOK else { break }
    }
  }

  private var faults: JSON {
    [
      "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
      "status_failure_rate": .double(0.1),
      "duplicate_rate": .double(0.2), "delay_ms": [5, 40],
      "reset_after_read_rate": .double(0.02), "reply_delay_ms": [20, 120],
    ]
  }

  /// The tenant that is moved out of the cell.
  private static func leaver(
    _ system: SystemUnderAttack, _ client: SystemClient
  ) async throws -> ChaosTenant {
    let local = try system.local()
    guard let numbers = local["phone_numbers"]?.array, numbers.count > 2 else {
      throw ChaosFailure("the simulator has too few numbers")
    }
    return try await ChaosTenant.create(
      "chaos-3", cell: cell, number: numbers[2], graphToken: local["graph_token"]?.string ?? "",
      app: local["meta_app"]?["name"]?.string ?? "default", client)
  }

  private func cycle(
    _ cycle: Int, _ system: SystemUnderAttack, _ sends: HeldSend, _ workload: Workload,
    _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    let client = workload.client
    let fault = Fault.allCases[cycle % Fault.allCases.count]
    // The roles change with every cycle.
    let (primary, follower) = (Self.replicas[cycle % 2], Self.replicas[(cycle + 1) % 2])
    let promote = "/v1/cells/\(Self.cell)/promote"
    try await client.waitUntilPromotable(follower, of: Self.cell)
    let moment = 5 + random.below(Self.operationsPerCycle / 4)
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let holds = plan.sabotage == Sabotage.resendAmbiguous.rawValue
    if cycle == 0, !holds {
      try await moveAway(workload)
      report.moves = 1
    }
    let before = workload.count
    plan.say(
      "cycle \(cycle + 1): \(fault.rawValue) of \(primary) after \(moment) acknowledged"
        + " operations, \(follower) is promoted")
    async let load: Void = workload.run(operations)
    try await wait("\(moment) operations are acknowledged", seconds: 120) {
      workload.count >= before + moment
    }
    // While something is still to be sent.
    if holds { try await sends.hold(workload.tenants[0]) }
    let member = try system.member(primary)
    switch fault {
    case .kill: _ = try system.kill(primary)
    case .pause, .longPause: try signal(member, SIGSTOP)
    case .none: break
    }
    let stopped = ContinuousClock.now
    report.hit("\(fault.rawValue) of a primary")
    do {
      let operation = try await client.admin(
        "POST", promote, ["replica": JSON(follower), "reason": "chaos"], key: "promote-\(cycle)")
      let id = operation["id"]?.string ?? ""
      try await wait("\(follower) serves", seconds: 60) {
        try await client.admin("GET", "/v1/operations/\(id)")["state"]?.string == "succeeded"
      }
    } catch {
      if fault == .pause || fault == .longPause { try? signal(member, SIGCONT) }
      throw error
    }
    switch fault {
    case .pause:
      try await Task.sleep(for: .milliseconds(random.below(Self.longestStop)))
      try signal(member, SIGCONT)
    case .longPause:
      try await wakeAlone(member, at: stopped + Self.longPause, try system.member("control-plane"))
    case .kill, .none: break
    }
    if holds { try await sends.end() }
    try await load
    // Judged before it is back it could not be seen to serve.
    if fault == .kill { try await system.waitForSuccessor(of: member) }
    try await workload.repeatSome(of: operations)
    let acknowledged = workload.count - before
    if acknowledged < Self.leastAcknowledged {
      report.complaints.append("cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
    }
    report.cycles += 1
    report.acked = workload.count
  }

  /// Moves a tenant out of the cell while its clients ask on: some of them wait at its fence, and
  /// the cell would have something to serve that is no longer its own.
  private func moveAway(_ workload: Workload) async throws {
    let leaver = workload.tenants.count - 1
    // No cycle has these.
    let first = plan.cycles * Self.operationsPerCycle
    _ = try await workload.askOn(leaver, from: first) {
      try await workload.tenants[leaver].moveInHealth("out", workload.client)
    }
  }

  /// Wakes a replaced primary while the control plane cannot say that it is.
  private func wakeAlone(
    _ member: SystemUnderAttack.Member, at moment: ContinuousClock.Instant,
    _ plane: SystemUnderAttack.Member
  ) async throws {
    try signal(plane, SIGSTOP)
    defer { try? signal(plane, SIGCONT) }
    try? await Task.sleep(until: moment)
    try signal(member, SIGCONT)
    try await Task.sleep(for: .milliseconds(Self.aloneMilliseconds))
  }

  private func signal(_ member: SystemUnderAttack.Member, _ number: Int32) throws {
    guard Glibc.kill(member.pid, number) == 0 else {
      throw ChaosFailure("\(member.id) (pid \(member.pid)) takes no signal: errno \(errno)")
    }
  }
}
