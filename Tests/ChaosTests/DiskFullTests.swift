import Chaos
import Foundation
import Platform
import Testing

/// An engine on a file system of its own that fills up; skipped where none can be mounted.
@Suite(
  .serialized,
  .enabled(if: DiskFullMode.isSupported, Comment(rawValue: DiskFullMode.unsupported)))
struct DiskFullTests {
  @Test func `a full disk loses nothing, and who waited for it goes on by itself`()
    async throws
  {
    let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"
    let cycles = isLong ? 500 : 3
    let mode = DiskFullMode(
      cycles: cycles, seed: 3, executable: SystemChaosTests.binaries + "/ChaosCommand",
      say: { _ in })
    // It waits for its child: the pool has as many threads as the machine, and others run on it.
    let report = try await Blocking.run("disk-full") { try mode.run() }.get()
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
    #expect(report.faultsHit["disk full"] == cycles)
    #expect(report.faultsHit["tenant stalled"] ?? 0 > 0, "\(report)")
  }
}
