import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// Somebody deletes a tenant's directory: it is stopped, never begun anew.
@Suite("Deleted files", .timeLimit(.minutes(10))) struct DeletedFilesTests {
  private let tenant = TestEngine.tenant

  private func isStopped(_ test: TestEngine, _ id: Int64) async -> Bool {
    await refusal { () async throws(Failure) in try await test.pay(id) } == .tenantStopped
  }

  @Test func `a directory that is gone when its files are opened again stops the tenant`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let files = LiveFileSystem()
      let (test, _) = try await engine(directory)
      try await test.pay(1)
      while try !test.engine.writer(tenant).evict() { await Task.yield() }
      removeTree("\(directory)/tenants/t1")
      #expect(await isStopped(test, 2))
      #expect(try !files.exists("\(directory)/tenants/t1/ledger.sqlite"))
      #expect(test.engine.problems.map(\.code) == ["tenant_stopped"])
      await test.close()
      // The journal has it all.
      let again = try await TestEngine(directory)
      #expect(try await again.counts() == [1, 1])
      try await again.pay(2)
      await again.close()
    }
  }

  @Test func `a file that is gone is no snapshot, also while it is open`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, flusher) = try await engine(directory)
      try await test.pay(1)
      #expect(flusher.flush(tenant))
      let whole = try await test.engine.snapshot(tenant, into: "\(directory)/copy-1")
      #expect(!whole.files.isEmpty)
      try LiveFileSystem().remove("\(directory)/tenants/t1/ledger.sqlite")
      let one = await refusal { () async throws(Failure) in
        _ = try await test.engine.snapshot(tenant, into: "\(directory)/copy-2")
      }
      #expect(one == .tenantStopped)
      removeTree("\(directory)/tenants/t1")
      let all = await refusal { () async throws(Failure) in
        _ = try await test.engine.snapshot(tenant, into: "\(directory)/copy-3")
      }
      #expect(all == .tenantStopped)
      await test.close()
    }
  }

  @Test func `a tenant that never had a file is copied without one`() async throws {
    try await withTemporaryDirectory { directory in
      let (test, _) = try await engine(directory)
      let nothing = try await test.engine.snapshot(tenant, into: "\(directory)/copy")
      #expect(nothing.files.isEmpty)
      await test.close()
    }
  }

  /// The test says when the flusher looks.
  private func engine(_ directory: String) async throws -> (TestEngine, Flusher) {
    let test = try await TestEngine(directory) {
      $0.replayBytes = 0
      $0.flushInterval = .seconds(3_600)
      $0.adjustJournal = {
        $0.segmentBytes = 64 * 1_024
        $0.groupBytes = 32 * 1_024
        $0.reserveBytes = 0
      }
    }
    try await test.engine.create(tenant, epoch: .first)
    return (test, test.engine.flusher(try test.engine.writer(tenant).context))
  }

  @Test func `a directory that is gone at a flush stops the tenant, and its journal stays`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let (test, flusher) = try await engine(directory)
      try await test.pay(1)
      #expect(flusher.flush(tenant))
      #expect(try LiveFileSystem().exists("\(directory)/kept/t1"))
      removeTree("\(directory)/tenants/t1")
      // The files are open: what is written goes into nothing, but the journal has it.
      try await test.pay(2)
      #expect(!flusher.flush(tenant))
      #expect(await isStopped(test, 3))
      await test.close()
      let again = try await TestEngine(directory)
      #expect(try await again.counts() == [2, 2])
      await again.close()
    }
  }

  @Test func `a directory that is gone at a start, with nothing to replay, stops the tenant`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let other = TenantID(trusted: "t2")
      let (test, flusher) = try await engine(directory)
      try await test.engine.create(other, epoch: .first)
      try await test.pay(1)
      let last = try #require(test.engine.heads[tenant]).cellSeq
      let journal = try #require(test.engine.journal)
      // The other tenant's records push the first one's out of the journal.
      var id: Int64 = 1
      while try #require(journal.segmentStarts.first) <= last {
        try await test.pay(id, other)
        id += 1
        if id % 50 == 0 { flusher.look() }
      }
      await test.close()
      removeTree("\(directory)/tenants/t1")
      let again = try await TestEngine(directory)
      #expect(await isStopped(again, 2))
      try await again.pay(id, other)
      await again.close()
    }
  }
}
