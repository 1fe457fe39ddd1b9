import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A crash of what works beside the writers is the crash of the tenant whose files it works on.
@Suite("Whom work beside the writers is for", .timeLimit(.minutes(10))) struct NamedWorkTests {
  private let tenant = TestEngine.tenant
  private let epoch = Epoch(2)

  private func engine(_ directory: String, _ name: String) async throws -> TestEngine {
    try await TestEngine("\(directory)/\(name)") {
      $0.cell = CellID(trusted: name)
      $0.quarantines = { _ in true }
      $0.flushInterval = .seconds(3_600)
    }
  }

  @Test func `a tenant's files are copied, checked, opened and flushed in its name`() async throws {
    try await withTemporaryDirectory { directory in
      let a = try await engine(directory, "a")
      let b = try await engine(directory, "b")
      try await a.engine.create(tenant, epoch: .first)
      for id in 1...3 as ClosedRange<Int64> { try await a.pay(id) }
      let (source, target) = (RunningNames("\(directory)/a"), RunningNames("\(directory)/b"))

      try await a.engine.beginMove(tenant, to: CellID(trusted: "b"), under: epoch)
      try b.engine.prepareImport(tenant, under: epoch)
      let place = b.engine.importDirectory(tenant, under: epoch)
      let copied = try await source.names {
        _ = try await a.engine.snapshot(tenant, into: place)
      }
      #expect(copied == [tenant.rawValue])

      let head = try #require(a.engine.heads[tenant])
      let imported = try await target.names {
        try await b.engine.beginImport(
          MoveImport(
            tenant: tenant, lineage: head.lineage, epoch: epoch, source: CellID(trusted: "a"),
            tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
            schemaVersion: head.schemaVersion, nextDue: head.nextDue))
      }
      #expect(imported == [tenant.rawValue])
      let opened = try await target.names { await b.engine.openFiles(of: tenant) }
      #expect(opened == [tenant.rawValue])
      let fenced = try await source.names {
        _ = try await a.engine.fence(tenant, within: 60_000_000_000)
      }
      #expect(fenced == [tenant.rawValue])
      a.engine.unfence(tenant)
      let flushed = try await source.names { a.engine.flush() }
      #expect(flushed == [tenant.rawValue])
      await a.close()
      await b.close()
    }
  }

  @Test func `a quarantined tenant is not imported until it is released`() async throws {
    try await withTemporaryDirectory { directory in
      try await engine(directory, "b").close()
      let file = CrashFile(directory: "\(directory)/b", files: LiveFileSystem())
      try file.quarantine([tenant])

      let second = try await engine(directory, "b")
      // Nothing of it is here: its files ended the process before they were the tenant's.
      #expect(second.engine.heads.isEmpty)
      #expect(second.engine.problems.map(\.code) == ["tenant_quarantined"])
      #expect(second.engine.problems.map(\.tenant) == [tenant])
      let refused = await refusal { () async throws(Failure) in
        try second.engine.prepareImport(tenant, under: epoch)
      }
      #expect(refused == .tenantStopped)
      try second.engine.prepareImport(TenantID(trusted: "t2"), under: epoch)
      await second.close()

      #expect(try file.release(tenant))
      let third = try await engine(directory, "b")
      #expect(third.engine.problems.isEmpty)
      try third.engine.prepareImport(tenant, under: epoch)
      await third.close()
    }
  }
}
