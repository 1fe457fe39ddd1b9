import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// A restore that an operator orders is asked for again after each end of the process.
@Suite("Ordered restores and tenants that crash") struct QuarantinedRestoreTests {
  private let tenant = ArchiveFixture.tenant
  private let neighbour = TenantID(trusted: "t2")

  @Test func `what a restore does with a tenant's files it does in that tenant's name`()
    async throws
  {
    try await withArchive { fixture in
      try await fixture.startArchived(1...3)
      let running = RunningNames("\(fixture.directory)/cell")
      let (service, lineage) = (fixture.service, Lineage(99))
      let prepared = try await running.names {
        _ = try await service.prepare(
          tenant, to: .latest, as: TenantID(trusted: "fork"), lineage: Lineage(98))
      }
      #expect(prepared == [tenant.rawValue])
      let past = try await service.restoreBeside(tenant, to: .latest)
      let read = try await running.names { _ = try await service.read(past, .ledger) { _ in } }
      #expect(read == [tenant.rawValue])

      // Over what is there now, as a swap does.
      let head = try await fixture.engine.hold(tenant)
      let current = try await service.current(of: tenant, head, lineage)
      let edited = try await running.names {
        try await service.edit(current, past: past) { _, _ in }
      }
      #expect(edited == [tenant.rawValue])
      let settled = try await running.names {
        _ = try await service.settle(current, as: tenant, lineage, past.restored)
      }
      #expect(settled == [tenant.rawValue])
      let adopted = try await running.names {
        _ = try await service.adopt(past, as: tenant, lineage)
      }
      #expect(adopted == [tenant.rawValue])
      fixture.engine.unhold(tenant)
    }
  }

  @Test func `a quarantined tenant is restored once it is released, its neighbour before`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory)
      try await first.engine.create(neighbour, epoch: .first)
      try await first.startArchived(1...3)
      try await first.pay(1...2, neighbour)
      #expect(await first.service.waitUntilArchived(seconds: 120))
      await first.close()

      let files = LiveFileSystem()
      let data = "\(directory)/cell"
      try FileTree.write(Array("t1 5 3 4 5\n".utf8), to: "\(data)/crashes", files)
      let second = try await ArchiveFixture(directory, clock: first.clock, seed: 2)
      second.start()
      let (fork, service) = (TenantID(trusted: "fork"), second.service)
      let swap = await #expect(throws: Failure.self) {
        try await service.restoreBeside(tenant, to: .latest)
      }
      #expect(swap?.code == .tenantStopped)
      let copy = await #expect(throws: Failure.self) {
        try await service.prepare(tenant, to: .latest, as: fork, lineage: Lineage(98))
      }
      #expect(copy?.code == .tenantStopped)
      let other = try await service.restoreBeside(neighbour, to: .latest)
      #expect(other.restored.position.tenantSeq == TenantSeq(3))
      await second.close()

      #expect(try CrashFile(directory: data, files: files).release(tenant))
      let third = try await ArchiveFixture(directory, clock: first.clock, seed: 3)
      third.start()
      let mine = try await third.service.restoreBeside(tenant, to: .latest)
      #expect(mine.restored.position.tenantSeq == TenantSeq(4))
      await third.close()
    }
  }
}
