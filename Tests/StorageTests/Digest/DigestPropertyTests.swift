import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Digest") struct DigestPropertyTests {
  /// Random statements, some failing, some undone; after each command: kept digest == full scan,
  /// and a copy that only replays the captured changes holds the same.
  @Test(arguments: 1...12)
  func `over a random history the kept digest equals a full scan and a replayed copy's`(
    seed: Int
  ) async throws {
    try await withTemporaryDirectory { directory in
      let test = try TestFile(directory)
      let copy = try TestFile(directory, name: "copy.sqlite")
      let history = RandomHistory(seed: UInt64(seed))
      for step in 0..<120 {
        try test.file.store.begin()
        test.connection.sawError = false
        let mark = test.file.capture.begin()
        for _ in 0...history.below(4) { try? history.statement(test.connection) }
        if test.connection.sawError || history.below(8) == 0 {
          if !test.connection.isAutocommit { try test.file.store.rollback() }
          test.file.capture.clear()
          continue
        }
        test.file.capture.finish(mark)
        let changes = test.file.capture.withBytes(since: mark) { Array($0) }
        try test.commit()
        try copy.apply(changes)
        #expect(copy.file.digest == test.file.digest)
        if step % 10 == 0 { #expect(try test.scan() == test.file.digest) }
      }
      #expect(try test.scan() == test.file.digest)
      #expect(try copy.scan() == test.file.digest)
      #expect(test.file.digest != .zero)
    }
  }

  @Test func `another tenant's equal rows have another digest`() async throws {
    try await withTemporaryDirectory { directory in
      let a = try TestFile(directory, tenant: TenantID(trusted: "a"), name: "a.sqlite")
      let b = try TestFile(directory, tenant: TenantID(trusted: "b"), name: "b.sqlite")
      for test in [a, b] {
        _ = try test.command { try $0.run("INSERT INTO parents (id) VALUES (1)") }
      }
      #expect(a.file.digest != b.file.digest)
    }
  }

  @Test func `bytes and text give the digest back`() {
    let digest = Digest(0x0123_4567_89ab_cdef_0011_2233_4455_6677)
    #expect(Digest(bytes: digest.bytes) == digest)
    #expect(digest.description == "0123456789abcdef0011223344556677")
    #expect(Digest(bytes: [1, 2]) == nil)
  }
}

/// Draws statements over the messages file: every kind of value, key changes, conflicts.
struct RandomHistory {
  private let random: SeededRandomSource

  init(seed: UInt64) { random = SeededRandomSource(seed: seed) }

  func below(_ limit: UInt64) -> UInt64 { random.uint64() % limit }
  private func id() -> SQLValue { .integer(Int64(below(12))) }

  private func wamid() -> SQLValue {
    below(2) == 0 ? .null : .text("w\(below(6))")
  }

  private func blob() -> SQLValue {
    switch below(4) {
    case 0: .null
    case 1: .blob([])
    default: .blob(random.bytes(Int(below(200))))
    }
  }

  func statement(_ connection: Connection) throws {
    switch below(11) {
    case 0:
      try connection.run(
        "INSERT INTO messages (id, body, wamid, raw) VALUES (?, ?, ?, ?)", id(), .text("b"),
        wamid(), blob())
    case 1:
      try connection.run(
        "INSERT OR REPLACE INTO messages (id, body, wamid, score) VALUES (?, '', ?, ?)", id(),
        wamid(), .integer(Int64(below(3))))
    case 2:
      try connection.run("UPDATE messages SET score = score * 1.5 + 1 WHERE id > ?", id())
    case 3:
      try connection.run("UPDATE messages SET id = ? WHERE id = ?", id(), id())
    case 4: try connection.run("DELETE FROM messages WHERE id = ?", id())
    case 5:
      try connection.run(
        "INSERT INTO pairs (a, b, note) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET note = 'again'",
        .text("k\(below(3))"), id(), wamid())
    case 6:
      try connection.run("UPDATE pairs SET a = ?, b = b + 1 WHERE b = ?", .text("k2"), id())
    case 7: try connection.run("INSERT OR IGNORE INTO parents (id) VALUES (?)", id())
    case 8: try connection.run("INSERT INTO children (id, parent) VALUES (?, ?)", id(), id())
    case 9: try connection.run("DELETE FROM parents WHERE id = ?", id())
    default:
      try connection.run(
        "INSERT INTO messages (id, body, score) VALUES (?, 'x', -0.0), (?, 'y', 1e300)", id(), id())
    }
  }
}
