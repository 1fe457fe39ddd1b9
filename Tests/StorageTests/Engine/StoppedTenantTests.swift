import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A tenant that cannot go on refuses everyone, once, and loses nothing.
@Suite("Stopped tenants", .timeLimit(.minutes(10))) struct StoppedTenantTests {
  private let tenant = TestEngine.tenant

  private func isStopped(_ test: TestEngine) async -> Bool {
    await refusal { () async throws(Failure) in try await test.pay(99) } == .tenantStopped
  }

  @Test func `a schema step that fails stops the tenant and answers each caller once`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      let broken = SchemaStep(
        "messages-2", file: .messages, ddl: "ALTER TABLE missing ADD COLUMN label TEXT;")
      let second = try await TestEngine(
        directory, schema: TestSchema.store([TestSchema.ledger, TestSchema.messages, broken]))
      #expect(await isStopped(second))
      #expect(second.engine.problems.map(\.code) == ["tenant_stopped"])
      #expect(second.engine.metrics.queuedCommands == 0)
      await second.close()
    }
  }

  @Test func `commands that a running batch left over are refused when the tenant stops`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory) { $0.batchTime = .zero }
      try await test.engine.create(tenant, epoch: .first)
      let writer = try test.engine.writer(tenant)
      let gate = Gate()
      let codes = try await test.inOneBatch([
        { transaction in
          try TestSchema.pay(transaction, 1)
          writer.stop("a scan found damage")
          gate.open()
        },
        { try TestSchema.pay($0, 2) }, { try TestSchema.pay($0, 3) },
      ])
      #expect(codes == [nil, .tenantStopped, .tenantStopped])
      #expect(test.engine.metrics.queuedCommands == 0)
      await test.close()
      let again = try await TestEngine(directory)
      #expect(try await again.counts() == [1, 1])
      await again.close()
    }
  }

  @Test func `a COMMIT fails and a file is gone: the tenant stops; a restart has it all`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let path = "\(directory)/tenants/t1/messages.sqlite"
      let files = LiveFileSystem()
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      // With a mark beside it, a missing file is not taken for one that was never made.
      first.engine.flush()
      first.engine.faults.failNextCommit(of: tenant, at: .messages)
      let effects = Events<Int>()
      let code = await refusal { () async throws(Failure) in
        try await first.write { transaction in
          try TestSchema.pay(transaction, 2)
          transaction.afterCommit { effects.add(2) }
          try files.rename(path, to: path + ".aside")
        }
      }
      #expect(code == .outcomeUnknown)
      #expect(effects.all.isEmpty)
      #expect(
        await refusal { () async throws(Failure) in _ = try await first.counts() }
          == .tenantStopped)
      #expect(await isStopped(first))
      #expect(first.engine.problems.map(\.code) == ["tenant_stopped"])
      // Half of it is committed: the journal must keep the other half.
      first.engine.flush()
      await first.close()
      try files.rename(path + ".aside", to: path)
      let second = try await TestEngine(directory)
      #expect(second.report.records == 1)
      #expect(try await second.counts() == [2, 2])
      _ = try await second.engine.digest(tenant, recompute: true)
      await second.close()
    }
  }

  @Test func `files that are ahead of the journal stop the tenant`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1)
      await first.close()
      try copyJournal("\(directory)/journal", to: "\(directory)/old")
      let second = try await TestEngine(directory)
      try await second.pay(2)
      await second.close()
      removeTree("\(directory)/journal")
      try copyJournal("\(directory)/old", to: "\(directory)/journal")
      // The journal has lost an acknowledged record, cleanly: only the files can tell.
      let third = try await TestEngine(directory)
      #expect(await isStopped(third))
      #expect(third.engine.heads[tenant]?.tenantSeq == TenantSeq(2))
      await third.close()
    }
  }

  @Test func `what was recorded behind lost records is not taken as their proof`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await TestEngine(directory)
      try await first.engine.create(tenant, epoch: .first)
      let lost = CommandOrigin(requestID: "lost-request", traceID: "t")
      try await first.engine.write(tenant, lost) { transaction in
        _ = try transaction.file(.ledger).run(
          "INSERT INTO accounts (id, balance) VALUES (1, 10)")
      }
      try await first.write { transaction in
        _ = try transaction.file(.messages).run("INSERT INTO messages (id, body) VALUES (1, 'b')")
      }
      await first.close()
      removeTree("\(directory)/tenants")
      try flip("lost-request", in: "\(directory)/journal")
      for _ in 0..<2 {
        let again = try await TestEngine(directory)
        #expect(again.report.damage.count == 1)
        #expect(again.report.stopped == [tenant])
        #expect(await isStopped(again))
        again.engine.flush()
        await again.close()
      }
    }
  }

  @Test(arguments: [true, false])
  func `a tenant whose first record is damaged is stopped, not unknown`(isNamed: Bool) async throws
  {
    try await withTemporaryDirectory { directory in
      let lost = TenantID(trusted: "lost-tenant")
      let first = try await TestEngine(directory)
      try await first.engine.create(lost, epoch: .first)
      // The group behind it names it; where that is damaged too, nothing does.
      for id in 1...2 { try await create(first, TenantID(trusted: "other-\(id)")) }
      await first.close()
      try flip("lost-tenant", in: "\(directory)/journal", places: isNamed ? 1 : 2)
      let again = try await TestEngine(directory)
      #expect(again.report.damage.count == 1)
      #expect(again.report.stopped.contains(lost) == isNamed)
      #expect(again.engine.problems.contains { $0.tenant == lost } == isNamed)
      #expect(again.engine.ownership(lost) == nil)
      #expect(again.engine.refusalOfUnseen(lost)?.code == .tenantStopped)
      #expect(
        await refusal { () async throws(Failure) in try await again.pay(1, lost) } == .tenantStopped
      )
      #expect(
        await refusal { () async throws(Failure) in
          try await again.engine.create(lost, epoch: .first)
        } == .tenantStopped)
      // Nobody can be among those that the range names but they.
      let stranger = TenantID(trusted: "stranger")
      #expect(
        await refusal { () async throws(Failure) in try await again.pay(1, stranger) }
          == (isNamed ? .notFound : .tenantStopped))
      await again.close()
    }
  }

  private func create(_ test: TestEngine, _ tenant: TenantID) async throws {
    try await test.engine.create(tenant, epoch: .first)
  }

  private func copyJournal(_ source: String, to target: String) throws {
    let files = LiveFileSystem()
    try files.createDirectory(target)
    for name in try files.list(source) {
      try copyFile("\(source)/\(name)", to: "\(target)/\(name)")
    }
  }

  /// Flips a bit in the first `places` places where a file of `directory` holds `text`.
  private func flip(_ text: String, in directory: String, places: Int = .max) throws {
    let files = LiveFileSystem()
    var left = places
    let wanted = Array(text.utf8)
    for name in try files.list(directory) where name.hasSuffix(".journal") {
      let file = try files.open("\(directory)/\(name)", .update)
      defer { file.close() }
      let bytes = try file.bytes(at: 0, count: 64 * 1_024)
      for start in bytes.indices.dropLast(wanted.count)
      where bytes[start] == wanted[0] && Array(bytes[start..<(start + wanted.count)]) == wanted {
        guard left > 0 else { return }
        left -= 1
        try file.write([bytes[start] ^ 1], at: UInt64(start))
      }
    }
  }
}
