import GraphSimulator
import Synchronization

/// Hundreds of connections at once with the largest bodies that are allowed, of one tenant, of many
/// and of Meta's, all held back by their last byte, beside clients who do not take their answers:
/// every answer has a name, memory stays bounded, and nothing acknowledged is lost.
public struct FloodMode: Sendable {
  static let tenants = 4
  static let operations = 120
  /// Recipients that each campaign has before, for those who read them slowly.
  static let recipients = 500
  static let releaseSeconds = 60
  private static let bodyBytes = "aimstors_router_body_bytes"

  let plan: AttackPlan
  let flood: FloodPlan

  public init(_ plan: AttackPlan, _ flood: FloodPlan) {
    self.plan = plan
    self.flood = flood
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let local = try system.local()
    let client = SystemClient(local)
    let workload = Workload(client, try await ChaosTenant.pair(system, client))
    var oracle = SystemOracle(system, client, workload.tenants)
    var tenants: [FloodTenant] = []
    for index in 0..<Self.tenants {
      tenants.append(try await FloodTenant.create(index, system, client))
      // What slow readers ask for.
      _ = try await client.api(
        tenants[index].tenant.apiKey, "POST", "/v1/campaigns/\(tenants[index].campaign)/recipients",
        try JSON(parsing: FloodBodies.page(0, Self.recipients)), key: "page-0")
    }
    // What a first load needs is no growth under a flood.
    try await workload.run(0..<Self.operations)
    let members = try system.members().filter { ["router", "cell"].contains($0.role) }
    let before = members.map { ProcessUse($0.pid) }

    let crowd = try FloodCrowd(flood, tenants, local, client)
    let router = try system.member("router-1")
    let held = Mutex<Int?>(nil)
    let sent = try await crowd.attack {
      try await workload.run(Self.operations..<2 * Self.operations)
      // Right before the last bytes come.
      let bytes = await SystemClient.metric(Self.bodyBytes, router.healthURL)
      held.withLock { $0 = bytes }
    }
    report.cycles = 1
    judge(sent, &report)
    report.complaints += Self.complaints(
      held: held.withLock { $0 }, atLeast: flood.heldBytes,
      late: sent.count { $0.answer?.status == 408 }, of: sent.count)
    try await judge(system, members, before, &report)
    try await workload.run(2 * Self.operations..<3 * Self.operations)
    try await oracle.settle()
    try await oracle.judge(workload, into: &report)
    try await compare(tenants, sent, client, &report)
  }

  // MARK: Judgement

  /// Why what was sent was no flood: little of it was held when the last bytes came, or much of it
  /// had been given up by then.
  static func complaints(held: Int?, atLeast least: Int, late: Int, of all: Int) -> [String] {
    var complaints: [String] = []
    if held.map({ $0 < least }) ?? true {
      complaints.append(
        "the router held \(held.map { "\($0)" } ?? "an unknown number of") bytes of bodies when "
          + "the last bytes came, of at least \(least)")
    }
    if late * 10 > all { complaints.append("\(late) of \(all) bodies were late") }
    return complaints
  }

  private func judge(_ sent: [FloodCrowd.Sent], _ report: inout ChaosReport) {
    for one in sent {
      guard let answer = one.answer else {
        report.faultsHit[one.instead, default: 0] += 1
        continue
      }
      report.faultsHit["\(answer.status) \(answer.code)", default: 0] += 1
      if !answer.isNamed {
        report.complaints.append("answered \(answer.status) \(answer.code), without its time")
      }
    }
    let silent = sent.count { $0.answer == nil }
    if silent > 0 { report.complaints.append("\(silent) of \(sent.count) have no answer") }
    plan.say("answers: \(report.faultsHit.sorted { $0.key < $1.key })")
    // As many as this are more than there is room for, of every kind, and some find theirs.
    for expected in ["200 ", "429 rate_limited", "503 not_stored"]
    where report.faultsHit[expected] == nil {
      report.complaints.append("nobody was answered \(expected)")
    }
  }

  private func judge(
    _ system: SystemUnderAttack, _ members: [SystemUnderAttack.Member], _ before: [ProcessUse],
    _ report: inout ChaosReport
  ) async throws {
    for (member, old) in zip(members, before) {
      let now = ProcessUse(member.pid)
      plan.say("\(member.id): at most \(old.peakKiB) KiB before, \(now.peakKiB) under the flood")
      try await system.expectAlive(member, now, after: "flood", &report)
      let most = member.role == "router" ? flood.routerKiB : flood.cellKiB
      if now.peakKiB - old.peakKiB > most {
        report.complaints.append(
          "\(member.id) grew from \(old.peakKiB) to \(now.peakKiB) KiB, over \(most)")
      }
      guard member.role == "router" else { continue }
      try await wait("\(member.id) has given back all bodies", seconds: Self.releaseSeconds) {
        await SystemClient.metric(Self.bodyBytes, member.healthURL) == 0
      }
    }
  }

  /// Every page that was acknowledged is there; of one whose outcome is unknown, or that takes
  /// several commands and was refused, some may be.
  private func compare(
    _ tenants: [FloodTenant], _ sent: [FloodCrowd.Sent], _ client: SystemClient,
    _ report: inout ChaosReport
  ) async throws {
    for (index, tenant) in tenants.enumerated() {
      let own = sent.filter { $0.tenant == index }
      let told =
        own.filter { $0.answer?.status == 200 }.map(\.recipients).reduce(Self.recipients, +)
      let most = own.filter {
        $0.answer?.status != 200
          && ($0.answer?.code == "outcome_unknown" || $0.recipients == FloodBodies.fullPage)
      }.map(\.recipients).reduce(told, +)
      let found = try await tenant.recipients(client)
      if !(told...most).contains(found) {
        report.lost += max(0, told - found)
        report.complaints.append(
          "\(tenant.tenant.name): \(found) recipients, of whom \(told) were acknowledged")
      }
    }
  }
}
