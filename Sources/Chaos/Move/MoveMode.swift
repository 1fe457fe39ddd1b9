import Foundation
import GraphSimulator
import Platform
import Simulation

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Two tenants move between two cells under load, again and again, while processes are killed and
/// stopped at each step of their moves in turn.
///
/// Afterwards the journals are read beside what clients were told: who wrote under which epoch.
public struct MoveMode: Sendable {
  /// Operations of one cycle, all of which end acknowledged.
  public static let operationsPerCycle = 240
  static let leastAcknowledged = 100
  /// Moves of each tenant in one cycle; something happens to each tenant's second one.
  static let movesPerCycle = 3
  static let struckRound = 1
  /// How long a stopped process stays stopped, at most, in milliseconds.
  static let longestStop = 4_000
  /// How long a cancellation takes from the control plane to the source, at most.
  static let cancelling = Duration.milliseconds(500)

  let plan: AttackPlan
  /// How long a stopped process stays stopped, in milliseconds; nil: drawn.
  private let stop: Int?

  public init(_ plan: AttackPlan, stopSeconds: Int? = nil) {
    self.plan = plan
    stop = stopSeconds.map { $0 * 1_000 }
  }

  private var strikes: [MoveStrike] {
    stop == nil ? MoveStrike.all() : MoveStrike.all(of: MoveStrike.Fault.pauses)
  }

  public func run() async -> ChaosReport {
    await SystemUnderAttack.report(plan, attack: attack)
  }

  private func attack(_ system: SystemUnderAttack, _ report: inout ChaosReport) async throws {
    let client = SystemClient(try system.local())
    let tenants = try await ChaosTenant.pair(system, client)
    _ = try await client.simulator(
      "PUT", "faults",
      [
        "seed": JSON(Int(truncatingIfNeeded: plan.seed & 0xFFFF)),
        "status_failure_rate": .double(0.1),
        "duplicate_rate": .double(0.2), "reorder_rate": .double(0.2), "delay_ms": [5, 40],
        "reply_delay_ms": [20, 120],
      ])
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let struck = StruckSystem(
      system: system, client: client, trap: try StepTrap(system.directory),
      random: SeededRandomSource(seed: plan.seed))
    for cycle in 0..<plan.cycles {
      try await self.cycle(cycle, struck, tenants, workload, &report)
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      try MoveOracle(system: system, tenants: tenants).judge(into: &report)
      guard report.isOK else { break }
    }
  }

  private func cycle(
    _ cycle: Int, _ struck: StruckSystem, _ tenants: [ChaosTenant], _ workload: Workload,
    _ report: inout ChaosReport
  ) async throws {
    let strikes = strikes
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let before = workload.count
    plan.say("cycle \(cycle + 1)")
    async let load: Void = workload.run(operations)
    var moved = 0
    for round in 0..<Self.movesPerCycle {
      for (index, tenant) in tenants.enumerated() {
        let key = "\(cycle)-\(round)"
        let state: String
        if round == Self.struckRound {
          let strike = strikes[(cycle * tenants.count + index) % strikes.count]
          plan.say("  \(strike)")
          state = try await self.strike(strike, tenant, key, struck)
          report.hit("\(strike)")
        } else {
          state = try await self.move(
            tenant, key, workload, asksOn: cycle == 0 && round == 0 ? index : nil)
        }
        if state == "succeeded" { moved += 1 }
      }
    }
    report.moves = (report.moves ?? 0) + moved
    try await load
    try await workload.repeatSome(of: operations)
    let acknowledged = workload.count - before
    if acknowledged < Self.leastAcknowledged {
      report.complaints.append("cycle \(cycle + 1): only \(acknowledged) acknowledged operations")
    }
    if moved < Self.movesPerCycle {
      report.complaints.append("cycle \(cycle + 1): only \(moved) moves succeeded")
    }
    report.cycles += 1
    report.acked = workload.count
  }

  /// A move that nothing strikes.
  ///
  /// `asksOn`: which tenant it is, where its clients go on until it has ended, whatever the load
  /// does. A source that goes on after its release has something to go on with, then.
  private func move(
    _ tenant: ChaosTenant, _ key: String, _ workload: Workload, asksOn index: Int?
  ) async throws -> String {
    let client = workload.client
    func run() async throws -> String {
      let move = try await tenant.beginMove(key, client, seconds: 60)
      return try said(move, tenant, try await ChaosTenant.end(move.operation, client))
    }
    guard let index else { return try await run() }
    // No cycle has these.
    let first = plan.cycles * Self.operationsPerCycle
    return try await workload.askOn(index, from: first, during: run)
  }

  private func strike(
    _ strike: MoveStrike, _ tenant: ChaosTenant, _ key: String, _ struck: StruckSystem
  ) async throws -> String {
    let (move, state) = try await struck.trap.move(
      tenant, key, at: strike.step, struck.client, seconds: 60
    ) { try await struck.hit(by: strike.fault, $0, stop: stop) }
    return try said(move, tenant, state)
  }

  private func said(
    _ move: ChaosTenant.Move, _ tenant: ChaosTenant, _ state: String?
  ) throws -> String {
    guard let state else { throw ChaosFailure("\(move.operation) is not known any more") }
    plan.say("  \(tenant.name) from \(move.source) to \(move.target): \(state)")
    return state
  }
}

/// A system whose moves are held at a step while something happens to it.
private struct StruckSystem {
  let system: SystemUnderAttack
  let client: SystemClient
  let trap: StepTrap
  let random: SeededRandomSource

  /// Returns once what was killed is back, and what was stopped goes on; answers whether the move
  /// was held until then.
  func hit(
    by fault: MoveStrike.Fault, _ move: ChaosTenant.Move, stop: Int?
  ) async throws -> Bool {
    switch fault {
    case .killSource: return try await kill(move.source)
    case .killTarget: return try await kill(move.target)
    case .killRouter: return try await kill("router-1")
    case .killControlPlane: return try await kill("control-plane")
    case .pauseSource: return try await pause(move.source, stop)
    case .pauseTarget: return try await pause(move.target, stop)
    case .pauseRouter: return try await pause("router-1", stop)
    case .pauseControlPlane: return try await pause("control-plane", stop)
    case .cancel:
      // Too late for some: then it has moved.
      _ = try? await client.impatient.admin(
        "POST", "/v1/operations/\(move.operation)/cancel", [:], key: "cancel-\(move.operation)")
      try await Task.sleep(for: MoveMode.cancelling)
      return trap.letGo()
    }
  }

  private func kill(_ id: String) async throws -> Bool {
    let killed = try system.kill(id)
    let wasHeld = trap.letGo()
    try await system.waitForSuccessor(of: killed)
    return wasHeld
  }

  private func pause(_ id: String, _ stop: Int?) async throws -> Bool {
    let member = try system.member(id)
    try signal(member, SIGSTOP)
    let wasHeld = trap.letGo()
    try await Task.sleep(
      for: .milliseconds(stop ?? 500 + random.below(MoveMode.longestStop - 500)))
    try signal(member, SIGCONT)
    return wasHeld
  }

  private func signal(_ member: SystemUnderAttack.Member, _ number: Int32) throws {
    guard Glibc.kill(member.pid, number) == 0 else {
      throw ChaosFailure("\(member.id) (pid \(member.pid)) takes no signal: errno \(errno)")
    }
  }
}
