import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("What an idle tenant costs a restore") struct ArchivedHeadsTests {
  private let idle = TenantID(trusted: "t1")
  private let busy = TenantID(trusted: "t2")
  private let cell = ArchiveFixture.cell
  private let quarter = HeadsWriter.milliseconds

  /// One tenant with a snapshot and nothing since, another one that writes object after object.
  private func fill(_ fixture: ArchiveFixture) async throws {
    for tenant in [idle, busy] { try await fixture.engine.create(tenant, epoch: .first) }
    fixture.start()
    try await fixture.pay(1...3, idle)
    #expect(await fixture.service.waitUntilArchived(seconds: 120))
    for tenant in [idle, busy] { _ = try #require(try await fixture.service.snapshot(tenant)) }
    for id in 1...6 as ClosedRange<Int64> {
      try await fixture.pay(id...id, busy)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
    }
  }

  private func objects(_ names: [String]) -> [String] { names.filter { $0.hasPrefix("journal/") } }

  /// How many objects of the journal a restore of the last record reads, beside what others read.
  private func read(
    _ fixture: ArchiveFixture, _ tenant: TenantID, to seq: UInt64
  ) async throws -> Int {
    let store = FaultyStore()
    for object in try await fixture.archive.objects.list("") {
      let bytes = try await fixture.archive.objects.get(object.name)
      store.edit { $0[object.name] = bytes }
    }
    let archive = Archive(
      objects: store, keys: fixture.archive.sealer.keys, random: LiveRandomSource())
    let restored = try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
      tenant, schema: TestSchema.store(), to: .latest, cell: cell,
      into: "\(fixture.directory)/read", lineage: Lineage(99))
    #expect(restored.position.tenantSeq == TenantSeq(seq))
    return objects(store.takeGets()).count
  }

  private func storeHeads(_ fixture: ArchiveFixture) async throws {
    fixture.clock.advance(milliseconds: quarter)
    await fixture.service.lookForSnapshots()
    #expect(try await !fixture.archive.heads(cell).isEmpty)
  }

  @Test func `what others wrote since is not read`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture)
      #expect(try await read(fixture, idle, to: 4) >= 6)
      try await storeHeads(fixture)
      #expect(try await read(fixture, idle, to: 4) == 0)
      // Whoever has written since is read from its snapshot on.
      #expect(try await read(fixture, busy, to: 7) >= 6)
    }
  }

  @Test func `what it writes afterwards is found`() async throws {
    try await withArchive(store: FaultyStore()) { fixture in
      try await fill(fixture)
      try await storeHeads(fixture)
      try await fixture.pay(4...5, idle)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      #expect(try await fixture.restore(.latest, idle).position.tenantSeq == TenantSeq(6))
      for seq in 2...6 as ClosedRange<UInt64> {
        let restored = try await fixture.restore(.tenantSeq(TenantSeq(seq)), idle)
        #expect(restored.position.tenantSeq == TenantSeq(seq))
      }
      try await storeHeads(fixture)
      #expect(try await fixture.restore(.latest, idle).position.tenantSeq == TenantSeq(6))
    }
  }

  @Test func `after a restart they go on from what was applied`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory, store: store)
      try await fill(first)
      try await first.pay(4...4, idle)
      await first.close()
      let second = try await ArchiveFixture(directory, store: store, clock: first.clock, seed: 2)
      second.start()
      try await second.pay(7...8, busy)
      #expect(await second.service.waitUntilArchived(seconds: 120))
      try await storeHeads(second)
      #expect(try await second.restore(.latest, idle).position.tenantSeq == TenantSeq(5))
      await second.close()
    }
  }

  @Test func `a damaged one costs time only, and one that nobody went on from is passed over`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture)
      try await storeHeads(fixture)
      let snapshot = try #require(try await fixture.archive.snapshots(idle).first)
      var index = try await HeadsIndex(fixture.archive, cell)
      let skipped = try await index.position(behind: snapshot)
      #expect(skipped > snapshot.cellSeq)
      let name = try #require(store.names.last { $0.hasPrefix("heads/") })
      let kept = try #require(try await fixture.archive.objects.get(name))
      store.edit { $0[name]?[150] ^= 1 }
      #expect(try await fixture.restore(.latest, idle).position.tenantSeq == TenantSeq(4))
      store.edit { $0[name] = kept }
      // A later generation went on from before it.
      try await fixture.archive.claim(
        Claim(
          cell: cell, generation: Generation(2), firstSeq: skipped, previousHash: "",
          claimedAt: .zero))
      index = try await HeadsIndex(fixture.archive, cell)
      #expect(try await index.position(behind: snapshot) == snapshot.cellSeq)
    }
  }

  @Test func `an idle tenant keeps no journal, and comes back`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture)
      let first = try #require(store.names.first { $0.hasPrefix("journal/") })
      var id: Int64 = 100
      for _ in 0..<5 {
        fixture.clock.advance(milliseconds: 16 * 24 * 3_600_000)
        try await fixture.pay(id...id, busy)
        id += 1
        #expect(await fixture.service.waitUntilArchived(seconds: 120))
        _ = try await fixture.service.snapshot(busy)
        // The cell's own store writes too.
        for own in fixture.engine.heads.keys where own != idle && own != busy {
          _ = try await fixture.service.snapshot(own)
        }
        await fixture.service.lookForSnapshots()
        try await fixture.service.removeOld()
      }
      #expect(!store.names.contains(first))
      #expect(try await fixture.restore(.latest, idle).position.tenantSeq == TenantSeq(4))
      try await fixture.pay(4...4, idle)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      try await fixture.service.removeOld()
      #expect(try await fixture.restore(.latest, idle).position.tenantSeq == TenantSeq(5))
    }
  }

  @Test func `a drill reads the journal once for all, each tenant's part of it`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture)
      try await fixture.pay(4...5, idle)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      _ = store.takeGets()
      let results = await fixture.service.drillNow()
      let read = objects(store.takeGets())
      #expect(results.count >= 2)
      #expect(results.allSatisfy { $0.failure == nil && $0.matchesServed == true })
      #expect(results.first { $0.tenant == idle }?.tenantSeq == TenantSeq(6))
      #expect(read.count == Set(read).count && read.count >= 6)
      #expect(try LiveFileSystem().list("\(fixture.directory)/cell/drill").isEmpty)
    }
  }

  @Test func `an object that is damaged fails the drill of whom it concerns`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture)
      try await storeHeads(fixture)
      let last = try #require(store.names.last { $0.hasPrefix("journal/") })
      store.edit { $0[last]?[200] ^= 1 }
      let results = await fixture.service.drillNow()
      #expect(results.first { $0.tenant == idle }?.failure == nil)
      #expect(results.first { $0.tenant == busy }?.failure != nil)
    }
  }
}
