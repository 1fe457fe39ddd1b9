import Storage
import Wire

/// Two small files with every shape of table that the schema rules allow.
public enum TestSchema {
  public static let ledger = SchemaStep(
    "ledger-1", file: .ledger,
    ddl: """
      CREATE TABLE accounts (
        id INTEGER NOT NULL PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0)
      ) STRICT;
      CREATE TABLE entries (
        id INTEGER NOT NULL PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts (id),
        amount INTEGER NOT NULL
      ) STRICT;
      """)
  public static let messages = SchemaStep(
    "messages-1", file: .messages,
    ddl: """
      CREATE TABLE messages (
        id INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL, wamid TEXT UNIQUE, score REAL,
        raw BLOB, due_at INTEGER
      ) STRICT;
      CREATE INDEX messages_due ON messages (due_at) WHERE due_at IS NOT NULL;
      CREATE TABLE pairs (
        b INTEGER NOT NULL, note TEXT, a TEXT NOT NULL, PRIMARY KEY (a, b)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE parents (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE TABLE children (
        id INTEGER NOT NULL PRIMARY KEY,
        parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE
      ) STRICT;
      CREATE TABLE stray (id INTEGER NOT NULL PRIMARY KEY) STRICT;
      CREATE TRIGGER no_negative BEFORE INSERT ON messages WHEN NEW.id < 0
      BEGIN SELECT RAISE(ABORT, 'negative'); END;
      """)
  /// Ships later.
  public static let addition = SchemaStep(
    "messages-2", file: .messages, ddl: "ALTER TABLE messages ADD COLUMN label TEXT;")

  public static let tables = [
    TableDefinition(id: 100, file: .ledger, name: "accounts"),
    TableDefinition(id: 101, file: .ledger, name: "entries"),
    TableDefinition(id: 200, file: .messages, name: "messages"),
    TableDefinition(id: 201, file: .messages, name: "pairs"),
    TableDefinition(id: 202, file: .messages, name: "parents"),
    TableDefinition(id: 203, file: .messages, name: "children"),
  ]

  public static func store(_ steps: [SchemaStep] = [ledger, messages]) -> StoreSchema {
    StoreSchema(
      files: [.ledger: "ledger.sqlite", .messages: "messages.sqlite"],
      parts: [
        SchemaPart(tables: tables, steps: steps) { transaction in
          try transaction.file(.messages).first(
            "SELECT min(due_at) FROM messages WHERE due_at IS NOT NULL"
          ) { $0.optionalInt64(0) }?.map(Timestamp.init(milliseconds:))
        }
      ])
  }

  /// The bench's command: a debit with its entry, and a message; one file each.
  public static func pay(_ transaction: Transaction, _ id: Int64) throws {
    let ledger = try transaction.file(.ledger)
    try ledger.run("INSERT INTO accounts (id, balance) VALUES (1, 1000000) ON CONFLICT DO NOTHING")
    try ledger.run("UPDATE accounts SET balance = balance - 1 WHERE id = 1")
    try ledger.run(
      "INSERT INTO entries (id, account, amount) VALUES (?, 1, -1)", .integer(id))
    try transaction.file(.messages).run(
      "INSERT INTO messages (id, body) VALUES (?, 'hello')", .integer(id))
  }
}
