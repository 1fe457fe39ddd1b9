import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite struct RestoreTests {
  private let tenant = ArchiveFixture.tenant

  /// Entries in a restored ledger.
  private func entries(_ restored: String) throws -> Int {
    let store = try DirectStoreReader(directory: restored)
    return try store.count()
  }

  @Test func `what was archived is restored to its last record, and equals what is served`()
    async throws
  {
    try await withArchive { fixture in
      try await fixture.startArchived(1...40)
      let restored = try await fixture.restore(.latest)
      let served = try await fixture.engine.digest(tenant, recompute: false)
      #expect(restored.position.tenantSeq == served.tenantSeq)
      for file in restored.files { #expect(served.files[file.name] == file.digest) }
      #expect(try entries("\(fixture.directory)/restored") == 40)
      #expect(restored.records == 41)
    }
  }

  @Test func `a restore begins with the last snapshot before its point`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...10)
      let manifest = try #require(try await fixture.service.snapshot(tenant))
      #expect(manifest.tenantSeq == TenantSeq(11))
      try await fixture.pay(11...20)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let late = try await fixture.restore(.tenantSeq(TenantSeq(15)))
      #expect(late.snapshot == manifest.name)
      #expect(late.records == 4)
      #expect(try entries("\(fixture.directory)/restored") == 14)
      let early = try await fixture.restore(.tenantSeq(TenantSeq(6)))
      #expect(early.snapshot == "")
      #expect(early.position.tenantSeq == TenantSeq(6))
      #expect(!early.isLatest)
      #expect(try entries("\(fixture.directory)/restored") == 5)
    }
  }

  @Test func `a tenant comes back whole across a rotation of the key`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...10)
      let manifest = try #require(try await fixture.service.snapshot(tenant))
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let ring = fixture.archive.sealer.keys
      ring.replace(with: try ring.keys.rotated(random: SeededRandomSource(seed: 8)))
      try await fixture.pay(11...20)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let restored = try await fixture.restore(.latest)
      #expect(restored.snapshot == manifest.name)
      #expect(try entries("\(fixture.directory)/restored") == 20)
    }
  }

  @Test func `a point may lie between two commands of a record`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      var id: Int64 = 0
      var record: JournalInspection.Record?
      // Commands that come together share a record.
      while record == nil, id < 2_000 {
        let ids = id + 1...id + 50
        id += 50
        try await withThrowingTaskGroup(of: Void.self) { group in
          for id in ids { group.addTask { try await fixture.pay(id...id) } }
          try await group.waitForAll()
        }
        record = try JournalInspection.run(
          directory: "\(fixture.directory)/cell/journal", files: LiveFileSystem(),
          detail: .commands
        ).groups.flatMap(\.records).last { $0.commands > 2 }
      }
      try await fixture.pay(id + 1...id + 3)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let found = try #require(record)
      let (seq, commands) = (found.tenantSeq, Int(found.commands))
      let before = try await fixture.restore(.tenantSeq(TenantSeq(seq.rawValue - 1)))
      let count = try entries("\(fixture.directory)/restored")
      for part in [1, commands - 1] {
        let restored = try await fixture.restore(.command(seq, part))
        #expect(try entries("\(fixture.directory)/restored") == count + part)
        // It leaves the branch where the last whole record is.
        #expect(restored.position == before.position)
        #expect(!restored.isLatest)
        let last = try #require(found.requests?[part - 1].dropFirst().description)
        let store = try DirectStoreReader(directory: "\(fixture.directory)/restored")
        #expect(try store.has(#require(Int64(last))))
      }
      let whole = try await fixture.restore(.command(seq, commands))
      #expect(whole.position.tenantSeq == seq)
      #expect(try entries("\(fixture.directory)/restored") == count + commands)
      await #expect(throws: ArchiveError.self) {
        try await fixture.restore(.command(TenantSeq(99_999), 1))
      }
    }
  }

  @Test(arguments: [
    ("latest", RestoreTarget.latest), ("812", .tenantSeq(TenantSeq(812))),
    ("812.3", .command(TenantSeq(812), 3)), ("1.1", nil), ("812.0", nil), ("812.", nil),
    ("a.3", nil), ("0", nil),
  ])
  func `a point is read`(text: String, target: RestoreTarget?) {
    #expect(RestoreTarget(text) == target)
  }

  @Test func `a time is the last record at or before it`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...5)
      let time = Timestamp(milliseconds: fixture.clock.milliseconds() + 500)
      try await fixture.pay(6...9)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let restored = try await fixture.restore(.time(time))
      #expect(restored.position.tenantSeq == TenantSeq(6))
      #expect(try entries("\(fixture.directory)/restored") == 5)
    }
  }

  @Test func `a point that the archive does not hold is refused, and leaves nothing`() async throws
  {
    try await withArchive { fixture in
      try await fixture.startArchived(1...3)
      await #expect(throws: ArchiveError.self) {
        try await fixture.restore(.tenantSeq(TenantSeq(9)))
      }
      #expect(try !LiveFileSystem().exists("\(fixture.directory)/restored"))
    }
  }

  @Test func `a fork is a tenant of its own, and is restorable like any other`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...10)
      let (fork, lineage) = (TenantID(trusted: "t2"), Lineage(4711))
      let restored = try await fixture.service.prepare(
        tenant, to: .tenantSeq(TenantSeq(6)), as: fork, lineage: lineage)
      try await fixture.install(fork, restored, lineage)
      let served = try await fixture.engine.digest(fork, recompute: true)
      #expect(served.tenantSeq == TenantSeq(6))
      try await fixture.pay(100...104, fork)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let again = try await fixture.restore(.latest, fork)
      let now = try await fixture.engine.digest(fork, recompute: true)
      #expect(again.position.tenantSeq == TenantSeq(12))
      for file in again.files { #expect(now.files[file.name] == file.digest) }
      #expect(try entries("\(fixture.directory)/restored") == 10)
      // The old one has gone on as if nothing were.
      try await fixture.pay(11...12)
      #expect(fixture.engine.heads[tenant]?.tenantSeq == TenantSeq(13))
    }
  }

  @Test func `a swap puts past files in place, and every point of both branches stays restorable`()
    async throws
  {
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...10)
      let beside = try await fixture.service.restoreBeside(tenant, to: .tenantSeq(TenantSeq(6)))
      let lineage = Lineage(4712)
      let head = try await fixture.engine.hold(tenant)
      let restored = try await fixture.service.adopt(beside, as: tenant, lineage)
      try await fixture.service.storeBase(
        tenant, restored, lineage: lineage, before: head, isFork: false)
      try await fixture.engine.install(
        tenant, lineage: lineage, epoch: head.epoch, origin: fixture.origin(restored),
        expected: head)
      try await fixture.pay(50...52)
      #expect(fixture.engine.heads[tenant]?.tenantSeq == TenantSeq(15))
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let latest = try await fixture.restore(.latest)
      #expect(try entries("\(fixture.directory)/restored") == 8)
      #expect(latest.position.tenantSeq == TenantSeq(15))
      _ = try await fixture.restore(.tenantSeq(TenantSeq(11)))
      #expect(try entries("\(fixture.directory)/restored") == 10)
      _ = try await fixture.restore(.tenantSeq(TenantSeq(13)))
      #expect(try entries("\(fixture.directory)/restored") == 6)
    }
  }

  @Test func `a swapped tenant is what it was after a restart, flushed or not`() async throws {
    try await withTemporaryDirectory { directory in
      let clock = try await {
        let fixture = try await ArchiveFixture(directory)
        try await fixture.engine.create(tenant, epoch: .first)
        fixture.start()
        try await fixture.pay(1...10)
        let beside = try await fixture.service.restoreBeside(tenant, to: .tenantSeq(TenantSeq(6)))
        let head = try await fixture.engine.hold(tenant)
        let restored = try await fixture.service.adopt(beside, as: tenant, Lineage(5))
        try await fixture.service.storeBase(
          tenant, restored, lineage: Lineage(5), before: head, isFork: false)
        try await fixture.engine.install(
          tenant, lineage: Lineage(5), epoch: head.epoch, origin: fixture.origin(restored),
          expected: head)
        try await fixture.pay(50...52)
        await fixture.close()
        return fixture.clock
      }()
      let fixture = try await ArchiveFixture(directory, clock: clock, seed: 2)
      let served = try await fixture.engine.digest(tenant, recompute: true)
      #expect(served.recomputed)
      try await fixture.pay(53...53)
      #expect(fixture.engine.heads[tenant]?.tenantSeq == TenantSeq(16))
      #expect(fixture.engine.problems.isEmpty)
      await fixture.close()
    }
  }
}

extension ArchiveFixture {
  func origin(_ restored: RestoredTenant) -> RestoreOrigin {
    RestoreOrigin(
      tenant: restored.tenant, lineage: restored.position.lineage,
      tenantSeq: restored.position.tenantSeq, hash: restored.position.hash, isFork: false)
  }

  func install(_ fork: TenantID, _ restored: RestoredTenant, _ lineage: Lineage) async throws {
    try await service.storeBase(
      fork, restored, lineage: lineage,
      before: service.head(before: restored.position, of: restored.tenant, epoch: .first),
      isFork: true)
    try await engine.install(
      fork, lineage: lineage, epoch: .first, origin: origin(restored), expected: nil)
  }
}
