import Simulation
import Testing

@testable import Chaos

extension SystemChaosTests {
  /// Processes are killed under load.
  @Suite struct Kill {
    private func kill(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await KillMode(
          SystemChaosTests.plan(cycles, seed: 11, sabotage: sabotage, in: directory)
        ).run()
      }
    }

    @Test func `nothing acknowledged is lost or doubled by kill -9`() async throws {
      let cycles = SystemChaosTests.isLong ? 500 : 2
      let report = try await kill(cycles: cycles)
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.acked >= 100 * cycles)
      let hit = report.faultsHit
      #expect((hit["kill_during_start"] ?? 0) + (hit["kill_just_ready"] ?? 0) > 0, "\(hit)")
    }

    @Test func `each victim is also killed while it starts, sometimes twice`() {
      let random = SeededRandomSource(seed: 11)
      var victims: Set<String> = []
      var times: Set<Int> = []
      for cycle in 0..<200 {
        guard let strike = StartStrike(cycle, random) else { continue }
        victims.insert(KillMode.victims[cycle % KillMode.victims.count])
        times.insert(strike.delays.count)
        #expect(strike.delays.allSatisfy { $0 < StartStrike.longestDelay })
        if cycle % 10 == 6 {
          #expect(strike.delays.allSatisfy { $0 < StartStrike.shortestDelay })
        }
      }
      #expect(victims == Set(KillMode.victims))
      #expect(times == [1, 2])
    }

    @Test func `a process that was ready is not counted as killed in its start`() {
      var report = ChaosReport()
      report.cycles = 2
      #expect(StartStrike.complaint(about: report) != nil)
      StartStrike.note("cell-1", wasReady: true, &report)
      #expect(report.faultsHit == ["kill_just_ready": 1, "kill_just_ready cell-1": 1])
      #expect(StartStrike.complaint(about: report) == nil)
      // Enough strikes for one to come in time.
      report.cycles = StartStrike.leastCycles
      #expect(StartStrike.complaint(about: report) != nil)
      StartStrike.note("router-1", wasReady: false, &report)
      #expect(report.faultsHit["kill_during_start"] == 1)
      #expect(report.faultsHit["kill_during_start router-1"] == 1)
      #expect(StartStrike.complaint(about: report) == nil)
    }

    @Test(arguments: ["forget-dedupe", "double-refund", "resend-ambiguous"])
    func `a broken rule is seen`(sabotage: String) async throws {
      let report = try await kill(cycles: 1, sabotage: sabotage)
      #expect(!report.isOK)
      #expect(report.cycles == 1, "\(report.complaints)")
      #expect(
        sabotage == "double-refund" ? report.diverged > 0 : report.duplicated > 0, "\(report)")
    }
  }
}
