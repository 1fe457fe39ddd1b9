extension SystemUnderAttack {
  /// Starts a system, has `attack` break it, stops it, and answers what was found.
  ///
  /// What starting or attacking throws is a complaint.
  static func report(
    _ plan: AttackPlan, topology: String = SystemUnderAttack.topology,
    attack: (SystemUnderAttack, inout ChaosReport) async throws -> Void
  ) async -> ChaosReport {
    var report = ChaosReport()
    let started = ContinuousClock.now
    do {
      let system = try await start(
        in: plan.directory, binaries: plan.binaries,
        environment: plan.sabotage.map { ["AIMSTORS_SABOTAGE": $0] } ?? [:], topology: topology)
      do { try await attack(system, &report) } catch { report.complaints.append("\(error)") }
      await system.stop()
    } catch {
      report.complaints.append("\(error)")
    }
    report.seconds = (ContinuousClock.now - started) / .seconds(1)
    return report
  }

  /// Complains where a process is another one than before `attack`, or is not ready after it.
  func expectAlive(
    _ before: Member, _ now: ProcessUse, after attack: String, _ report: inout ChaosReport
  ) async throws {
    if try member(before.id).pid != before.pid || now.peakKiB == 0 {
      report.complaints.append("\(before.id) died under the \(attack)")
    }
    if !(await SystemClient.isReady(before.healthURL)) {
      report.complaints.append("\(before.id) is not ready after the \(attack)")
    }
  }
}
