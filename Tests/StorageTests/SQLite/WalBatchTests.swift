import Simulation
import Testing

@testable import Storage

/// A transaction's frames in one write: what other connections and a copy of the files see is what
/// SQLite's own file layer would have left.
@Suite("WAL in one write", .timeLimit(.minutes(10))) struct WalBatchTests {
  private static let flags: Int32 = 0x2 | 0x4 | 0x8000  // read-write, create, no mutex

  private func row(_ connection: Connection) throws -> [Int64] {
    try connection.first("SELECT count(*), coalesce(sum(length(body)), 0), sum(n) FROM rows") {
      [$0.int64(0), $0.int64(1), $0.int64(2)]
    } ?? []
  }

  private func isWhole(_ connection: Connection) throws -> Bool {
    try connection.first("PRAGMA integrity_check") { $0.text(0) } == "ok"
  }

  /// A read of a spilled page has what is gathered written first; where that fails the transaction
  /// cannot be whole any more, and must not commit.
  @Test(arguments: [CallFault.Kind.noSpace, .inputOutput, .shortWrite])
  func `frames that did not come into the file are in no commit`(kind: CallFault.Kind) throws {
    let disk = SimulatedDisk()
    try disk.fileSystem().createDirectory("/data")
    let vfs = FileSystemVFS(name: "wal-batch-\(kind.rawValue)", files: disk.fileSystem())
    let path = "/data/rows.sqlite"
    let writer = try Connection(path: path, flags: Self.flags, on: vfs.name)
    defer { writer.close() }
    try writer.execute(
      """
      PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 8; PRAGMA cache_spill = 4;
      CREATE TABLE rows (n INTEGER NOT NULL PRIMARY KEY, body BLOB NOT NULL) STRICT;
      INSERT INTO rows VALUES (0, zeroblob(10));
      """)
    let before = try row(writer)
    try writer.execute("BEGIN")
    for n in 1...100 {
      try writer.run("INSERT INTO rows (n, body) VALUES (?, zeroblob(900))", .int(n))
    }
    disk.inject(CallFault(kind, call: 1, of: "-wal", isPermanent: false))
    #expect(throws: SQLiteError.self) {
      try writer.run("UPDATE rows SET body = zeroblob(length(body) + 1) WHERE n < 50")
    }
    #expect(!disk.faultsMet.isEmpty)
    disk.clearFaults()
    // The engine goes on in the transaction where SQLite has not ended it.
    if !writer.isAutocommit { try? writer.execute("COMMIT") }
    if !writer.isAutocommit { try writer.execute("ROLLBACK") }
    let other = try Connection(path: path, flags: Self.flags, on: vfs.name)
    defer { other.close() }
    for connection in [writer, other] {
      #expect(try isWhole(connection))
      #expect(try row(connection) == before)
    }
    try writer.execute("INSERT INTO rows VALUES (200, zeroblob(5))")
    #expect(try row(other) == [before[0] + 1, before[1] + 5, before[2] + 200])
    disk.kill()
    vfs.restart(disk.fileSystem())
    let recovered = try Connection(path: path, flags: Self.flags, on: vfs.name)
    defer { recovered.close() }
    #expect(try row(recovered) == [before[0] + 1, before[1] + 5, before[2] + 200])
    #expect(try isWhole(recovered))
  }

  /// A cache of eight pages spills in the middle of transactions, so that frames are written before
  /// the commit, changed again in place, and their checksums mended.
  @Test(arguments: 1...8) func `every commit is whole for SQLite's own file layer`(seed: UInt64)
    async throws
  {
    try await withTemporaryDirectory { directory in
      let path = "\(directory)/rows.sqlite"
      let writer = try Connection(path: path, flags: Self.flags)
      defer { writer.close() }
      try writer.execute(
        """
        PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 8; PRAGMA cache_spill = 4;
        CREATE TABLE rows (n INTEGER NOT NULL PRIMARY KEY, body BLOB NOT NULL) STRICT;
        """)
      let plain = try Connection(path: path, flags: Self.flags, vfs: nil)
      defer { plain.close() }
      var random = TestRandom(seed: seed)
      for step in 0..<60 {
        try writer.execute("BEGIN")
        for _ in 0..<random.below(40) {
          try writer.run(
            """
            INSERT INTO rows (n, body) VALUES (?, zeroblob(?))
            ON CONFLICT (n) DO UPDATE SET body = excluded.body
            """, .int(Int(random.below(400))), .int(Int(random.below(3_000))))
        }
        if random.below(3) == 0 {
          try writer.execute("SAVEPOINT part")
          try writer.run("UPDATE rows SET body = zeroblob(length(body) + 7)")
          try writer.execute("ROLLBACK TO part; RELEASE part")
        }
        let isKept = random.below(4) > 0
        try writer.execute(isKept ? "COMMIT" : "ROLLBACK")
        #expect(try row(plain) == row(writer), "seed \(seed), step \(step)")
        if random.below(6) == 0 {
          // The next transaction begins the WAL anew, over what stands in it.
          try plain.execute("PRAGMA wal_checkpoint(PASSIVE)")
        }
      }
      #expect(try isWhole(plain))
      #expect(try isWhole(writer))
    }
  }
}
