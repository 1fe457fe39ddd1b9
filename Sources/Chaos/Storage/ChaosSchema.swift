import Storage
import Wire

/// What the load writes: a debit and its entry in one file, a message in the other.
///
/// No column is unique but the row's own id, so that what ran twice stands there twice.
enum ChaosSchema {
  private static let ledger = SchemaStep(
    "ledger-1", file: .ledger,
    ddl: """
      CREATE TABLE accounts (
        id INTEGER NOT NULL PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0)
      ) STRICT;
      CREATE TABLE entries (
        id INTEGER NOT NULL PRIMARY KEY, operation INTEGER NOT NULL, amount INTEGER NOT NULL
      ) STRICT;
      """)
  private static let messages = SchemaStep(
    "messages-1", file: .messages,
    ddl: """
      CREATE TABLE messages (
        id INTEGER NOT NULL PRIMARY KEY, operation INTEGER NOT NULL, body TEXT NOT NULL
      ) STRICT;
      """)

  static let store = StoreSchema(
    files: [.ledger: "ledger.sqlite", .messages: "messages.sqlite"],
    parts: [
      SchemaPart(
        tables: [
          TableDefinition(id: 100, file: .ledger, name: "accounts"),
          TableDefinition(id: 101, file: .ledger, name: "entries"),
          TableDefinition(id: 200, file: .messages, name: "messages"),
        ], steps: [ledger, messages])
    ])

  private static let opening: Int64 = 1_000_000_000

  /// Runs an operation; the answer names the row that it made.
  static func run(_ operation: Int64, _ transaction: Transaction) throws -> StoredAnswer {
    let ledger = try transaction.file(.ledger)
    let entry = transaction.freshID().rawValue
    if try ledger.run(
      "INSERT INTO accounts (id, balance) VALUES (1, ?) ON CONFLICT DO NOTHING",
      .integer(opening)) == 1
    {
      try ledger.run(
        "INSERT INTO entries (id, operation, amount) VALUES (0, 0, ?)", .integer(opening))
    }
    let amount = 1 + operation % 7
    try ledger.run("UPDATE accounts SET balance = balance - ? WHERE id = 1", .integer(amount))
    try ledger.run(
      "INSERT INTO entries (id, operation, amount) VALUES (?, ?, ?)", .integer(entry),
      .integer(operation), .integer(-amount))
    try transaction.file(.messages).run(
      "INSERT INTO messages (id, operation, body) VALUES (?, ?, ?)", .integer(entry),
      .integer(operation), .text("message of operation \(operation)"))
    return StoredAnswer(
      status: 201, contentType: "application/json", body: Array("[\(operation),\(entry)]".utf8))
  }

  /// What one tenant's files hold at one moment.
  struct Contents: Sendable {
    /// Operations as often as they stand there.
    let entries: [Int64]
    let messages: [Int64]
    let balance: Int64
    let sum: Int64
  }

  static func contents(_ snapshot: Snapshot) throws -> Contents {
    let ledger = snapshot.file(.ledger)
    return Contents(
      entries: try ledger.rows("SELECT operation FROM entries WHERE id > 0 ORDER BY operation") {
        $0.int64(0)
      },
      messages: try snapshot.file(.messages).rows(
        "SELECT operation FROM messages ORDER BY operation"
      ) { $0.int64(0) },
      balance: try ledger.first("SELECT balance FROM accounts") { $0.int64(0) } ?? 0,
      sum: try ledger.first("SELECT coalesce(sum(amount), 0) FROM entries") { $0.int64(0) } ?? 0)
  }
}
