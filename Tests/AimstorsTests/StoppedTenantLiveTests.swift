import Foundation
import GraphSimulator
import Platform
import Storage
import Testing
import Wire

@testable import aimstors

/// Tenants that a cell leaves alone, as an operator of a whole system meets them.
@Suite(.serialized) struct StoppedTenantLiveTests {
  /// A problem as every place that tells of it must name it.
  private struct Named {
    let code: String
    let tenant: String?
    let cell: String
    let runbook: String
    let detail: String

    func expect(in problems: [JSON], of source: String) {
      let found = problems.filter { $0["code"]?.string == code }
      #expect(found.count == 1, "\(source): \(problems)")
      #expect(found.first?["tenant"]?.string == tenant, "\(source): \(found)")
      #expect(found.first?["runbook"]?.string == runbook, "\(source): \(found)")
      #expect(found.first?["detail"]?.string?.contains(detail) == true, "\(source): \(found)")
      #expect(found.first?["since"]?.string != nil, "\(source): \(found)")
    }
  }

  @Test func `a damaged journal and a quarantine stop their tenants alone, named with their pages`()
    async throws
  {
    try await LiveSystem.with { system in
      let demo = try system.local()["demo"]?.array ?? []
      let damaged = try #require(demo.first { $0.cell("cell") == "cell-1" })
      let poison = try #require(demo.first { $0.cell("cell") == "cell-2" })
      let neighbour = try await system.verb(
        "tenant", "create", "--name", "Neighbour", "--slug", "neighbour", "--cell", "cell-1",
        "--json")
      #expect(neighbour.status == 0, "\(neighbour.output)")
      _ = try await system.script("--stop")
      let range = try damage(of: damaged.cell("tenant_id"), in: system.data + "/cells/cell-1")
      try quarantine(poison.cell("tenant_id"), in: system.data + "/cells/cell-2")
      let second = try await system.script("--debug", "--detach")
      #expect(second.status == 0, "\(second.output)")

      let wanted = [
        Named(
          code: "tenant_stopped", tenant: damaged.cell("tenant_id"), cell: "cell-1",
          runbook: "docs/runbooks/tenant-stopped.md", detail: range),
        Named(
          code: "journal_damaged", tenant: nil, cell: "cell-1",
          runbook: "docs/runbooks/journal-damaged.md", detail: range),
        Named(
          code: "tenant_quarantined", tenant: poison.cell("tenant_id"), cell: "cell-2",
          runbook: "docs/runbooks/tenant-quarantined.md", detail: "crashed 3 times"),
      ]
      try await expectNamed(wanted, system)

      // Who is named is refused, and nobody else.
      let url = try system.local()["url"]?.string ?? ""
      for tenant in [damaged, poison] {
        let answer = try await HTTPCaller().call(
          "GET", url + "/v1/wallet", host: "api.localhost",
          headers: [("authorization", "Bearer \(tenant.cell("api_key"))")])
        #expect(answer.status == 503 && answer.json["code"]?.string == "tenant_stopped")
      }
      let served = try await system.verb(
        "tenant", "digest", neighbour.json.cell("id"), "--recompute", "--json")
      #expect(served.status == 0, "\(served.output)")
    }
  }

  /// In `aimstors status`, for people and for programs, in the API, and by the cells themselves.
  private func expectNamed(_ wanted: [Named], _ system: LiveSystem) async throws {
    let local = try system.local()
    func api() async throws -> [JSON] {
      try await HTTPCaller().call(
        "GET", (local["url"]?.string ?? "") + "/v1/status", host: "admin.localhost",
        headers: [("authorization", "Bearer \(local.cell("admin_token"))")]
      ).json["problems"]?.array ?? []
    }
    try await PrivateSystem.wait("the control plane hears of them", seconds: 30) {
      () async throws(CommandFailure) in
      let codes = ((try? await api()) ?? []).map { $0.cell("code") }
      return wanted.allSatisfy { codes.contains($0.code) }
    }
    let told = try await api()
    let objects = try await system.verb("status", "--json")
    let text = try await system.verb("status")
    #expect(objects.status == 3 && text.status == 3)
    let lines = text.output.split(separator: "\n")
    for problem in wanted {
      for (source, problems) in [
        ("GET /v1/status", told), ("status --json", objects.json["problems"]?.array ?? []),
      ] {
        problem.expect(in: problems, of: source)
        #expect(
          problems.contains {
            $0.cell("code") == problem.code && $0.cell("cell") == problem.cell
          })
      }
      let parts = [problem.code, problem.tenant ?? problem.cell, problem.detail, problem.runbook]
      #expect(
        lines.contains { line in parts.allSatisfy { line.contains($0) } }, "\(text.output)")
      let page = LiveSystem.root.appendingPathComponent(problem.runbook).path
      #expect(FileManager.default.fileExists(atPath: page))

      // What is left to read where the control plane is away.
      let process = local["processes"]?.array?.first { $0.cell("id") == problem.cell }
      let health = try await HTTPCaller().call(
        "GET", (process?["health_url"]?.string ?? "") + "/healthz")
      problem.expect(in: health.json["problems"]?.array ?? [], of: "healthz of \(problem.cell)")
    }
  }

  /// Flips a bit in the tenant's last group that another follows, and takes its files away: as
  /// after a loss of power, since nothing of them was fsynced, on a disk that spoils a sector.
  ///
  /// Answers the range as a problem names it.
  private func damage(of tenant: String, in cell: String) throws -> String {
    let files = LiveFileSystem()
    let journal = cell + "/journal"
    let groups = try JournalInspection.run(
      directory: journal, files: files, detail: .records
    ).groups
    let group = try #require(
      groups.dropLast().last { group in
        !group.records.isEmpty && group.records.allSatisfy { $0.tenant.rawValue == tenant }
      })
    let file = try files.open("\(journal)/\(group.segment)", .update)
    defer { file.close() }
    let place = group.offset + UInt64(group.bytes / 2)
    try file.write([try file.bytes(at: place, count: 1)[0] ^ 0x10], at: place)
    try FileTree.remove("\(cell)/tenants/\(tenant)", files)
    return "cell_seq \(group.firstSeq.rawValue) to \(group.lastSeq.rawValue) in \(group.segment)"
  }

  /// Leaves behind what three crashes within an hour do.
  private func quarantine(_ tenant: String, in cell: String) throws {
    let third: Int64 = 1_700_000_000_000
    let line = "\(tenant) \(third) \(third - 2_000) \(third - 1_000) \(third)\n"
    try FileTree.write(Array(line.utf8), to: cell + "/crashes", LiveFileSystem())
  }
}
