import Storage
import Wire

/// "Debit + usage event + message" in a cell: the columns of Benchmarks/commit in two files.
enum CommitSchema {
  static let schema = StoreSchema(
    files: [.ledger: "ledger.sqlite", .messages: "messages.sqlite"],
    parts: [
      SchemaPart(
        tables: [
          TableDefinition(id: 9000, file: .ledger, name: "wallet"),
          TableDefinition(id: 9001, file: .ledger, name: "usage_events"),
          TableDefinition(id: 9002, file: .messages, name: "messages"),
        ],
        steps: [
          SchemaStep(
            "bench-ledger-1", file: .ledger,
            ddl: """
              CREATE TABLE wallet (
                id INTEGER NOT NULL PRIMARY KEY,
                balance_micros INTEGER NOT NULL CHECK (balance_micros >= 0)
              ) STRICT;
              CREATE TABLE usage_events (
                id INTEGER NOT NULL PRIMARY KEY,
                at INTEGER NOT NULL,
                kind INTEGER NOT NULL,
                price_id INTEGER NOT NULL,
                amount_micros INTEGER NOT NULL
              ) STRICT;
              """),
          SchemaStep(
            "bench-messages-1", file: .messages,
            ddl: """
              CREATE TABLE messages (
                id INTEGER NOT NULL PRIMARY KEY,
                at INTEGER NOT NULL,
                recipient TEXT NOT NULL,
                state INTEGER NOT NULL,
                body TEXT NOT NULL
              ) STRICT;
              """),
        ])
    ])
}

/// The statements of the bench transaction.
struct CommitStore {
  private static let price: Int64 = 50_000
  private static let body =
    #"{"template":"order_ok","parameters":[""# + String(repeating: "0123456789", count: 7) + #""]}"#

  static func fill(_ transaction: Transaction) throws {
    try transaction.file(.ledger).run("INSERT INTO wallet VALUES (1, 1000000000000000)")
  }

  /// One debit, its usage event and its message.
  static func operate(_ transaction: Transaction) throws {
    let ledger = try transaction.file(.ledger)
    let now = SQLValue.integer(transaction.now.milliseconds)
    let id = SQLValue.integer(transaction.freshID().rawValue)
    let paid = try ledger.run(
      """
      UPDATE wallet SET balance_micros = balance_micros - ?1 WHERE id = 1 AND balance_micros >= ?1
      """, .integer(price))
    guard paid == 1 else { throw Failure(.insufficientFunds, "the wallet is empty") }
    try ledger.run(
      """
      INSERT INTO usage_events (id, at, kind, price_id, amount_micros) VALUES (?1, ?2, 1, 7, ?3)
      """, id, now, .integer(price))
    try transaction.file(.messages).run(
      """
      INSERT INTO messages (id, at, recipient, state, body) VALUES (?1, ?2, '+4915112345678', 1, ?3)
      """, id, now, .text(body))
  }
}
