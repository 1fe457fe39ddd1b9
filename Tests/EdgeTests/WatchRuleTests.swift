import Foundation
import Messaging
import Platform
import Simulation
import Testing
import Wire

@testable import Edge

@Suite("What a process sees of its machine") struct WatchRuleTests {
  private func held(_ kind: WatchRule.Kind, days: Int64) -> WatchRule.Holding {
    WatchRule.Holding(kind: kind, name: "cell-1", validUntil: 1_000 + days * 86_400)
  }
  private let now = Timestamp(milliseconds: 1_000_000)

  @Test(arguments: [
    (UInt64(201), UInt64(1_000), false), (200, 1_000, true), (0, 1_000, true), (0, 0, false),
    (2_000, 1_000, false),
  ])
  func `a disk is said to fill from 80 % on`(free: UInt64, total: UInt64, isSaid: Bool) {
    #expect((WatchRule.problem(free: free, total: total) != nil) == isSaid)
  }

  @Test func `a certificate is said to expire two weeks before, an authority two months`() {
    #expect(WatchRule.problem(of: held(.process, days: 14), at: now) == nil)
    #expect(
      WatchRule.problem(of: held(.process, days: 13), at: now)?.code == "certificate_expiring")
    #expect(WatchRule.problem(of: held(.process, days: 0), at: now)?.code == "certificate_expired")
    #expect(WatchRule.problem(of: held(.authority, days: 60), at: now) == nil)
    #expect(
      WatchRule.problem(of: held(.authority, days: 59), at: now)?.code
        == "authority_certificate_expiring")
  }

  @Test func `a renewed file is seen, and its problem ends`() throws {
    let directory = FileManager.default.temporaryDirectory.path + "/watch-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let certificates = CertificateDirectory(path: directory)
    _ = try certificates.createAuthority(name: "aimstors", days: 3_650, clock: LiveWallClock())
    let file = directory + "/cell-1.pem"
    _ = try certificates.issue(
      try CertificateRequest(name: "cell-1", hosts: ["localhost"], days: 3), to: file,
      clock: LiveWallClock())
    let clock = SimulatedWallClock(milliseconds: LiveWallClock().milliseconds())
    let watch = ProcessWatch(
      files: LiveFileSystem(), directory: directory,
      tls: TLSFiles(authority: certificates.authorityFile, certificateAndKey: file), clock: clock)
    func codes() -> [String] { watch.problems().map(\.code).filter { $0 != "disk_filling" } }
    #expect(codes() == ["certificate_expiring"])
    let text = PrometheusText(labels: []).render(watch.metrics())
    #expect(text.contains("aimstors_certificate_expiry_seconds{certificate=\"process\"}"))
    #expect(text.contains("aimstors_disk_size_bytes"))

    _ = try certificates.renew(file, days: 90, clock: LiveWallClock())
    clock.advance(milliseconds: ProcessWatch.certificateMilliseconds)
    #expect(codes().isEmpty)
  }
}
