import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Engine") struct EngineLifeTests {
  private let tenant = TestEngine.tenant

  @Test func `what was answered is read back, also after a restart`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      for id in 1...20 { try await first.pay(Int64(id)) }
      #expect(try await first.counts() == [20, 20])
      let digest = try await first.engine.digest(tenant, recompute: true)
      await first.close()

      let second = try await TestEngine(directory)
      #expect(second.report.tenants == 1)
      #expect(second.report.stopped.isEmpty)
      #expect(try await second.counts() == [20, 20])
      #expect(try await second.engine.digest(tenant, recompute: true) == digest)
      try await second.pay(21)
      #expect(try await second.counts() == [21, 21])
      #expect(second.engine.heads[tenant]?.tenantSeq == TenantSeq(22))
      await second.close()
    }
  }

  @Test func `what an end of the process left of restores and copies is gone after a start`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      let files = LiveFileSystem()
      let restores = StorageEngine.restoresDirectory(directory)
      for name in ["past-1", "snapshot-2", "t1.ff", "t1.ff.partial", "snapshots/t1.3"] {
        try files.createDirectory("\(restores)/\(name)")
        try FileTree.write([1], to: "\(restores)/\(name)/ledger.sqlite", files)
      }
      let second = try await TestEngine(directory)
      #expect(try files.list(restores).isEmpty)
      #expect(try await second.counts() == [1, 1])
      await second.close()
    }
  }

  @Test func `what cannot be removed of it keeps nobody from being served`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      let files = LiveFileSystem()
      let restores = StorageEngine.restoresDirectory(directory)
      for name in ["past-1", "t1.ff"] { try files.createDirectory("\(restores)/\(name)") }
      // Not a directory: it cannot be emptied.
      try FileTree.write([1], to: "\(restores)/a-file", files)
      let second = try await TestEngine(directory)
      #expect(try files.list(restores) == ["a-file"])
      #expect(try await second.counts() == [1, 1])
      await second.close()
    }
  }

  @Test func `with records damaged it stays: one of them may name it`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      for tenant in [tenant, TenantID(trusted: "damaged-one"), TenantID(trusted: "t3")] {
        try await first.engine.create(tenant, epoch: .first)
      }
      await first.close()
      let files = LiveFileSystem()
      let journal = "\(directory)/journal"
      let segment = try #require(
        try files.list(journal).first { $0.hasSuffix(".journal") })
      let path = "\(journal)/\(segment)"
      let bytes = try FileTree.bytes(path, files)
      let wanted = Array("damaged-one".utf8)
      let place = try #require(
        bytes.indices.dropLast(wanted.count).first {
          bytes[$0] == wanted[0] && Array(bytes[$0..<($0 + wanted.count)]) == wanted
        })
      let file = try files.open(path, .update)
      try file.write([bytes[place] ^ 1], at: UInt64(place))
      file.close()
      let restores = StorageEngine.restoresDirectory(directory)
      try files.createDirectory("\(restores)/damaged-one.ff")
      let second = try await TestEngine(directory)
      #expect(!second.report.damage.isEmpty)
      #expect(try files.list(restores) == ["damaged-one.ff"])
      await second.close()
    }
  }

  @Test func `files that are behind, each at its own place, are healed by the journal`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      // The state after a crash between the two COMMITs, and far before it.
      let path = "\(directory)/tenants/t1"
      try copyFiles(of: "messages.sqlite", in: path, to: "old")
      let second = try await TestEngine(directory)
      for id in 2...50 { try await second.pay(Int64(id)) }
      let digest = try await second.engine.digest(tenant, recompute: true)
      await second.close()
      try copyFiles(of: "old", in: path, to: "messages.sqlite")

      let third = try await TestEngine(directory)
      #expect(third.report.records == 49)
      #expect(try await third.counts() == [50, 50])
      #expect(try await third.engine.digest(tenant, recompute: true) == digest)
      await third.close()
      // Once more: nothing is applied twice.
      let fourth = try await TestEngine(directory)
      #expect(fourth.report.records == 0)
      #expect(try await fourth.engine.digest(tenant, recompute: true) == digest)
      await fourth.close()
    }
  }

  @Test func `all files lost, the journal alone brings the tenant back`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      for id in 1...30 { try await first.pay(Int64(id)) }
      let digest = try await first.engine.digest(tenant, recompute: true)
      await first.close()
      removeTree("\(directory)/tenants")
      let second = try await TestEngine(directory)
      #expect(second.report.records == 30)
      #expect(try await second.engine.digest(tenant, recompute: true) == digest)
      await second.close()
    }
  }

  @Test func `another tenant's file in its place stops the tenant, and no other`() async throws {
    try await withTemporaryDirectory { directory in
      let other = TenantID(trusted: "t2")
      let first = try await TestEngine(directory)
      for tenant in [tenant, other] {
        try await first.engine.create(tenant, epoch: .first)
        try await first.pay(1, tenant)
      }
      await first.close()
      for suffix in ["", "-wal", "-shm"] {
        let name = "ledger.sqlite\(suffix)"
        guard try LiveFileSystem().exists("\(directory)/tenants/t2/\(name)") else { continue }
        try copyFile("\(directory)/tenants/t2/\(name)", to: "\(directory)/tenants/t1/\(name)")
      }
      let second = try await TestEngine(directory)
      #expect(
        await refusal { () async throws(Failure) in try await second.pay(2) } == .tenantStopped)
      #expect(second.engine.problems.map(\.code) == ["tenant_stopped"])
      #expect(second.engine.problems.map(\.tenant) == [tenant])
      try await second.pay(2, other)
      await second.close()
    }
  }

  @Test func `a directory in use by another engine is refused`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      await #expect(throws: FileError.self) { _ = try await TestEngine(directory) }
      await first.close()
      let second = try await TestEngine(directory)
      await second.close()
    }
  }

  @Test func `an unknown tenant is not found, a known one is not created again`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      #expect(await refusal { () async throws(Failure) in try await test.pay(1) } == .notFound)
      try await test.engine.create(tenant, epoch: Epoch(3))
      #expect(
        await refusal { () async throws(Failure) in
          try await test.engine.create(tenant, epoch: Epoch(4))
        } == .tenantExists)
      #expect(test.engine.ownership(tenant)?.epoch == Epoch(3))
      #expect(test.engine.ownership(tenant)?.state == .owned)
      await test.close()
      #expect(await refusal { () async throws(Failure) in try await test.pay(1) } == .shuttingDown)
    }
  }

  @Test func `a new schema step is a record of its own and survives a replay`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      try copyFiles(of: "messages.sqlite", in: "\(directory)/tenants/t1", to: "old")
      let newer = TestSchema.store([TestSchema.ledger, TestSchema.messages, TestSchema.addition])
      let second = try await TestEngine(directory, schema: newer)
      // A read alone brings the file up to the schema.
      let labels = try await second.engine.read(tenant, [.messages]) {
        try $0.file(.messages).rows("SELECT label FROM messages") { $0.optionalText(0) }
      }
      #expect(labels == [nil])
      #expect(second.engine.heads[tenant]?.tenantSeq == TenantSeq(3))
      try await second.write {
        _ = try $0.file(.messages).run("UPDATE messages SET label = 'x' WHERE id = 1")
      }
      let digest = try await second.engine.digest(tenant, recompute: true)
      await second.close()
      try copyFiles(of: "old", in: "\(directory)/tenants/t1", to: "messages.sqlite")
      let third = try await TestEngine(directory, schema: newer)
      #expect(third.report.records == 2)
      #expect(try await third.engine.digest(tenant, recompute: true) == digest)
      await third.close()
      // The older program must not touch rows that it cannot capture.
      let older = try await TestEngine(directory)
      #expect(
        await refusal { () async throws(Failure) in try await older.pay(2) } == .tenantStopped)
      await older.close()
    }
  }

  @Test func `flushing lets the journal trim; what was trimmed is in the files`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      for id in 1...40 { try await first.pay(Int64(id)) }
      first.engine.flush()
      try await first.pay(41)
      let digest = try await first.engine.digest(tenant, recompute: true)
      await first.close()
      let second = try await TestEngine(directory)
      #expect(second.report.records == 0)
      #expect(try await second.counts() == [41, 41])
      #expect(try await second.engine.digest(tenant, recompute: true) == digest)
      await second.close()
    }
  }

  @Test func `due work is announced at its time, and after a restart`() async throws {
    try await withTemporaryDirectory { directory in
      let clock = SimulatedWallClock()
      let first = try await TestEngine(directory, clock: clock)
      try await first.engine.create(tenant, epoch: .first)
      let at = clock.milliseconds() + 60_000
      try await first.write { transaction in
        try transaction.file(.messages).run(
          "INSERT INTO messages (id, body, due_at) VALUES (1, 'x', ?)", .integer(at))
        transaction.dueMayHaveChanged()
      }
      #expect(first.engine.heads[tenant]?.nextDue == Timestamp(milliseconds: at))
      first.engine.checkDue()
      #expect(first.due.all.isEmpty)
      await first.close()
      let second = try await TestEngine(directory, clock: clock)
      clock.advance(milliseconds: 60_000)
      second.engine.checkDue()
      await second.due.wait(for: 1)
      #expect(second.due.all == [tenant])
      try await second.write { transaction in
        try transaction.file(.messages).run("UPDATE messages SET due_at = NULL")
        transaction.dueMayHaveChanged()
      }
      #expect(second.engine.heads[tenant]?.nextDue == nil)
      await second.close()
    }
  }

  @Test func `tenant time never goes back, and identifiers are not repeated`() async throws {
    try await withTemporaryDirectory { directory in
      let clock = SimulatedWallClock()
      let first = try await TestEngine(directory, clock: clock)
      try await first.engine.create(tenant, epoch: .first)
      func ids(_ test: TestEngine) async throws -> ([RowID], Timestamp) {
        try await test.write { transaction in
          let ids = (0..<100).map { _ in transaction.freshID() }
          try transaction.file(.messages).run(
            "INSERT INTO messages (id, body) VALUES (?, 'x')", .integer(ids[0].rawValue))
          return (ids, transaction.now)
        }
      }
      let (before, time) = try await ids(first)
      await first.close()
      clock.advance(milliseconds: -3_600_000)
      let second = try await TestEngine(directory, clock: clock, seed: 2)
      let (after, later) = try await ids(second)
      #expect(later >= time)
      #expect(Set(before).isDisjoint(with: after))
      #expect(before == before.sorted())
      await second.close()
    }
  }
}

func copyFile(_ source: String, to target: String) throws {
  let files = LiveFileSystem()
  let from = try files.open(source, .read)
  let to = try files.open(target, .create)
  try to.write(try from.bytes(at: 0, count: Int(from.length())), at: 0)
  from.close()
  to.close()
}

/// Copies a database with its WAL; the shared memory is rebuilt.
func copyFiles(of name: String, in directory: String, to other: String) throws {
  let files = LiveFileSystem()
  for suffix in ["", "-wal", "-shm"] {
    let target = "\(directory)/\(other)\(suffix)"
    if try files.exists(target) { try files.remove(target) }
    guard suffix != "-shm", try files.exists("\(directory)/\(name)\(suffix)") else { continue }
    try copyFile("\(directory)/\(name)\(suffix)", to: target)
  }
}
