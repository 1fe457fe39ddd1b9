import Storage
import Wire

/// What one tenant of the disk's test holds.
enum DiskFullStore {
  /// Of `TestSchema.pay`'s account.
  static let firstBalance: Int64 = 1_000_000

  struct Found: Sendable {
    var entries: [Int64] = []
    var messages: [Int64] = []
    var balance: Int64 = firstBalance
  }

  static func read(_ engine: StorageEngine, _ tenant: TenantID) async throws -> Found {
    try await engine.read(tenant, [.ledger, .messages]) { snapshot in
      var found = Found()
      let ledger = snapshot.file(.ledger)
      found.entries = try ledger.rows("SELECT id FROM entries") { $0.int64(0) }
      found.balance =
        try ledger.first("SELECT balance FROM accounts") { $0.int64(0) } ?? firstBalance
      found.messages = try snapshot.file(.messages).rows("SELECT id FROM messages") { $0.int64(0) }
      return found
    }
  }
}
