import Platform
import Simulation
import Testing

@testable import Storage

@Suite("SQLite on a file system of our own") struct FileSystemVFSTests {
  // SQLITE_OPEN_READWRITE, CREATE and NOMUTEX: the C library is Storage's alone.
  private static let flags: Int32 = 0x2 | 0x4 | 0x8000

  private func ids(_ connection: Connection) throws -> [Int] {
    try connection.rows("SELECT id FROM t ORDER BY id") { $0.int(0) }
  }

  private func open(_ vfs: FileSystemVFS) throws -> Connection {
    try Connection(path: "/data/t.sqlite", flags: Self.flags, on: vfs.name)
  }

  @Test func `a power loss takes what no checkpoint made durable, and nothing else`() throws {
    let disk = SimulatedDisk()
    try disk.fileSystem().createDirectory("/data")
    let vfs = FileSystemVFS(name: "test-power", files: disk.fileSystem())
    let writer = try open(vfs)
    try writer.execute(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;
      CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY) STRICT; INSERT INTO t VALUES (1)
      """)
    let reader = try open(vfs)
    #expect(try ids(reader) == [1])
    try writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
    try disk.fileSystem().synchronizeDirectory("/data")
    try writer.execute("INSERT INTO t VALUES (2)")
    #expect(try ids(reader) == [1, 2])

    disk.losePower(.lost)
    vfs.restart(disk.fileSystem())
    // The old process's connections reach nothing any more.
    #expect(throws: SQLiteError.self) { try writer.execute("INSERT INTO t VALUES (3)") }
    let next = try open(vfs)
    #expect(try ids(next) == [1])
    for connection in [writer, reader, next] { connection.close() }
  }

  @Test func `two writers of one file exclude each other, those of two processes do not`() throws {
    let disk = SimulatedDisk()
    try disk.fileSystem().createDirectory("/data")
    let vfs = FileSystemVFS(name: "test-locks", files: disk.fileSystem())
    let (first, second) = (try open(vfs), try open(vfs))
    try first.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT")
    try second.execute("PRAGMA busy_timeout = 0")
    try first.execute("BEGIN IMMEDIATE")
    #expect(throws: SQLiteError.self) { try second.execute("BEGIN IMMEDIATE") }
    try first.execute("INSERT INTO t VALUES (7); COMMIT")
    try second.execute("BEGIN IMMEDIATE")
    #expect(try ids(second) == [7])
    disk.kill()
    vfs.restart(disk.fileSystem())
    let next = try open(vfs)
    try next.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (8); COMMIT")
    #expect(try ids(next) == [7, 8])
    for connection in [first, second, next] { connection.close() }
  }
}
