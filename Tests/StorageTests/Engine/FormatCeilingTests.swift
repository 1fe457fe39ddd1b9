import Foundation
import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// What a newer version could write is held back until everybody reads it.
@Suite("Format ceiling") struct FormatCeilingTests {
  private static let other = TenantID(trusted: "t2")
  /// The program's version after the next: its step has a level of its own.
  private static let schema = TestSchema.store([
    TestSchema.ledger, TestSchema.messages,
    SchemaStep("messages-2", file: .messages, ddl: TestSchema.addition.ddl, level: 2),
  ])
  private static let older = TestSchema.store()

  private func hasLabel(
    _ engine: TestEngine, _ tenant: TenantID = TestEngine.tenant
  ) async throws -> Bool {
    try await engine.engine.read(tenant, [.messages]) { snapshot in
      try snapshot.file(.messages).first(
        "SELECT 1 FROM pragma_table_info('messages') WHERE name = 'label'"
      ) { _ in true } ?? false
    }
  }

  @Test func `below its level a step is held back, and an older program goes on with the files`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let newer = try await TestEngine(directory, schema: Self.schema) {
        $0.ceiling = FormatCeiling(1)
      }
      try await newer.engine.create(TestEngine.tenant, epoch: .first)
      try await newer.pay(1)
      #expect(try await !hasLabel(newer))
      await newer.close()
      // Rolled back: nothing stands there that it does not read.
      let older = try await TestEngine(directory, schema: Self.older)
      try await older.pay(2)
      #expect(try await older.counts() == [2, 2])
      await older.close()
    }
  }

  @Test func `a raised ceiling makes the step a record; what replays makes the same files`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let ceiling = FormatCeiling(1)
      let engine = try await TestEngine(directory, schema: Self.schema) { $0.ceiling = ceiling }
      try await engine.engine.create(TestEngine.tenant, epoch: .first)
      try await engine.pay(1)
      ceiling.raise(to: 2)
      ceiling.raise(to: 1)
      #expect(ceiling.level == 2)
      try await engine.pay(2)
      #expect(try await hasLabel(engine))
      // A new tenant has it from the start.
      try await engine.engine.create(Self.other, epoch: .first)
      try await engine.write(Self.other) {
        try $0.file(.messages).run(
          "INSERT INTO messages (id, body, label) VALUES (1, 'hello', 'new')")
      }
      await engine.close()
      // A follower that is behind with the ceiling: what it makes is what the primary made.
      try await withTemporaryDirectory { copy in
        try FileManager.default.copyItem(
          atPath: directory + "/journal", toPath: copy + "/journal")
        let follower = try await TestEngine(copy, schema: Self.schema) {
          $0.ceiling = FormatCeiling(1)
        }
        #expect(try await follower.counts() == [2, 2])
        #expect(try await hasLabel(follower))
        #expect(try await hasLabel(follower, Self.other))
        await follower.close()
      }
    }
  }

  @Test func `a store's version says its level, also to a program that has counted more`() {
    let index = SchemaIndex(Self.schema)
    #expect([index.version(at: 1), index.version(at: 2), index.version(at: .max)] == [2, 3, 3])
    #expect([index.level(of: 1), index.level(of: 2), index.level(of: 3)] == [1, 1, 2])
    #expect(index.level(of: 4) == .max)
  }
}
