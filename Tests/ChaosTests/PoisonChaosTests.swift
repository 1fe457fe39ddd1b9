import Foundation
import GraphSimulator
import Testing

@testable import Chaos

extension SystemChaosTests {
  /// A tenant that crashes its cell.
  @Suite struct Poison {
    /// Long: each crash of a test build writes a backtrace for many seconds.
    @Test(.enabled(if: SystemChaosTests.isLong))
    func `a tenant that crashes its cell three times is quarantined, its neighbour is served`()
      async throws
    {
      _ = try await SystemChaosTests.withDirectory { directory in
        var report = ChaosReport()
        let system = try await SystemUnderAttack.start(
          in: directory, binaries: SystemChaosTests.binaries, environment: [:])
        let client = SystemClient(try system.local())
        let tenants = try await ["poison", "neighbour"].enumerated().asyncMap { index, name in
          let local = try system.local()
          return try await ChaosTenant.create(
            name, cell: "cell-1", number: local["phone_numbers"]?[index] ?? .null,
            graphToken: local["graph_token"]?.string ?? "", app: "default", client)
        }
        await system.stop()
        try await system.startAgain(["AIMSTORS_CRASH_TENANT": tenants[0].id])

        let again = SystemClient(try system.local())
        // Nobody waits for the answers: the commands that come before the quarantine kill the cell.
        let deadline = ContinuousClock.now + .seconds(60)
        var problem: JSON?
        while problem == nil, ContinuousClock.now < deadline {
          _ = try? await SystemClient.once(
            "POST", again.url + "/v1/tenants/\(tenants[0].id)/wallet/top-ups", again.adminHost,
            again.adminToken, ["amount_micros": 1, "currency": "USD", "reference": "poison"],
            UUID().uuidString)
          let status = try? await SystemClient.once(
            "GET", again.url + "/v1/status", again.adminHost, again.adminToken, nil, nil)
          problem = status?.answer["problems"]?.array?.first {
            $0["code"]?.string == "tenant_quarantined"
          }
        }
        #expect(problem?["tenant"]?.string == tenants[0].id)
        #expect(problem?["runbook"]?.string == "docs/runbooks/tenant-quarantined.md")
        #expect(problem?["since"]?.string != nil)
        let refused = try await SystemClient.once(
          "GET", again.url + "/v1/wallet", again.apiHost, tenants[0].apiKey, nil, nil)
        #expect(refused.status == 503)
        #expect(refused.answer["code"]?.string == "tenant_stopped")

        let cell = try system.member("cell-1")
        let topUp = try await again.admin(
          "POST", "/v1/tenants/\(tenants[1].id)/wallet/top-ups",
          ["amount_micros": 5, "currency": "USD", "reference": "more"], key: "more")
        #expect(topUp["balance_micros"]?.integer == ChaosTenant.firstTopUpMicros + 5)
        #expect(try system.member("cell-1").pid == cell.pid)

        // Released, and without what made it crash, it is served with all that it had.
        await system.stop()
        let release = Process()
        release.executableURL = URL(fileURLWithPath: SystemChaosTests.binaries + "/aimstors")
        release.arguments = [
          "tenant", "release", tenants[0].id, "--cell-data", cell.dataDirectory, "--json",
        ]
        release.standardOutput = FileHandle.nullDevice
        try release.run()
        release.waitUntilExit()
        #expect(release.terminationStatus == 0)
        try await system.startAgain([:])
        let healed = SystemClient(try system.local())
        let wallet = try await healed.api(tenants[0].apiKey, "GET", "/v1/wallet")
        #expect(wallet["balance_micros"]?.integer == ChaosTenant.firstTopUpMicros)
        await system.stop()
        report.cycles = 1
        return report
      }
    }
  }
}

extension Sequence {
  fileprivate func asyncMap<T>(_ body: (Element) async throws -> T) async rethrows -> [T] {
    var results: [T] = []
    for element in self { results.append(try await body(element)) }
    return results
  }
}
