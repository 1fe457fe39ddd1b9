import Archive
import Logging
import Platform
import Replication
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Cell

/// What a follower cannot get from its primary's journal, it gets from the archive.
@Suite("A follower and the archive") struct ArchiveFeedTests {
  /// A primary whose follower knows the archive and is fed.
  private func withFed(
    _ body: (Bench, Archive, StorageEngine, FollowerLink, Journal) async throws -> Void
  ) async throws {
    try await withBench { bench in
      let archive = try bench.archive()
      let follower = try await bench.follower("f", archive: archive)
      let following = Task { try await follower.run() }
      let (engine, messenger) = try await bench.primary("p")
      let link = bench.link("f", from: messenger)
      let journal = try #require(engine.journal)
      let feeding = Task { await link.run(journal) { false } }
      try await body(bench, archive, engine, link, journal)
      feeding.cancel()
      _ = await feeding.value
      following.cancel()
      try? await following.value
      await engine.close()
    }
  }

  @Test func `a follower stores what it has, and a restore begins with that`() async throws {
    try await withFed { bench, archive, engine, link, journal in
      for id in 1...25 { try await engine.pay(Int64(id)) }
      try await until { link.current.end?.seq == journal.lastSeq }
      // Asked at once: it is copied, and applied half a second later.
      let name = try await link.snapshot(of: Bench.tenant)
      let restored = try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
        Bench.tenant, schema: TestSchema.store(), to: .latest, cell: Bench.cell,
        into: "\(bench.directory)/restored", lineage: Lineage(9), from: name)
      #expect(restored.snapshot == name && restored.records == 0)
      let served = try await engine.digest(Bench.tenant, recompute: false)
      #expect(restored.position.tenantSeq == served.tenantSeq)
      for file in restored.files { #expect(served.files[file.name] == file.digest) }
      await #expect(throws: Failure.self) {
        try await link.snapshot(of: TenantID(trusted: "nobody"))
      }
    }
  }

  @Test func `a follower's snapshot waits until the journal is archived up to it`() async throws {
    try await withFed { bench, archive, engine, link, journal in
      for id in 1...5 { try await engine.pay(Int64(id)) }
      try await until { link.current.end?.seq == journal.lastSeq }
      let claim = Claim(
        cell: Bench.cell, generation: .first, firstSeq: CellSeq(1),
        previousHash: "\(SHA256Hash.zero)", claimedAt: Timestamp(milliseconds: 1))
      try await archive.claim(claim)
      let taking = Task { try await link.snapshot(of: Bench.tenant) }
      let scratch = StorageEngine.restoresDirectory("\(bench.directory)/f")
      // The copy is made, and nothing is archived.
      try await until {
        let names = (try? LiveFileSystem().list(scratch)) ?? []
        if names.contains(where: { $0.hasPrefix("snapshot-") }) { return true }
        return try await !archive.snapshots(Bench.tenant).isEmpty
      }
      let service = bench.service(engine, archive, "p", .first)
      let uploading = Task { await service.run() }
      let name = try await taking.value
      let manifest = try #require(
        try await archive.snapshots(Bench.tenant).first { $0.name == name })
      let last = try #require(try await archive.journal(Bench.cell).spans.last)
      #expect(last.last >= manifest.cellSeq)
      uploading.cancel()
      await uploading.value
    }
  }

  @Test func `a follower restores to any point that its journal reaches back to`() async throws {
    try await withFed { bench, archive, engine, link, journal in
      for id in 1...10 { try await engine.pay(Int64(id)) }
      let middle = try #require(engine.heads[Bench.tenant])
      let digests = try await engine.digest(Bench.tenant, recompute: false).files
      for id in 11...25 { try await engine.pay(Int64(id)) }
      try await until { link.current.end?.seq == journal.lastSeq }
      // Nothing of the tenant is in the archive: all of it comes from the follower's journal.
      let name = try await link.snapshot(of: Bench.tenant, at: .tenantSeq(middle.tenantSeq))
      let manifest = try #require(
        try await archive.snapshots(Bench.tenant).first { $0.name == name })
      #expect(manifest.tenantSeq == middle.tenantSeq && manifest.cellSeq == middle.cellSeq)
      #expect(manifest.hash == "\(middle.hash)")
      let restored = try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
        Bench.tenant, schema: TestSchema.store(), to: .tenantSeq(middle.tenantSeq),
        cell: Bench.cell, into: "\(bench.directory)/restored", lineage: Lineage(9), from: name)
      #expect(restored.position.hash == middle.hash)
      for file in restored.files { #expect(digests[file.name] == file.digest) }
      // A point that is still to come, and one before everything.
      for target in [RestoreTarget.tenantSeq(TenantSeq(900)), .time(Timestamp(milliseconds: 1))] {
        do {
          _ = try await link.snapshot(of: Bench.tenant, at: target)
          Issue.record("\(target) was restored")
        } catch let failure as Failure {
          #expect(failure.code == .restorePointMissing, "\(failure)")
        }
      }
    }
  }

  @Test func `an empty follower is filled from the archive, then from a journal that begins later`()
    async throws
  {
    try await withBench { bench in
      let archive = try bench.archive()
      let (old, _) = try await bench.primary("p")
      try await bench.archived(old, archive, "p") {
        for id in 1...30 { try await old.pay(Int64(id)) }
      }
      await old.close()

      // The disk is lost: the next generation's journal begins behind what is archived.
      let now = Timestamp(milliseconds: 1)
      let end = try await CellTakeover(archive, cell: Bench.cell).claim(Generation(2), at: now)
      try LiveFileSystem().createDirectory("\(bench.directory)/q")
      try JournalSeed.write(
        dataDirectory: "\(bench.directory)/q", cell: Bench.cell, generation: Generation(2),
        after: end, files: LiveFileSystem())
      let (new, messenger) = try await bench.primary(
        "q", Generation(2), createsTenant: false)
      let second = bench.service(new, archive, "q", Generation(2))
      let uploadingAgain = Task { await second.run() }
      let plan = try await CellRestorePlan(
        archive, cell: Bench.cell, scratch: "\(bench.directory)/scratch", files: LiveFileSystem())
      let restored = try await plan.restore(
        Bench.tenant, schema: TestSchema.store(),
        into: new.preparedDirectory(Bench.tenant, Lineage(7)), lineage: Lineage(7))
      try await new.install(
        Bench.tenant, lineage: Lineage(7), epoch: .first,
        origin: RestoreOrigin(
          tenant: Bench.tenant, lineage: restored.position.lineage,
          tenantSeq: restored.position.tenantSeq, hash: restored.position.hash, isFork: false),
        expected: nil)
      for id in 31...33 { try await new.pay(Int64(id)) }
      #expect(await second.waitUntilArchived(seconds: 120))

      let follower = try await bench.follower("f", archive: archive)
      let following = Task { try await follower.run() }
      let journal = try #require(new.journal)
      let link = bench.link("f", from: messenger, archive: archive)
      let feeding = Task { await link.run(journal) { false } }
      // The restored tenant's files are fetched too: its journal says only that it was restored.
      let expected = try await new.digests()
      try await until { (try? await bench.digests("f")) == expected }
      for id in 34...36 { try await new.pay(Int64(id)) }
      let later = try await new.digests()
      try await until { (try? await bench.digests("f")) == later }
      feeding.cancel()
      _ = await feeding.value
      following.cancel()
      try? await following.value
      uploadingAgain.cancel()
      await uploadingAgain.value
      await new.close()
    }
  }

  @Test func `without an archive it is said what is missing`() async throws {
    try await withBench { bench in
      let end = JournalEnd(group: 5, seq: CellSeq(9), hash: .zero)
      try LiveFileSystem().createDirectory("\(bench.directory)/q")
      try JournalSeed.write(
        dataDirectory: "\(bench.directory)/q", cell: Bench.cell, generation: .first, after: end,
        files: LiveFileSystem())
      let (new, messenger) = try await bench.primary("q")
      let follower = try await bench.follower("f")
      let journal = try #require(new.journal)
      let link = bench.link("f", from: messenger)
      let feeding = Task { await link.run(journal) { false } }
      try await until { link.current.trouble != nil }
      #expect(link.current.trouble?.contains("no archive") == true)
      feeding.cancel()
      _ = await feeding.value
      _ = follower
      await new.close()
    }
  }
}
