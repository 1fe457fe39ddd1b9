import GraphSimulator
import Platform
import Simulation

/// Sessions are renewed while answers are lost, processes are killed, and many present one token
/// at once: nobody is logged out, a token has one child, and a thief is found out.
///
/// `lost` counts log-outs, `duplicated` children too many, `diverged` tokens that were answered in
/// two ways.
public struct RefreshMode: Sendable {
  /// Renewals of one cycle, besides the herd's.
  public static let renewalsPerCycle = 120
  static let leastAcknowledged = 100
  /// Who present one token at once.
  public static let standardHerd = 1_000
  static let peoplePerTenant = 4
  /// Answers that one renewal loses at most.
  static let mostLosses = 4
  static let faults = ["answers lost", "herd", "kill cell", "kill router-1"]

  let plan: AttackPlan
  let herd: Int

  public init(_ plan: AttackPlan, herd: Int = RefreshMode.standardHerd) {
    self.plan = plan
    self.herd = herd
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    var people: [RefreshingPerson] = []
    for (index, tenant) in tenants.enumerated() {
      for number in 0..<Self.peoplePerTenant {
        people.append(try await RefreshingPerson("p\(index)-\(number)", in: tenant, client))
      }
    }
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      try await self.cycle(cycle, system, client, people, random, &report)
      report.cycles += 1
      guard report.isOK else { return }
    }
    for fault in Self.faults.prefix(plan.cycles) where report.faultsHit[fault] == nil {
      report.complain("the fault '\(fault)' was never met")
    }
  }

  private func cycle(
    _ cycle: Int, _ system: SystemUnderAttack, _ client: SystemClient,
    _ people: [RefreshingPerson], _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    let fault = Self.faults[cycle % Self.faults.count]
    let before = report.acked
    plan.say("cycle \(cycle + 1): \(fault)")
    let each = Self.renewalsPerCycle / people.count
    let losses = people.map { _ in
      (0..<each).map { _ in random.below(2) == 0 ? 0 : random.below(Self.mostLosses + 1) }
    }
    async let renewed = renew(people, losses)
    let victim: String? =
      switch fault {
      case "kill cell": "cell-\(1 + random.below(2))"
      case "kill router-1": "router-1"
      default: nil
      }
    if let victim {
      try await Task.sleep(for: .milliseconds(100 + random.below(900)))
      let killed = try system.kill(victim)
      report.hit(fault)
      try await system.waitForSuccessor(of: killed)
    }
    for met in try await renewed { note(met, &report) }
    if fault == "herd" {
      try await stampede(people[random.below(people.count)], &report)
    }
    try await judge(client, people, &report)
    try await steal(people[random.below(people.count)], &report)
    if report.acked - before < Self.leastAcknowledged {
      report.complain("cycle \(cycle + 1): only \(report.acked - before) renewals")
    }
  }

  private func renew(
    _ people: [RefreshingPerson], _ losses: [[Int]]
  ) async throws -> [RefreshingPerson.Met] {
    try await withThrowingTaskGroup(of: [RefreshingPerson.Met].self) { group in
      for (person, losses) in zip(people, losses) {
        group.addTask {
          var met: [RefreshingPerson.Met] = []
          for loss in losses {
            met.append(try await person.renew(losing: loss))
            if met.last?.isLoggedOut == true { break }
          }
          return met
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  private func note(_ met: RefreshingPerson.Met, _ report: inout ChaosReport) {
    if met.lostAnswers > 0 { report.faultsHit["answers lost", default: 0] += met.lostAnswers }
    if met.isContradicted {
      report.diverged += 1
      report.complain("one token was answered with two pairs")
    }
    if met.isLoggedOut {
      report.lost += 1
      report.complain("somebody was logged out by lost answers")
    } else {
      report.acked += 1
    }
  }

  /// One token, presented by many at once.
  private func stampede(_ person: RefreshingPerson, _ report: inout ChaosReport) async throws {
    let (answers, refused) = try await person.herd(herd)
    report.hit("herd")
    report.acked += herd - refused
    if refused > 0 {
      report.lost += refused
      report.complain("\(refused) of \(herd) that presented one token at once were refused")
    }
    if answers.count != 1 {
      report.diverged += 1
      report.complain("\(herd) presented one token at once and got \(answers.count) answers")
    }
  }

  /// Whether everybody is signed in, and each session was renewed as often as its client knows.
  private func judge(
    _ client: SystemClient, _ people: [RefreshingPerson], _ report: inout ChaosReport
  ) async throws {
    var renewals: [String: Int64] = [:]
    for tenant in Set(people.map(\.tenant.id)) {
      let page = try await client.admin("GET", "/v1/tenants/\(tenant)/sessions?limit=500")
      for session in page["data"]?.array ?? [] {
        renewals[session["id"]?.string ?? ""] = session["renewals"]?.integer
      }
    }
    for person in people {
      guard try await person.isSignedIn() else {
        report.lost += 1
        report.complain("\(person.email) is not signed in any more")
        continue
      }
      let (session, known) = await (person.session, person.renewals)
      let found = renewals[session] ?? -1
      guard found != known else { continue }
      report.duplicated += 1
      report.complain("\(person.email): renewed \(known) times, \(found) children")
    }
  }

  /// A thief presents a token whose successor was used: the session ends at once.
  private func steal(_ person: RefreshingPerson, _ report: inout ChaosReport) async throws {
    guard let status = try await person.replaySpent() else { return }
    let isSignedIn = try await person.isSignedIn()
    if status != 401 || isSignedIn {
      report.complain("a spent token was answered \(status), signed in: \(isSignedIn)")
    }
    report.hit("spent token replayed")
    try await person.signInAgain()
  }
}
