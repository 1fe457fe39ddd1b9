import Foundation
import GraphSimulator

/// A cell without a follower loses its disk one second after a tenant came to it, and is restored
/// from the archive.
///
/// What it acknowledged in the last moments may be gone; nothing older, and nothing that the tenant
/// brought along.
struct ArchivedTarget: Sendable {
  /// What an archive may lack, in milliseconds: the bar is one second at p99.
  static let window = 2_000.0
  static let restoreSeconds = 120

  let plan: AttackPlan

  func run() async -> ChaosReport {
    await SystemUnderAttack.report(
      plan, topology: SystemUnderAttack.topology + "\n" + ArchivePlace.topology(),
      attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [5, 40], "reply_delay_ms": [20, 120]])
    let workload = Workload(client, tenants)
    async let load: Void = workload.run(0..<TakeoverMode.operations)
    try await tenants[0].moveInHealth("out", client)
    report.moves = 1
    try await Task.sleep(for: .milliseconds(TakeoverMode.afterAdoption))
    system.freeze()
    let killed = try system.kill("cell-2")
    let died = ContinuousClock.now
    try FileManager.default.moveItem(
      atPath: killed.dataDirectory, toPath: "\(system.directory)/lost-cell-2")
    system.thaw()
    let restore = try await bringBack(client)
    report.measure("restored_ms", (ContinuousClock.now - died) / .milliseconds(1))
    try await load
    _ = try await client.admin("POST", "/v1/restores/\(restore)/release", [:], key: "release")
    var oracle = SystemOracle(system, client, tenants)
    try await oracle.settle()
    report.acked = workload.count
    for (tenant, told) in zip(tenants, workload.acknowledged) {
      try await judge(tenant, told, died, client, &report)
    }
    report.duplicated = oracle.evidence.reduce(0) { $0 + $1.doubleSends.count }
    report.cycles = 1
  }

  /// Orders the restore once the empty process says what it is; answers the operation.
  private func bringBack(_ client: SystemClient) async throws -> String {
    var id = ""
    try await wait("the cell may be restored", seconds: Self.restoreSeconds) {
      do {
        id =
          try await client.admin(
            "POST", "/v1/cells/cell-2/restore", ["old_is_dead": true, "reason": "chaos"],
            key: "restore")["id"]?.string ?? ""
        return true
      } catch let refusal as SystemClient.Refused
        where ["conflict", "invalid_state", "cell_unavailable"].contains(refusal.code)
      {
        return false
      }
    }
    guard try await ChaosTenant.end(id, client, seconds: Self.restoreSeconds) == "succeeded" else {
      let operation = try await client.admin("GET", "/v1/operations/\(id)")
      throw ChaosFailure("not restored: \(operation.serialized())")
    }
    return id
  }

  /// Every missing message was acknowledged in the window before the disk was lost.
  private func judge(
    _ tenant: ChaosTenant, _ told: Workload.Acknowledged, _ died: ContinuousClock.Instant,
    _ client: SystemClient, _ report: inout ChaosReport
  ) async throws {
    let found = Set(
      try await client.list(tenant.apiKey, "/v1/messages?direction=outbound")
        .compactMap { $0["id"]?.string })
    let missing = told.messages.filter { !found.contains($0.value) }.keys
    for key in missing {
      let age = (died - (told.acknowledgedAt[key] ?? died)) / .milliseconds(1)
      report.measure("lost_window_ms", age)
      if age > Self.window || age < 0 {
        report.lost += 1
        report.complain("\(tenant.name): \(key), acknowledged \(Int(age)) ms before, is lost")
      }
    }
    report.measure("lost_in_window", Double(missing.count))
    plan.say("  \(tenant.name): \(missing.count) of \(told.messages.count) messages are gone")
    let digest = try await client.admin("GET", "/v1/tenants/\(tenant.id)/digest?recompute=true")
    if digest["recomputed"]?.bool != true {
      report.diverged += 1
      report.complain("\(tenant.name): a digest differs from its file")
    }
  }
}
