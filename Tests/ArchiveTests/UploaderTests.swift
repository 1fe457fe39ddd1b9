import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

@Suite(.timeLimit(.minutes(10))) struct UploaderTests {
  private let tenant = ArchiveFixture.tenant

  /// Waits until the service names a problem, or names it no more: what is archived is known a
  /// moment before that.
  private func named(
    _ code: String, _ isNamed: Bool = true, by fixture: ArchiveFixture
  ) async throws {
    while fixture.service.status.problems.map(\.code).contains(code) != isNamed {
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test func `a store that is down is tried again, and stops no write`() async throws {
    let store = FaultyStore()
    store.setDown(true)
    try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...5)
      try await named("archive_unreachable", by: fixture)
      #expect(await !fixture.service.waitUntilArchived(seconds: 1))
      try await fixture.pay(6...8)
      store.setDown(false)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      try await named("archive_unreachable", false, by: fixture)
      #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(9))
    }
  }

  @Test func `signed checkpoints are kept, two histories of one size beside each other`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      for (size, root) in [(Int64(2), UInt8(1)), (300, 2), (2, 3), (2, 1)] {
        await fixture.service.keep(
          "size \(size) root \(root)", size: size, root: [UInt8](repeating: root, count: 32),
          of: tenant)
      }
      let kept = try await fixture.service.environment.archive.checkpoints(of: tenant)
      #expect(kept == ["size 2 root 1", "size 2 root 3", "size 300 root 2"])
      // A store that is down costs a warning, nothing else.
      store.setDown(true)
      await fixture.service.keep("late", size: 9, root: [9], of: tenant)
    }
  }

  @Test func `a store that lies about success is found, and what it lost is stored again`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      store.fail([.lies, .down, .lies])
      try await fixture.pay(1...5)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      #expect(store.faultsLeft == 0)
      #expect(fixture.service.status.failures >= 3)
      #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(6))
    }
  }

  @Test func `a store that takes long is named, though it fails nothing`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      store.setHeld(true)
      try await fixture.pay(1...1)
      while fixture.service.lag.since == nil { try await Task.sleep(for: .milliseconds(5)) }
      #expect(fixture.service.problems.isEmpty)
      fixture.clock.advance(milliseconds: ArchiveLimits.lagAlertMilliseconds)
      #expect(fixture.service.problems.map(\.code) == ["archive_lagging"])
      store.setHeld(false)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      while fixture.service.lag.since != nil { try await Task.sleep(for: .milliseconds(5)) }
      #expect(fixture.service.problems.isEmpty)
    }
  }

  @Test func `what a store kept by half is stored again`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      store.fail([.halves, .halves])
      try await fixture.pay(1...5)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      #expect(store.faultsLeft == 0)
      try await named("archive_unreachable", false, by: fixture)
      #expect(fixture.service.status.problems.isEmpty)
      #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(6))
    }
  }

  @Test func `the journal keeps what is not archived, whatever is flushed`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      store.setDown(true)
      for id in 1...60 as ClosedRange<Int64> {
        try await fixture.engine.write(tenant, CommandOrigin(requestID: "", traceID: "")) {
          _ = try $0.file(.messages).run(
            "INSERT INTO messages (id, body, raw) VALUES (?, '', randomblob(100000))",
            .integer(id))
        }
      }
      fixture.engine.flush()
      let journal = try #require(fixture.engine.journal)
      #expect(journal.segmentStarts.first == CellSeq(1))
      store.setDown(false)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      try await fixture.pay(100...101)
      fixture.engine.flush()
      #expect(try #require(journal.segmentStarts.first) > CellSeq(1))
      #expect(try await fixture.restore(.latest).position.tenantSeq >= TenantSeq(61))
    }
  }

  @Test func `after a restart it goes on behind what is archived`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory, store: store)
      try await first.startArchived(1...4)
      let before = store.names.filter { $0.hasPrefix("journal/") }
      try await first.pay(5...6)
      await first.close()
      let second = try await ArchiveFixture(directory, store: store, clock: first.clock, seed: 2)
      second.start()
      try await second.pay(7...9)
      #expect(await second.service.waitUntilArchived(seconds: 120))
      #expect(store.names.filter { $0.hasPrefix("journal/") }.count > before.count)
      let reading = try await second.archive.journal(ArchiveFixture.cell)
      #expect(reading.gaps.isEmpty && reading.ignored.isEmpty && reading.covered.isEmpty)
      #expect(try await second.restore(.latest).position.tenantSeq == TenantSeq(10))
      await second.close()
    }
  }

  /// A seal has no position, and the next group chains to it.
  @Test func `after a restart at a segment's end it goes on, whatever generation`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      var clock: SimulatedWallClock?
      for generation in 1...3 as ClosedRange<UInt64> {
        var fixture = try await ArchiveFixture(
          directory, store: store, clock: clock, seed: generation,
          generation: Generation(generation), oldest: .first)
        clock = fixture.clock
        if generation == 1 { try await fixture.engine.create(tenant, epoch: .first) }
        fixture.start()
        // The segment that ends in the seal may go as soon as nobody needs it.
        #expect(await fixture.service.waitUntilArchived(seconds: 120))
        fixture.engine.flush()
        await fixture.close()
        fixture = try await ArchiveFixture(
          directory, store: store, clock: clock, seed: generation + 10,
          generation: Generation(generation), oldest: .first)
        fixture.start()
        let first = Int64(generation) * 10
        try await fixture.pay(first...(first + 2))
        #expect(await fixture.service.waitUntilArchived(seconds: 120))
        #expect(fixture.service.status.problems.isEmpty)
        await fixture.close()
        let reading = try await fixture.archive.journal(ArchiveFixture.cell)
        #expect(reading.gaps.isEmpty && reading.ignored.isEmpty)
        #expect(
          try await fixture.restore(.latest).position.tenantSeq == TenantSeq(1 + 3 * generation))
      }
    }
  }

  @Test func `whoever sees a higher claim uploads nothing more`() async throws {
    try await checkFencing(FaultyStore())
  }

  @Test func `a journal that does not follow its archive is not uploaded`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory + "/a", store: store)
      try await first.startArchived(1...3)
      await first.close()
      // The same cell's name on an empty disk.
      let second = try await ArchiveFixture(directory + "/b", store: store, seed: 2)
      try await second.engine.create(tenant, epoch: .first)
      second.start()
      try await named("archive_incomplete", by: second)
      #expect(await !second.service.waitUntilArchived(seconds: 1))
      await second.close()
    }
  }
}
