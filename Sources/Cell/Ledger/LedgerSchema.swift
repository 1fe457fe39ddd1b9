import Storage
import Wire

/// The tables of the ledger.
///
/// Amounts are micros, times milliseconds, accounts ``LedgerAccount``.
///
/// A transfer row carries its two entries: what left `from_account` and what came to `to_account`,
/// with both balances after it. The view `ledger_entries` shows them one by one.
enum LedgerSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 100, file: .ledger, name: "wallets"),
      TableDefinition(id: 101, file: .ledger, name: "balances"),
      TableDefinition(id: 102, file: .ledger, name: "transfers"),
      TableDefinition(id: 103, file: .ledger, name: "top_ups"),
      TableDefinition(id: 104, file: .ledger, name: "holds"),
      TableDefinition(id: 105, file: .ledger, name: "usage_events"),
      TableDefinition(id: 106, file: .ledger, name: "refunds"),
      TableDefinition(id: 107, file: .ledger, name: "corrections"),
    ],
    steps: [
      SchemaStep(
        "ledger-1", file: .ledger, ddl: tables + guards + LedgerEntriesView.firstText),
      SchemaStep(
        "ledger-2", file: .ledger,
        ddl: "DROP VIEW ledger_entries;\n" + LedgerEntriesView.shortText, level: 2),
    ],
    nextDue: { tx in try LedgerStore(tx.file(.ledger)).nextExpiry() })

  private static let tables = """
    CREATE TABLE wallets (
      id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
      currency TEXT NOT NULL CHECK (length(currency) = 3),
      opened_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE balances (
      account INTEGER NOT NULL PRIMARY KEY CHECK (account BETWEEN 0 AND 3),
      amount INTEGER NOT NULL CHECK (account = 0 OR amount >= 0)
    ) STRICT;
    CREATE TABLE transfers (
      id INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      from_account INTEGER NOT NULL REFERENCES balances (account),
      to_account INTEGER NOT NULL REFERENCES balances (account),
      amount INTEGER NOT NULL CHECK (amount >= 0),
      source_id INTEGER NOT NULL,
      from_after INTEGER NOT NULL,
      to_after INTEGER NOT NULL,
      CHECK (from_account <> to_account)
    ) STRICT;
    CREATE INDEX transfers_by_source ON transfers (source_id);
    CREATE TABLE top_ups (
      id INTEGER NOT NULL PRIMARY KEY,
      reference TEXT NOT NULL UNIQUE,
      amount INTEGER NOT NULL CHECK (amount > 0),
      transfer_id INTEGER NOT NULL UNIQUE REFERENCES transfers (id)
    ) STRICT;
    CREATE TABLE holds (
      id INTEGER NOT NULL PRIMARY KEY REFERENCES transfers (id),
      state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
      amount INTEGER NOT NULL CHECK (amount >= 0),
      captured INTEGER NOT NULL CHECK (captured >= 0),
      released INTEGER NOT NULL CHECK (released >= 0),
      refunded INTEGER NOT NULL CHECK (refunded >= 0),
      expires_at INTEGER NOT NULL,
      CHECK (captured + released <= amount),
      CHECK (state = 0 OR captured + released = amount)
    ) STRICT;
    CREATE INDEX holds_pending ON holds (expires_at) WHERE state = 0;
    CREATE TABLE usage_events (
      id INTEGER NOT NULL PRIMARY KEY,
      kind INTEGER NOT NULL,
      transfer_id INTEGER NOT NULL UNIQUE REFERENCES transfers (id),
      hold_id INTEGER REFERENCES holds (id),
      price_id INTEGER NOT NULL,
      price_version INTEGER NOT NULL,
      price_amount INTEGER NOT NULL CHECK (price_amount >= 0),
      market TEXT NOT NULL,
      category INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE refunds (
      transfer_id INTEGER NOT NULL PRIMARY KEY REFERENCES transfers (id),
      usage_id INTEGER NOT NULL REFERENCES usage_events (id),
      cause INTEGER NOT NULL,
      amount INTEGER NOT NULL CHECK (amount > 0),
      UNIQUE (usage_id, cause)
    ) STRICT;
    CREATE TABLE corrections (
      transfer_id INTEGER NOT NULL PRIMARY KEY REFERENCES transfers (id),
      usage_id INTEGER NOT NULL REFERENCES usage_events (id),
      price_id INTEGER NOT NULL,
      price_version INTEGER NOT NULL,
      delta INTEGER NOT NULL CHECK (delta <> 0),
      UNIQUE (usage_id, price_id)
    ) STRICT;

    """

  /// What was written stays.
  ///
  /// The insert guard is for REPLACE, which deletes without a trigger.
  private static let guards = ["transfers", "top_ups", "usage_events", "refunds", "corrections"]
    .map { table in
      let key = table == "refunds" || table == "corrections" ? "transfer_id" : "id"
      return """
        CREATE TRIGGER \(table)_no_update BEFORE UPDATE ON \(table)
        BEGIN SELECT RAISE(ABORT, '\(table) are never changed'); END;
        CREATE TRIGGER \(table)_no_delete BEFORE DELETE ON \(table)
        BEGIN SELECT RAISE(ABORT, '\(table) are never deleted'); END;
        CREATE TRIGGER \(table)_no_replace BEFORE INSERT ON \(table)
        WHEN EXISTS (SELECT 1 FROM \(table) WHERE \(key) = NEW.\(key))
        BEGIN SELECT RAISE(ABORT, '\(table) are never replaced'); END;

        """
    }.joined()
}
