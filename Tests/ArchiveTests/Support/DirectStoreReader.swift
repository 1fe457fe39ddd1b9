import Platform
import Simulation
import Storage
import StorageFixtures
import Wire

/// Looks into a restored directory as any SQLite program would.
struct DirectStoreReader {
  private let rebuild: TenantRebuild

  init(directory: String) throws {
    rebuild = try TenantRebuild(
      tenant: ArchiveFixture.tenant, schema: TestSchema.store(), directory: directory, start: nil,
      files: LiveFileSystem())
  }

  func count() throws -> Int {
    var count = 0
    try rebuild.edit(.ledger, past: ":memory:") { connection in
      count = try connection.first("SELECT count(*) FROM entries") { $0.int(0) } ?? 0
    }
    return count
  }

  func has(_ entry: Int64) throws -> Bool {
    var found = false
    try rebuild.edit(.ledger, past: ":memory:") { connection in
      found =
        try connection.first("SELECT 1 FROM entries WHERE id = ?1", .integer(entry)) { _ in true }
        ?? false
    }
    return found
  }
}
