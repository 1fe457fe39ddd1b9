import Storage

/// The tables of the price book.
enum PricesSchema {
  /// What a remembered value of these tables depends on.
  static let tableIDs = part.tables.map(\.id)

  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 110, file: .ledger, name: "price_books"),
      TableDefinition(id: 111, file: .ledger, name: "prices"),
    ],
    steps: [SchemaStep("prices-1", file: .ledger, ddl: ddl)])

  private static let ddl = """
    CREATE TABLE price_books (
      version INTEGER NOT NULL PRIMARY KEY,
      currency TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE prices (
      id INTEGER NOT NULL PRIMARY KEY,
      version INTEGER NOT NULL REFERENCES price_books (version),
      market TEXT NOT NULL,
      category INTEGER NOT NULL,
      valid_from INTEGER NOT NULL,
      amount INTEGER NOT NULL CHECK (amount >= 0),
      UNIQUE (version, market, category, valid_from)
    ) STRICT;
    CREATE TRIGGER prices_no_update BEFORE UPDATE ON prices
    BEGIN SELECT RAISE(ABORT, 'prices are never changed'); END;
    CREATE TRIGGER prices_no_delete BEFORE DELETE ON prices
    BEGIN SELECT RAISE(ABORT, 'prices are never deleted'); END;

    """
}
