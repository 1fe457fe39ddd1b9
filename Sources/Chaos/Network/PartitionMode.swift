import Foundation
import GraphSimulator
import Simulation

/// Tenants move between two cells under load while single pairs of processes do not reach each
/// other, or the target's disk is full.
///
/// Runs inside namespaces of its own (``Wires/enter(_:)``).
public struct PartitionMode: Sendable {
  public static let operationsPerCycle = 120
  static let leastAcknowledged = 100
  static let movesPerCycle = 3
  /// How long a cut lasts, in milliseconds.
  static let cut = 1_500..<7_000
  static let diskBytes = 700 << 20

  public static var isSupported: Bool { Wires.isSupported }
  public static let unsupported = Wires.unsupported

  enum Fault: String, CaseIterable {
    case sourceTarget = "source and target do not reach each other"
    case sourceControlPlane = "source and control plane do not reach each other"
    case targetControlPlane = "target and control plane do not reach each other"
    case routerSource = "router and source do not reach each other"
    case routerTarget = "router and target do not reach each other"
    case routerControlPlane = "router and control plane do not reach each other"
    case sourceFollower = "source and its follower do not reach each other"
    case targetFollower = "target and its follower do not reach each other"
    case diskFull = "the target's disk is full"
  }

  let plan: AttackPlan

  public init(_ plan: AttackPlan) { self.plan = plan }

  /// Runs the mode's command inside namespaces of its own; answers its exit code.
  public static func enter(_ command: [String]) throws -> Int32 {
    guard isSupported else { throw ChaosFailure(unsupported, isUnsupported: true) }
    return try Wires.enter(command)
  }

  public func run() async -> ChaosReport {
    var report = ChaosReport()
    do { try await attack(&report) } catch { report.complaints.append("\(error)") }
    return report
  }

  private func attack(_ report: inout ChaosReport) async throws {
    let environment = plan.sabotage.map { ["AIMSTORS_SABOTAGE": $0] } ?? [:]
    let place = "\(plan.directory)/data/cells/cell-2"
    try FileManager.default.createDirectory(
      atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    // Seen by nobody else, and gone with the namespace.
    try Self.shell("mount -t tmpfs -o mode=700,size=\(Self.diskBytes) none '\(place)'")
    let loopback = try await SystemUnderAttack.start(
      in: plan.directory, binaries: plan.binaries, environment: environment,
      topology: TakeoverMode.topology)
    let local = try loopback.local()
    let members = try loopback.members()
    let tenants = try await ChaosTenant.pair(loopback, SystemClient(local))
    await loopback.stop()
    let system = try NetworkedSystem(
      loopback, members: members, executable: plan.binaries + "/aimstors",
      environment: environment)
    try system.startAll()
    do {
      let client = SystemClient(try system.moved(local))
      try await attack(system, client, tenants, &report)
    } catch {
      report.complaints.append("\(error)")
    }
    await system.stop()
  }

  private func attack(
    _ system: NetworkedSystem, _ client: SystemClient, _ tenants: [ChaosTenant],
    _ report: inout ChaosReport
  ) async throws {
    try await wait("both cells are there", seconds: SystemUnderAttack.startSeconds) {
      let cells = try? await client.admin("GET", "/v1/cells")["data"]?.array
      return (cells ?? []).count { $0["alive"]?.bool == true } == 2
    }
    _ = try await client.simulator(
      "PUT", "faults", ["delay_ms": [5, 40], "reply_delay_ms": [100, 700]])
    let workload = Workload(client, tenants)
    var oracle = SystemOracle(system, client, tenants)
    let random = SeededRandomSource(seed: plan.seed)
    for cycle in 0..<plan.cycles {
      try await self.cycle(cycle, system, client, tenants, workload, random, &report)
      try await oracle.settle()
      try await oracle.judge(workload, into: &report)
      try MoveOracle(system: system, tenants: tenants).judge(into: &report)
      guard report.isOK else { break }
    }
  }

  private func cycle(
    _ cycle: Int, _ system: NetworkedSystem, _ client: SystemClient, _ tenants: [ChaosTenant],
    _ workload: Workload, _ random: SeededRandomSource, _ report: inout ChaosReport
  ) async throws {
    let strikes = StepTrap.Step.paired(with: Fault.allCases)
    let (fault, step) = strikes[cycle % strikes.count]
    plan.say("cycle \(cycle + 1): \(fault.rawValue), at \(step.rawValue)")
    let operations = cycle * Self.operationsPerCycle..<(cycle + 1) * Self.operationsPerCycle
    let before = workload.count
    async let load: Void = workload.run(operations)
    var moved = 0
    var hasStruck = false
    for round in 0..<Self.movesPerCycle {
      for (index, tenant) in tenants.enumerated() {
        // The small disk is the second cell's: one of each pair of moves goes there.
        let place = try await client.admin("GET", "/v1/tenants/\(tenant.id)")["cell"]?.string
        let strikes =
          fault == .diskFull
          ? round == 1 && place == "cell-1"
          : round == 1 && index == cycle / Fault.allCases.count % tenants.count
        hasStruck = hasStruck || strikes
        let state = try await move(
          tenant, "\(cycle)-\(round)", strikes ? (fault, step) : nil, system, client, random)
        if state == "succeeded" { moved += 1 }
      }
    }
    try await load
    try await workload.repeatSome(of: operations)
    // Where no tenant was in the right cell nothing was tried.
    if hasStruck { report.hit("\(fault.rawValue), at \(step.rawValue)") }
    report.moves = (report.moves ?? 0) + moved
    if workload.count - before < Self.leastAcknowledged {
      report.complaints.append("cycle \(cycle + 1): too few acknowledged operations")
    }
    if moved < Self.movesPerCycle {
      report.complaints.append("cycle \(cycle + 1): only \(moved) moves succeeded")
    }
    report.cycles += 1
    report.acked = workload.count
  }

  private func move(
    _ tenant: ChaosTenant, _ key: String, _ strike: (fault: Fault, step: StepTrap.Step)?,
    _ system: NetworkedSystem, _ client: SystemClient, _ random: SeededRandomSource
  ) async throws -> String {
    let move: ChaosTenant.Move
    let ended: String?
    if let strike {
      let trap = try StepTrap(system.directory)
      let milliseconds = Self.cut.lowerBound + random.below(Self.cut.count)
      (move, ended) = try await trap.move(
        tenant, key, at: strike.step, client, seconds: ChaosTenant.moveSeconds
      ) {
        try await self.strike(strike.fault, $0, trap, milliseconds, system)
      }
    } else {
      move = try await tenant.beginMove(key, client)
      ended = try await ChaosTenant.end(
        move.operation, client, seconds: StepTrap.endSeconds)
    }
    guard let state = ended else {
      throw ChaosFailure("\(move.operation) is not known any more")
    }
    plan.say("  \(tenant.name) from \(move.source) to \(move.target): \(state)")
    return state
  }

  private func strike(
    _ fault: Fault, _ move: ChaosTenant.Move, _ trap: StepTrap, _ milliseconds: Int,
    _ system: NetworkedSystem
  ) async throws -> Bool {
    let (source, target) = (move.source, move.target)
    let pair: (String, String)
    switch fault {
    case .sourceTarget: pair = (source, target)
    case .sourceControlPlane: pair = (source, "control-plane")
    case .targetControlPlane: pair = (target, "control-plane")
    case .routerSource: pair = ("router-1", source)
    case .routerTarget: pair = ("router-1", target)
    case .routerControlPlane: pair = ("router-1", "control-plane")
    case .sourceFollower: pair = (source, source + "-b")
    case .targetFollower: pair = (target, target + "-b")
    case .diskFull: return try await fillDisk(of: target, trap, milliseconds, system)
    }
    // Otherwise the cut would prove nothing.
    guard try system.reaches(pair.0, pair.1) else {
      throw ChaosFailure("\(pair.0) does not reach \(pair.1) without a cut")
    }
    try system.wires.cut(pair.0, pair.1)
    defer { try? system.wires.heal(pair.0, pair.1) }
    let wasHeld = trap.letGo()
    try await Task.sleep(for: .milliseconds(milliseconds))
    guard try !system.reaches(pair.0, pair.1) else {
      throw ChaosFailure("\(pair.0) reaches \(pair.1) in spite of the cut")
    }
    return wasHeld
  }

  /// Only the second cell's disk is small.
  private func fillDisk(
    of target: String, _ trap: StepTrap, _ milliseconds: Int, _ system: NetworkedSystem
  ) async throws -> Bool {
    // An earlier attempt came late, and this is the tenant's way back.
    guard target == "cell-2" else { return false }
    let filler = "\(system.directory)/data/cells/cell-2/filler"
    // At once: the move is held for a moment only. dd takes the rest, and ends where there is none.
    try Self.shell(
      """
      free=$(($(stat -f -c '%a * %S' '\(system.directory)/data/cells/cell-2')))
      fallocate -l "$free" '\(filler)' 2>/dev/null
      dd if=/dev/zero of='\(filler)' bs=64k oflag=append conv=notrunc 2>/dev/null; true
      """)
    defer { try? FileManager.default.removeItem(atPath: filler) }
    let wasHeld = trap.letGo()
    try await Task.sleep(for: .milliseconds(milliseconds))
    return wasHeld
  }

  private static func shell(_ script: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ChaosFailure("not done: \(script)") }
  }
}
