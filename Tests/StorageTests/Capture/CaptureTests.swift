import StorageFixtures
import Testing
import Wire

@testable import Storage

@Suite("Capture") struct CaptureTests {
  @Test func `a failing statement of several rows leaves nothing after the cut`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      _ = try test.command { try $0.run("INSERT INTO messages (id, body) VALUES (3, 'taken')") }
      try test.file.store.begin()
      let mark = test.file.capture.begin()
      #expect(throws: SQLiteError.self) {
        try test.connection.run(
          "INSERT INTO messages (id, body) VALUES (1, 'a'), (2, 'b'), (3, 'c')")
      }
      // SQLite undid rows 1 and 2, but the hook has told of them.
      #expect(test.file.capture.length > 0)
      #expect(test.connection.sawError)
      test.file.capture.cut(to: mark)
      #expect(test.file.capture.length == 0)
      #expect(test.file.capture.delta == .zero)
      try test.commit()
      #expect(try test.scan() == test.file.digest)
    }
  }

  @Test func `rolling back to a savepoint goes with a cut to its mark`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      try test.file.store.begin()
      let first = test.file.capture.begin()
      try test.connection.run("INSERT INTO messages (id, body) VALUES (1, 'kept')")
      test.file.capture.finish(first)
      let kept = test.file.capture.length
      try test.file.store.savepoint()
      let second = test.file.capture.begin()
      try test.connection.run("UPDATE messages SET body = 'undone' WHERE id = 1")
      try test.connection.run("INSERT INTO messages (id, body) VALUES (2, 'undone')")
      try test.file.store.rollbackToSavepoint()
      test.file.capture.cut(to: second)
      #expect(test.file.capture.length == kept)
      try test.commit()
      #expect(try test.scan() == test.file.digest)
      #expect(try test.rows("SELECT id FROM messages") == [1])
    }
  }

  @Test func `a command cannot begin, end or nest transactions, nor change schema or state`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      func isRefused(_ body: (Connection) throws -> Void) -> Bool {
        do {
          try body(test.connection)
          return false
        } catch let error as SQLiteError {
          return error.code == 23
        } catch {
          return false
        }
      }
      #expect(isRefused { try $0.run("SAVEPOINT x") })
      #expect(isRefused { try $0.run("BEGIN") })
      #expect(isRefused { try $0.run("COMMIT") })
      #expect(isRefused { try $0.run("ATTACH ':memory:' AS other") })
      #expect(isRefused { try $0.run("PRAGMA foreign_keys = OFF") })
      #expect(isRefused { try $0.run("CREATE TABLE mine (id INTEGER PRIMARY KEY) STRICT") })
      #expect(isRefused { try $0.run("DROP TABLE messages") })
      #expect(isRefused { try $0.run("UPDATE aimstors_state SET applied_seq = 9") })
      #expect(isRefused { try $0.run("DELETE FROM aimstors_steps") })
    }
  }

  @Test func `an added column reads NULL in old rows, in the digest too`() async throws {
    try await withTemporaryDirectory { directory in
      let before = try TestFile(directory)
      _ = try before.command { try $0.run("INSERT INTO messages (id, body) VALUES (1, 'old')") }
      let digest = before.file.digest
      before.file.close()

      let after = try TestFile(
        directory, steps: [TestSchema.ledger, TestSchema.messages, TestSchema.addition])
      #expect(after.file.missingSteps.map(\.id) == ["messages-2"])
      try after.file.store.begin()
      try after.file.apply(TestSchema.addition, at: TenantSeq(2))
      try after.commit()
      try after.file.stepsChanged()
      #expect(after.file.missingSteps.isEmpty)
      #expect(try after.scan() == digest)
      _ = try after.command { try $0.run("UPDATE messages SET body = 'new' WHERE id = 1") }
      _ = try after.command { try $0.run("UPDATE messages SET label = 'x' WHERE id = 1") }
      _ = try after.command { try $0.run("DELETE FROM messages WHERE id = 1") }
      #expect(after.file.digest == .zero)
      #expect(try after.scan() == .zero)
    }
  }

  @Test func `a write to a table that is not registered is a fault`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      try test.file.store.begin()
      let mark = test.file.capture.begin()
      try test.connection.run("INSERT INTO stray (id) VALUES (1)")
      #expect(test.file.capture.fault == .unregisteredTable("stray"))
      test.file.capture.cut(to: mark)
      #expect(test.file.capture.fault == nil)
      try test.file.store.rollback()
    }
  }

  @Test func `changes to one key coalesce within a command`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      let one = try test.command { try $0.run("INSERT INTO messages (id, body) VALUES (1, 'z')") }
      let many = try test.command {
        for text in ["a", "b", "c", "d"] {
          try $0.run("UPDATE messages SET body = ? WHERE id = 1", .text(text))
        }
        try $0.run("UPDATE messages SET body = 'y' WHERE id = 1")
      }
      #expect(many.count == one.count)
      let comesAndGoes = try test.command {
        try $0.run("INSERT INTO messages (id, body) VALUES (2, 'x')")
        try $0.run("DELETE FROM messages WHERE id = 2")
      }
      #expect(comesAndGoes.isEmpty)
      let goesAndComes = try test.command {
        try $0.run("DELETE FROM messages WHERE id = 1")
        try $0.run("INSERT INTO messages (id, body) VALUES (1, 'v')")
      }
      #expect(goesAndComes.count == one.count)
      let same = try test.command { try $0.run("UPDATE messages SET body = 'v' WHERE id = 1") }
      #expect(same.isEmpty)
      #expect(try test.scan() == test.file.digest)
    }
  }

  @Test func `what a cascade deletes and REPLACE removes is captured`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      let copy = try TestFile(directory, name: "copy.sqlite")
      for changes in [
        try test.command {
          try $0.run("INSERT INTO parents (id) VALUES (1), (2)")
          try $0.run("INSERT INTO children (id, parent) VALUES (1, 1), (2, 1), (3, 2)")
          try $0.run("INSERT INTO messages (id, body, wamid) VALUES (1, 'a', 'w')")
        },
        try test.command { try $0.run("DELETE FROM parents WHERE id = 1") },
        try test.command {
          try $0.run("INSERT OR REPLACE INTO messages (id, body, wamid) VALUES (2, 'b', 'w')")
        },
        try test.command { try $0.run("DELETE FROM children") },
      ] { try copy.apply(changes) }
      #expect(try test.rows("SELECT id FROM messages") == [2])
      #expect(try copy.rows("SELECT id FROM messages") == [2])
      #expect(try copy.rows("SELECT id FROM children").isEmpty)
      #expect(try test.scan() == test.file.digest)
      #expect(copy.file.digest == test.file.digest)
      #expect(try copy.scan() == test.file.digest)
    }
  }

  @Test func `two rows that swap a unique value are replayed`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      let copy = try TestFile(directory, name: "copy.sqlite")
      try copy.apply(
        try test.command {
          try $0.run("INSERT INTO messages (id, body, wamid) VALUES (1, 'a', 'x'), (2, 'b', 'y')")
        })
      try copy.apply(
        try test.command {
          try $0.run("UPDATE messages SET wamid = NULL WHERE id = 1")
          try $0.run("UPDATE messages SET wamid = 'x' WHERE id = 2")
          try $0.run("UPDATE messages SET wamid = 'y' WHERE id = 1")
        })
      #expect(try copy.rows("SELECT id FROM messages WHERE wamid = 'x'") == [2])
      #expect(copy.file.digest == test.file.digest)
    }
  }

  @Test func `malformed changes are refused, whatever byte is wrong`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      let changes = try test.command {
        try $0.run(
          "INSERT INTO messages (id, body, score, raw) VALUES (1, 'text', 2.5, x'0102')")
      }
      let copy = try TestFile(directory, name: "copy.sqlite")
      for length in 0..<changes.count where length > 0 {
        #expect(throws: RowChanges.Fault.self) { try copy.tryApply(Array(changes[..<length])) }
      }
      // A flipped byte may still be well-formed: the record's CRC finds those. None may crash.
      for index in changes.indices {
        for bit in 0..<8 {
          var flipped = changes
          flipped[index] ^= 1 << UInt8(bit)
          try? copy.tryApply(flipped)
        }
      }
      try copy.apply(changes)
      #expect(copy.file.digest == test.file.digest)
    }
  }
}

extension TestFile {
  /// Applies changes and takes them back.
  func tryApply(_ changes: [UInt8]) throws {
    file.capture.record(false)
    try file.store.begin()
    defer {
      try? file.store.rollback()
      file.capture.clear()
      file.capture.record(true)
    }
    try changes.withUnsafeBytes {
      try RowChanges.apply($0, to: file.capture, known: SchemaIndex(TestSchema.store()).tableIDs)
    }
  }
}
