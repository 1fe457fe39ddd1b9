import Archive
import Foundation
import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell

/// A lost cell's tenant whose records end the process that replays them.
@Suite("Tenants of a lost cell that crash") struct QuarantinedReturnTests {
  private let poison = TenantID(trusted: "tpoison")
  private let neighbour = TenantID(trusted: "tneighbour")
  private let clock = SimulatedWallClock()

  private func inDirectory(_ body: (String) async throws -> Void) async throws {
    var template = Array("/tmp/aimstors-return-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  /// A cell with two tenants, archived and gone; `body` is what it did last.
  private func lost(
    _ directory: String, _ body: (ArchivedCell) async throws -> Void = { _ in }
  ) async throws {
    let cell = try await ArchivedCell("lost", in: directory, clock)
    for tenant in [poison, neighbour] { try await cell.create(tenant) }
    try await body(cell)
    #expect(await cell.service.waitUntilArchived(seconds: 60))
    await cell.close()
  }

  private func spread(
    _ tenants: [TenantID], to cell: ArchivedCell
  ) async throws -> CellSpread.Result {
    var work = Aimstors_ProtoCellWork()
    work.kind = "cell_spread"
    work.cell = "lost"
    work.at = "lost@spread"
    work.tenants = tenants.map { tenant in
      var profile = Aimstors_ProtoTenantProfile()
      profile.tenant = tenant.rawValue
      profile.epoch = 2
      return profile
    }
    return try await cell.spread.run(try CellSpread.Order(work), CellWork.Progress())
  }

  @Test func `it is replayed in its own name`() async throws {
    try await inDirectory { directory in
      // On its way to a third cell it is replayed, and not installed: nothing else names it here.
      try await lost(directory) {
        try await $0.engine.beginMove(poison, to: CellID(trusted: "third"), under: Epoch(2))
      }
      let cell = try await ArchivedCell("new", in: directory, clock)
      let names = RunningNames("\(directory)/new")
      #expect(try !names.all().contains(poison.rawValue))
      // Nor does a snapshot of the cell's own store take its place.
      await cell.stopArchiving()
      let result = try await spread([poison], to: cell)
      #expect(result.failed.map(\.leaving) == ["third"])
      #expect(try names.all().contains(poison.rawValue))
      await cell.close()
    }
  }

  @Test func `quarantined it is left alone and named, and its neighbour comes back`() async throws {
    try await inDirectory { directory in
      try await lost(directory)
      let (data, files) = ("\(directory)/new", LiveFileSystem())
      try files.createDirectory(data)
      // What three ends of the process within an hour leave behind.
      try FileTree.write(Array("\(poison) 5 3 4 5\n".utf8), to: "\(data)/crashes", files)
      let cell = try await ArchivedCell("new", in: directory, clock)
      let problem = try #require(cell.engine.problems.first)
      #expect(problem.code == "tenant_quarantined" && problem.tenant == poison)
      #expect(problem.runbook == "docs/runbooks/tenant-quarantined.md")
      let result = try await spread([poison, neighbour], to: cell)
      #expect(result.restored == [neighbour.rawValue])
      #expect(result.failed.map(\.tenantID) == [poison.rawValue])
      #expect(result.failed.map(\.code) == ["tenant_stopped"])
      #expect(cell.engine.heads[poison] == nil)
      await cell.close()

      #expect(try CrashFile(directory: data, files: files).release(poison))
      let again = try await ArchivedCell("new", in: directory, clock)
      let back = try await spread([poison, neighbour], to: again)
      #expect(Set(back.restored) == [poison.rawValue, neighbour.rawValue])
      #expect(try await again.name(of: poison) == "first")
      await again.close()
    }
  }
}
