import Foundation
import GraphSimulator
import Testing

@testable import Chaos

extension SystemChaosTests {
  @Test func `a tenant whose journal is damaged stops alone, named with its range and runbook`()
    async throws
  {
    _ = try await Self.withDirectory { directory in
      let system = try await SystemUnderAttack.start(
        in: directory, binaries: Self.binaries, environment: [:])
      let client = SystemClient(try system.local())
      let local = try system.local()
      var tenants: [ChaosTenant] = []
      for (index, name) in ["damaged", "whole"].enumerated() {
        tenants.append(
          try await ChaosTenant.create(
            name, cell: "cell-1", number: local["phone_numbers"]?[index] ?? .null,
            graphToken: local["graph_token"]?.string ?? "", app: "default", client))
      }
      // One after the other, so that no group has records of both.
      for number in 0..<6 {
        _ = try await client.admin(
          "POST", "/v1/tenants/\(tenants[number % 2].id)/wallet/top-ups",
          ["amount_micros": 1, "currency": "USD", "reference": "r"], key: "top-up-\(number)")
      }
      let cell = try system.member("cell-1")
      await system.stop()

      // The damaged tenant's files are gone with a part of the journal that would rebuild them.
      try FileManager.default.removeItem(
        atPath: "\(cell.dataDirectory)/tenants/\(tenants[0].id)/ledger.sqlite")
      try damageJournal(cell.dataDirectory + "/journal", naming: tenants[0].id)
      try await system.startAgain([:])

      let again = SystemClient(try system.local())
      let status = try await again.admin("GET", "/v1/status")
      let problem = status["problems"]?.array?.first {
        $0["tenant"]?.string == tenants[0].id && $0["code"]?.string == "tenant_stopped"
      }
      #expect(problem?["detail"]?.string?.contains("cell_seq ") == true, "\(status)")
      #expect(problem?["runbook"]?.string == "docs/runbooks/tenant-stopped.md")
      let stoppedOthers = status["problems"]?.array?.contains {
        $0["tenant"]?.string == tenants[1].id
      }
      #expect(stoppedOthers == false)
      let refused = try await SystemClient.once(
        "GET", again.url + "/v1/wallet", again.apiHost, tenants[0].apiKey, nil, nil)
      #expect(refused.answer["code"]?.string == "tenant_stopped")
      let wallet = try await again.api(tenants[1].apiKey, "GET", "/v1/wallet")
      #expect(wallet["balance_micros"]?.integer == ChaosTenant.firstTopUpMicros + 3)
      await system.stop()
      var report = ChaosReport()
      report.cycles = 1
      return report
    }
  }

  /// Flips one byte of a record of this tenant in the middle of what the journal has of it.
  private func damageJournal(_ directory: String, naming tenant: String) throws {
    let files = FileManager.default
    for name in try files.contentsOfDirectory(atPath: directory).sorted() {
      let path = directory + "/" + name
      guard var data = files.contents(atPath: path) else { continue }
      var places: [Int] = []
      var from = data.startIndex
      while let found = data.range(of: Data(tenant.utf8), in: from..<data.endIndex) {
        places.append(found.lowerBound)
        from = found.upperBound
      }
      guard places.count > 4 else { continue }
      data[places[places.count / 2] + tenant.utf8.count + 3] ^= 0xFF
      try data.write(to: URL(fileURLWithPath: path))
      return
    }
    Issue.record("no segment names the tenant often enough")
  }
}
