import Foundation
import GraphSimulator

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Parts of a deployment are gone and stay gone: what does not need them goes on.
///
/// In turn the control plane is dead while a router starts anew from its disk, and one of four
/// cells is dead while the others' clients ask each thing once.
public struct StaticMode: Sendable {
  static let cells = ["cell-1", "cell-2", "cell-3", "cell-4"]
  static let topology = """
    version: 1
    name: chaos
    control_plane: {id: control-plane}
    routers: [{id: router-1}]
    cells: [{id: cell-1}, {id: cell-2}, {id: cell-3}, {id: cell-4}]
    graph: {simulator: {numbers: 8}}
    """
  static let operationsPerCycle = 160
  static let leastAcknowledged = 100
  /// A router has what it learned in its file within 200 ms, and the disk's time: killed before
  /// that it may start without a tenant that was made a moment ago.
  static let mapFileTime = Duration.seconds(1)
  /// Recipients of the broadcast that begins while the control plane is away.
  static let recipients = 40

  enum Fault: String, CaseIterable {
    case controlPlane = "the control plane is dead, the router starts from its disk"
    case cell = "one of four cells is dead"
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, topology: Self.topology, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.each(Self.cells, system, client)
    // Top-ups are the control plane's.
    let workload = Workload(client, tenants, hasTopUps: false)
    var oracle = SystemOracle(system, client, tenants)
    for cycle in 0..<plan.cycles {
      let fault = Fault.allCases[cycle % Fault.allCases.count]
      plan.say("cycle \(cycle + 1): \(fault.rawValue)")
      let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
      let before = workload.count
      switch fault {
      case .controlPlane:
        try await withoutControlPlane(cycle, system, client, tenants, workload, operations, &report)
      case .cell: try await withoutCell(cycle, system, client, workload, operations, &report)
      }
      report.hit(fault.rawValue)
      let acknowledged = workload.count - before
      if acknowledged < Self.leastAcknowledged {
        report.complaints.append(
          "cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
      }
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      report.cycles += 1
      guard report.isOK else { break }
    }
  }

  // MARK: The control plane

  private func withoutControlPlane(
    _ cycle: Int, _ system: SystemUnderAttack, _ client: SystemClient, _ tenants: [ChaosTenant],
    _ workload: Workload, _ operations: Range<Int>, _ report: inout ChaosReport
  ) async throws {
    // Nobody starts it again.
    system.freeze()
    defer { system.thaw() }
    let plane = try system.kill("control-plane")
    let half = operations.lowerBound + operations.count / 2
    try await workload.run(operations.lowerBound..<half)
    try await Task.sleep(for: Self.mapFileTime)
    let router = try system.kill("router-1")
    let started = ContinuousClock.now
    let own = try system.startRouter("router-1")
    try await wait("the router answers", seconds: 60) {
      await SystemClient.isReady(router.healthURL)
    }
    report.measure("router_start_ms", (ContinuousClock.now - started) / .milliseconds(1))
    var broadcasts = tenants.map { Broadcasts(tenant: $0, client: client) }
    for index in broadcasts.indices {
      try await broadcasts[index].start(cycle, Self.recipients, until: Self.recipients)
    }
    try await workload.run(half..<operations.upperBound)
    for tenant in tenants { try await demandReceipts(of: tenant, client, &report) }
    own.terminate()
    own.waitUntilExit()
    system.thaw()
    try await system.waitForSuccessor(of: plane)
    try await system.waitForSuccessor(of: router)
  }

  /// Receipts of what was sent have come in while the control plane was away.
  private func demandReceipts(
    of tenant: ChaosTenant, _ client: SystemClient, _ report: inout ChaosReport
  ) async throws {
    try await wait("\(tenant.name) has receipts", seconds: 60) {
      let read = try await client.api(
        tenant.apiKey, "GET", "/v1/messages?status=read&direction=outbound&limit=1")
      return read["data"]?.array?.isEmpty == false
    }
  }

  // MARK: A cell

  private func withoutCell(
    _ cycle: Int, _ system: SystemUnderAttack, _ client: SystemClient, _ workload: Workload,
    _ operations: Range<Int>, _ report: inout ChaosReport
  ) async throws {
    system.freeze()
    defer { system.thaw() }
    let dead = workload.tenants.count - 1
    let victim = try system.kill(Self.cells[dead])
    // Its tenants' clients try until they are answered: after its return.
    let others = operations.filter { $0 % workload.tenants.count != dead }
    let its = operations.filter { $0 % workload.tenants.count == dead }
    let errors = try await workload.runOnce(others)
    for error in errors.prefix(5) {
      report.complaints.append("another cell's tenant saw an error: \(error)")
    }
    // Incoming messages of all tenants, the dead cell's too.
    try await workload.runInbound(its)
    let webhooks = try await client.simulator("GET", "requests")["webhooks"]?.array ?? []
    let refused = webhooks.filter { $0["result"]?.integer != 200 }
    if webhooks.isEmpty || !refused.isEmpty {
      report.complaints.append(
        "\(refused.count) of \(webhooks.count) webhook bodies were not answered with 200")
    }
    report.measure("webhooks_while_dead", Double(webhooks.count))
    system.thaw()
    try await system.waitForSuccessor(of: victim)
    try await workload.run(operations)
  }
}
