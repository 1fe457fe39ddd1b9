import StorageFixtures
import Testing
import Wire

@testable import Storage

/// The due index against what the files say.
@Suite("Due sweep", .timeLimit(.minutes(10))) struct DueSweepTests {
  private let tenant = TestEngine.tenant

  @Sendable private static func insert(_ transaction: Transaction, _ id: Int64, due: Int64) throws {
    try transaction.file(.messages).run(
      "INSERT INTO messages (id, body, due_at) VALUES (?, '', ?)", .integer(id), .integer(due))
  }

  @Test func `what agrees is no problem, and leaves no record`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      #expect(try await test.engine.sweepDue(tenant))
      try await test.write { transaction in
        try Self.insert(transaction, 1, due: 5_000_000_000_000)
        transaction.dueMayHaveChanged()
      }
      let before = test.engine.heads[tenant]
      #expect(try await test.engine.sweepDue(tenant))
      #expect(test.engine.heads[tenant] == before)
      #expect(test.engine.problems.isEmpty)
      await test.close()
    }
  }

  @Test func `work that no record speaks of is found, announced, and told until it is settled`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      let due = test.clock.milliseconds() + 1_000
      // A defect: the command does not say that it made work.
      try await test.write { try Self.insert($0, 1, due: due) }
      test.clock.advance(milliseconds: 2_000)
      test.engine.checkDue()
      #expect(test.due.all.isEmpty)
      #expect(try await !test.engine.sweepDue(tenant))
      let problem = try #require(test.engine.problems.first)
      #expect(problem.code == "due_index_differs" && problem.tenant == tenant)
      test.engine.checkDue()
      await test.due.wait(for: 1)
      #expect(test.due.all.first == tenant)
      try await test.write { transaction in
        _ = try transaction.file(.messages).run("DELETE FROM messages")
        transaction.dueMayHaveChanged()
      }
      #expect(try await test.engine.sweepDue(tenant))
      #expect(test.engine.problems.isEmpty)
      await test.close()
    }
  }

  @Test func `an entry that the index lost is put back`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      let due = Timestamp(milliseconds: test.clock.milliseconds() + 50_000)
      try await test.write { transaction in
        try Self.insert(transaction, 1, due: due.milliseconds)
        transaction.dueMayHaveChanged()
      }
      let context = try test.engine.writer(tenant).context
      context.due.set(tenant, nil)
      #expect(try await !test.engine.sweepDue(tenant))
      #expect(context.due.next(of: tenant) == due)
      #expect(try await test.engine.sweepDue(tenant))
      await test.close()
    }
  }

  @Test func `what the same batch has changed is no difference`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(tenant, epoch: .first)
      try await test.write { try Self.insert($0, 1, due: 5_000_000_000_000) }
      let writer = try test.engine.writer(tenant)
      let gate = Gate()
      async let holding: Void = test.write { _ in gate.pass() }
      await gate.entered.wait(for: 1)
      async let adding: Void = test.write { transaction in
        try Self.insert(transaction, 2, due: 4_000_000_000_000)
        transaction.dueMayHaveChanged()
      }
      while writer.depth < 1 { await Task.yield() }
      async let agrees = test.engine.sweepDue(tenant)
      while writer.depth < 2 { await Task.yield() }
      gate.open()
      try await holding
      try await adding
      #expect(try await agrees)
      #expect(test.engine.problems.isEmpty)
      #expect(try await test.engine.sweepDue(tenant))
      await test.close()
    }
  }

  /// A campaign's recipients have no due times: they are to be sent now, whenever one asks.
  private static let untimed = StoreSchema(
    files: [.messages: "messages.sqlite"],
    parts: [
      SchemaPart(
        tables: TestSchema.tables.filter { $0.file == .messages }, steps: [TestSchema.messages]
      ) { transaction in
        try transaction.file(.messages).first("SELECT 1 FROM messages LIMIT 1") { _ in
          transaction.now
        }
      }
    ])

  @Test func `work without a time of its own is due at once, whenever it is looked at`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory, schema: Self.untimed)
      try await test.engine.create(tenant, epoch: .first)
      try await test.write { transaction in
        try Self.insert(transaction, 1, due: 0)
        transaction.dueMayHaveChanged()
      }
      let recorded = try #require(test.engine.heads[tenant]?.nextDue)
      // After it was announced, and before that has led to anything.
      test.clock.advance(milliseconds: 400)
      test.engine.checkDue()
      await test.due.wait(for: 1)
      #expect(try await test.engine.sweepDue(tenant))
      #expect(test.engine.problems.isEmpty)
      // It is announced again, and the record stays as it was.
      #expect(try test.engine.writer(tenant).context.due.next(of: tenant) ?? .zero > recorded)
      #expect(test.engine.heads[tenant]?.nextDue == recorded)

      // Gone without a word: now the record is wrong, and that is told.
      try await test.write { _ = try $0.file(.messages).run("DELETE FROM messages") }
      #expect(try await !test.engine.sweepDue(tenant))
      #expect(test.engine.problems.first?.code == "due_index_differs")
      await test.close()
    }
  }
}
