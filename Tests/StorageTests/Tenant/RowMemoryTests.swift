import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

@Suite("Remembered rows", .timeLimit(.minutes(10))) struct RowMemoryTests {
  private struct Key: Hashable {
    let account: Int64
  }

  /// Table 100 is `accounts`.
  private static func balance(_ transaction: Transaction, _ made: Counter) throws -> Int64 {
    try transaction.remember(Key(account: 1), in: .ledger, tables: [100]) { connection in
      made.add()
      return try connection.first("SELECT balance FROM accounts WHERE id = 1") { $0.int64(0) } ?? -1
    }
  }

  private final class Counter: Sendable {
    private let count = Mutex(0)
    func add() { count.withLock { $0 += 1 } }
    var value: Int { count.withLock { $0 } }
  }

  @Test func `a value is made again only after one of its tables changed`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      try await test.pay(1)
      let made = Counter()
      for _ in 0..<3 {
        #expect(try await test.write { try Self.balance($0, made) } == 999_999)
      }
      #expect(made.value == 1)
      // Another table of the same file.
      try await test.write {
        try $0.file(.ledger).run("INSERT INTO entries (id, account, amount) VALUES (9, 1, 0)")
      }
      #expect(try await test.write { try Self.balance($0, made) } == 999_999)
      #expect(made.value == 1)
      try await test.pay(2)
      #expect(try await test.write { try Self.balance($0, made) } == 999_998)
      #expect(made.value == 2)
      await test.close()
    }
  }

  @Test func `what an undone command saw is forgotten with it`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      try await test.pay(1)
      let made = Counter()
      await #expect(throws: Failure.self) {
        try await test.write { transaction in
          try transaction.file(.ledger).run("UPDATE accounts SET balance = 5 WHERE id = 1")
          #expect(try Self.balance(transaction, made) == 5)
          throw Failure(.conflict, "undone")
        }
      }
      #expect(try await test.write { try Self.balance($0, made) } == 999_999)
      // A change and a look in one command that stays: the next command makes it anew.
      try await test.write { transaction in
        try transaction.file(.ledger).run("UPDATE accounts SET balance = 7 WHERE id = 1")
        #expect(try Self.balance(transaction, made) == 7)
      }
      #expect(try await test.write { try Self.balance($0, made) } == 7)
      await test.close()
    }
  }

  @Test func `a due time that an undone command added is not the tenant's`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await TestEngine(directory)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      let late = Timestamp(milliseconds: 4_000_000_000_000)
      let codes = try await test.inOneBatch([
        {
          try TestSchema.pay($0, 1)
          $0.addDue(at: late)
        },
        {
          try TestSchema.pay($0, 2)
          $0.addDue(at: late.adding(seconds: -60))
          throw Failure(.conflict, "undone")
        },
      ])
      #expect(codes == [nil, .conflict])
      #expect(test.engine.heads[TestEngine.tenant]?.nextDue == late)
      await test.close()
    }
  }
}
