import Storage
import Wire

/// One command of the load: an amount that goes from account 1 to account 2, and a message.
struct Payment: Hashable, Sendable {
  let tenant: TenantID
  /// The operation's own number, in both files and in its idempotency key.
  let id: Int64
  let amount: Int64

  /// As the journal's records name it.
  var requestID: String { "r\(id)" }
}

/// The two files that chaos keeps: a ledger of two sides, and messages.
enum PaymentSchema {
  static let store = StoreSchema(
    files: [.ledger: "ledger.sqlite", .messages: "messages.sqlite"],
    parts: [
      SchemaPart(
        tables: [
          TableDefinition(id: 100, file: .ledger, name: "accounts"),
          TableDefinition(id: 101, file: .ledger, name: "entries"),
          TableDefinition(id: 200, file: .messages, name: "messages"),
        ],
        steps: [
          SchemaStep(
            "chaos-ledger-1", file: .ledger,
            ddl: """
              CREATE TABLE accounts (
                id INTEGER NOT NULL PRIMARY KEY, balance INTEGER NOT NULL
              ) STRICT;
              CREATE TABLE entries (
                id INTEGER NOT NULL PRIMARY KEY, payment INTEGER NOT NULL,
                account INTEGER NOT NULL, amount INTEGER NOT NULL
              ) STRICT;
              """),
          SchemaStep(
            "chaos-messages-1", file: .messages,
            ddl: """
              CREATE TABLE messages (
                id INTEGER NOT NULL PRIMARY KEY, payment INTEGER NOT NULL, body TEXT NOT NULL
              ) STRICT;
              """),
        ])
    ])

  /// Keys of rows are not the payment's: one that runs twice stands there twice.
  static func pay(_ transaction: Transaction, _ payment: Payment) throws -> StoredAnswer {
    let ledger = try transaction.file(.ledger)
    for (account, amount) in [(Int64(1), -payment.amount), (Int64(2), payment.amount)] {
      try ledger.run(
        "INSERT INTO accounts (id, balance) VALUES (?, 0) ON CONFLICT DO NOTHING",
        .integer(account))
      try ledger.run(
        "UPDATE accounts SET balance = balance + ? WHERE id = ?", .integer(amount),
        .integer(account))
      try ledger.run(
        """
        INSERT INTO entries (id, payment, account, amount)
        VALUES ((SELECT coalesce(max(id), 0) + 1 FROM entries), ?, ?, ?)
        """, .integer(payment.id), .integer(account), .integer(amount))
    }
    try transaction.file(.messages).run(
      """
      INSERT INTO messages (id, payment, body)
      VALUES ((SELECT coalesce(max(id), 0) + 1 FROM messages), ?, 'a message of some length')
      """, .integer(payment.id))
    return answer(payment)
  }

  static func answer(_ payment: Payment) -> StoredAnswer {
    StoredAnswer(
      status: 201, contentType: "application/json", body: Array("\(payment.id)".utf8))
  }

  /// What one tenant's files say.
  struct Books: Sendable {
    /// Per payment the amounts of its entries.
    var entries: [Int64: [Int64]] = [:]
    /// Per payment how many messages.
    var messages: [Int64: Int] = [:]
    var balances: [Int64: Int64] = [:]
  }

  static func books(_ snapshot: Snapshot) throws -> Books {
    var books = Books()
    try snapshot.file(.ledger).query("SELECT payment, amount FROM entries") { row in
      books.entries[row.int64(0), default: []].append(row.int64(1))
    }
    try snapshot.file(.ledger).query("SELECT id, balance FROM accounts") { row in
      books.balances[row.int64(0)] = row.int64(1)
    }
    try snapshot.file(.messages).query("SELECT payment FROM messages") { row in
      books.messages[row.int64(0), default: 0] += 1
    }
    return books
  }
}
