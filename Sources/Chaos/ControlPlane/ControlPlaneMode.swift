import GraphSimulator
import Platform
import Simulation

/// The control plane is killed under load; every second time its disk is lost too, and it comes
/// back from a copy that is older than what it has issued since.
///
/// Tenants are made, numbers pass from one to another, and tenants move meanwhile. Nothing may be
/// issued twice, nothing acknowledged be gone, and nobody have two owners.
public struct ControlPlaneMode: Sendable {
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells: [{id: cell-1, mode: follower, followers: [{id: cell-1-b}]}, {id: cell-2}]
    graph: {simulator: {numbers: 8}}
    archive: {directory: archive}
    """
  static let follower = "cell-1-b"
  /// Operations of one cycle, all of which end acknowledged.
  public static let operationsPerCycle = 120
  static let leastAcknowledged = 100
  /// The latest moment of a move at which the control plane dies, in milliseconds.
  static let latestMoment = 250
  static let waitSeconds = 90

  enum Fault: String, CaseIterable {
    case copy = "the control plane's disk lost and restored from an older copy"
    case kill = "kill -9 of the control plane"
  }

  /// What was issued before a fault: nothing may lie at or below it afterwards.
  private struct Issued {
    let mapVersion: Int
    let epochs: [Int64]
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, topology: Self.topology, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let local = try system.local()
    let client = SystemClient(local)
    let tenants = try await ChaosTenant.pair(system, client)
    let free = Array((local["phone_numbers"]?.array ?? []).dropFirst(tenants.count).prefix(2))
    guard free.count == 2 else { throw ChaosFailure("the simulator has too few numbers") }
    _ = try await client.simulator(
      "PUT", "faults",
      [
        "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
        "status_failure_rate": .double(0.1), "duplicate_rate": .double(0.2),
        "delay_ms": [5, 40], "reply_delay_ms": [20, 120],
      ])
    let workload = Workload(client, tenants)
    let provisions = Provisions(client, local)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      let given = try await self.cycle(
        cycle, system, workload, provisions, free, random, &report)
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      report.acked += provisions.count
      report.duplicated += given.count
      for complaint in given { report.complain(complaint) }
      try await provisions.judge(into: &report)
      try await MoveOracle(system: system, tenants: tenants).judgeWhenQuiet(into: &report)
      guard report.isOK else { break }
    }
  }

  private func cycle(
    _ cycle: Int, _ system: SystemUnderAttack, _ workload: Workload, _ provisions: Provisions,
    _ free: [JSON], _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws -> [String] {
    let fault = Fault.allCases[cycle % Fault.allCases.count]
    let (client, tenants) = (workload.client, workload.tenants)
    let disk = PlaneDisk(system: system, binaries: plan.binaries)
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let before = workload.count
    plan.say("cycle \(cycle + 1): \(fault.rawValue)")
    if fault == .copy { try await disk.copy() }

    // After the copy, and acknowledged: a tenant, a number that changes hands, a move.
    let slugs = (0..<2).map { "late-\(cycle)-\($0)" }
    let moved = tenants[cycle / 2 % 2]
    async let load: Void = workload.run(operations)
    try await provisions.issue(slugs[0], cell: ChaosTenant.cells[cycle / 2 % 2], number: free[0])
    try await moved.moveInHealth("\(cycle)-first", client)
    report.moves = (report.moves ?? 0) + 1
    let issued = try await look(system, client, tenants)

    // Under way while it dies: another tenant and number, another move.
    let other = tenants[(cycle / 2 + 1) % 2]
    async let late: Void = provisions.issue(
      slugs[1], cell: ChaosTenant.cells[(cycle / 2 + 1) % 2], number: free[1])
    let operation = try await other.beginMove("\(cycle)-second", client).operation
    try await Task.sleep(for: .milliseconds(random.below(Self.latestMoment)))
    let killed = fault == .copy ? try disk.lose() : try system.kill(PlaneDisk.plane)
    report.hit(fault.rawValue)
    async let given = provisions.jump(slugs[0], free[0], as: tenants[0])
    if fault == .copy {
      try await disk.restore(after: killed)
    } else {
      try await system.waitForSuccessor(of: killed)
    }
    try await wait("the cells have said what they hold", seconds: Self.waitSeconds) {
      let status = try? await client.admin("GET", "/v1/status")
      return status?["problems"]?.array?.contains {
        $0["code"]?.string == "control_plane_surveying"
      } == false
    }
    // A control plane from a copy believes nobody promotable until each primary has said so.
    try await client.waitUntilPromotable(Self.follower, of: ChaosTenant.cells[0])
    try await late
    try await load
    if try await ChaosTenant.end(operation, client) == "succeeded" {
      report.moves = (report.moves ?? 0) + 1
    }
    try await workload.repeatSome(of: operations)
    let complaints = try await given + compare(issued, try await look(system, client, tenants))
    let acknowledged = workload.count - before
    if acknowledged < Self.leastAcknowledged {
      report.complain("cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
    }
    report.cycles += 1
    return complaints
  }

  // MARK: Judging

  private func look(
    _ system: SystemUnderAttack, _ client: SystemClient, _ tenants: [ChaosTenant]
  ) async throws -> Issued {
    let plane = try system.member(PlaneDisk.plane)
    var epochs: [Int64] = []
    for tenant in tenants {
      let shown = try await client.admin("GET", "/v1/tenants/\(tenant.id)")
      epochs.append(shown["epoch"]?.integer ?? 0)
    }
    return Issued(
      mapVersion: await SystemClient.metric("aimstors_map_version", plane.healthURL) ?? 0,
      epochs: epochs)
  }

  private func compare(_ before: Issued, _ after: Issued) -> [String] {
    var complaints: [String] = []
    if after.mapVersion <= before.mapVersion {
      complaints.append("the map's version \(before.mapVersion) was issued again")
    }
    for (old, new) in zip(before.epochs, after.epochs) where new < old {
      complaints.append("a tenant's epoch went from \(old) to \(new)")
    }
    return complaints
  }
}
