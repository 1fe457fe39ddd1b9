import Chaos
import Foundation
import Testing

extension SystemChaosTests {
  /// Versions that come and go, parts that are missing, networks that are cut.
  @Suite struct Deployment {
    private func plan(_ cycles: Int, _ directory: String) -> AttackPlan {
      SystemChaosTests.plan(cycles, seed: 21, in: directory)
    }

    @Test func `a version that fails requests is halted at the canary, and nothing is lost`()
      async throws
    {
      let cycles = SystemChaosTests.isLong ? 10 : 1
      let report = try await SystemChaosTests.withDirectory { directory in
        await UpgradeMode(plan(cycles, directory)).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.faultsHit["a version that fails requests"] ?? 0 > 0)
    }

    @Test func `a dead control plane and a dead cell cost nobody else anything`() async throws {
      let cycles = SystemChaosTests.isLong ? 20 : 2
      let report = try await SystemChaosTests.withDirectory { directory in
        await StaticMode(plan(cycles, directory)).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.measures["webhooks_while_dead"] ?? 0 > 0)
    }

    @Test(.enabled(if: SystemChaosTests.isLong && PartitionMode.isSupported))
    func `moves through partitions lose nothing`() async throws {
      let ended = try await ChaosProcess.run(["partition", "--cycles", "12", "--seed", "21"])
      #expect(ended.status == 0, "\(ended.errors)")
      #expect(ended.report["ok"] as? Bool == true)
      #expect(ended.report["owners_max"] as? Int == 1)
    }
  }
}
