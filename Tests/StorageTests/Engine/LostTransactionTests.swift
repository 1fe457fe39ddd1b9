import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// SQLite ends a whole transaction by itself: on a full disk, and where a statement says so.
@Suite("Lost transactions", .timeLimit(.minutes(10))) struct LostTransactionTests {
  private let tenant = TestEngine.tenant

  private func withPaid(_ body: (String, TestEngine) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
      // A look of the flusher may close the files, and the limit is the connection's.
      let test = try await TestEngine(directory) { $0.flushInterval = .seconds(3_600) }
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1)
      try await body(directory, test)
    }
  }

  // The table has no trigger: with one SQLite would undo the statement alone, and go on.

  /// Lets the messages file grow by `pages` pages more; nil: without a limit.
  private func limit(_ test: TestEngine, pages: Int?) throws {
    try test.engine.writer(tenant).withCore { core in
      let connection = try core.open(.messages).connection
      connection.capture?.allowControl(true)
      defer { connection.capture?.allowControl(false) }
      let count = try connection.first("PRAGMA page_count") { $0.int(0) } ?? 0
      try connection.execute("PRAGMA max_page_count = \(pages.map { count + $0 } ?? 1 << 30)")
    }
  }

  @Test func `a full disk in a run makes the batch unknown, keeps nothing, and the next goes on`()
    async throws
  {
    try await withPaid { directory, test in
      try limit(test, pages: 1)
      let codes = try await test.inOneBatch([
        { try TestSchema.pay($0, 2) },
        {
          try $0.file(.messages).run(
            "INSERT INTO pairs (a, b, note) VALUES ('a', 3, printf('%.*c', 100000, 'x'))")
        },
        { try TestSchema.pay($0, 4) },
      ])
      #expect(codes.allSatisfy { $0 == .outcomeUnknown })
      #expect(try await test.counts() == [1, 1])
      #expect(test.engine.heads[tenant]?.tenantSeq == TenantSeq(2))
      try limit(test, pages: nil)
      try await test.pay(2)
      #expect(try await test.counts() == [2, 2])
      let digest = try await test.engine.digest(tenant, recompute: true)
      await test.close()
      removeTree("\(directory)/tenants")
      let again = try await TestEngine(directory)
      #expect(try await again.engine.digest(tenant, recompute: true) == digest)
      await again.close()
    }
  }

  @Test(arguments: [true, false])
  func `a command that goes on after its transaction is gone changes nothing`(
    isFull: Bool
  ) async throws {
    try await withPaid { _, test in
      if isFull { try limit(test, pages: 1) }
      let code = await refusal { () async throws(Failure) in
        try await test.write { transaction in
          try TestSchema.pay(transaction, 2)
          let messages = try transaction.file(.messages)
          if isFull {
            _ = try? messages.run(
              "INSERT INTO pairs (a, b, note) VALUES ('a', 3, printf('%.*c', 100000, 'x'))")
          } else {
            _ = try? messages.run("INSERT OR ROLLBACK INTO messages (id, body) VALUES (1, 'x')")
          }
          // Without a transaction SQLite would commit this at once, unseen by the journal.
          _ = try? messages.run("INSERT INTO messages (id, body) VALUES (4, 'stray')")
          _ = try? messages.rows("SELECT id FROM messages") { $0.int(0) }
        }
      }
      #expect(code == .outcomeUnknown)
      #expect(try await test.counts() == [1, 1])
      _ = try await test.engine.digest(tenant, recompute: true)
      if isFull { try limit(test, pages: nil) }
      try await test.pay(4)
      #expect(try await test.counts() == [2, 2])
      _ = try await test.engine.digest(tenant, recompute: true)
      await test.close()
    }
  }

  @Test func `a command that comes in after the end is refused, not forgotten`() async throws {
    try await withPaid { _, test in
      let writer = try test.engine.writer(tenant)
      await test.close()
      let result = await withUnsafeContinuation {
        (caller: UnsafeContinuation<Result<Bool, Failure>, Never>) in
        writer.submit(
          WriteCommand(CommandOrigin(requestID: "late", traceID: "t"), caller: caller) { _, _ in
            true
          })
      }
      #expect(throws: Failure.self) { try result.get() }
    }
  }
}
