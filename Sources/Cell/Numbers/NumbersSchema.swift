import Storage

/// The tables of connected numbers: who they are, and apart from it what changes often.
enum NumbersSchema {
  /// What a remembered value of these tables depends on.
  static let tableIDs = part.tables.map(\.id)

  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 200, file: .messages, name: "numbers"),
      TableDefinition(id: 201, file: .messages, name: "number_states"),
    ],
    steps: [
      SchemaStep(
        "numbers-1", file: .messages,
        ddl: """
          CREATE TABLE numbers (
            id INTEGER NOT NULL PRIMARY KEY,
            phone_number_id TEXT NOT NULL,
            waba_id TEXT NOT NULL,
            meta_app TEXT NOT NULL,
            display_phone_number TEXT NOT NULL,
            verified_name TEXT NOT NULL,
            -- Sealed with AES-256-GCM; empty once removed.
            access_token BLOB NOT NULL,
            connected_at INTEGER NOT NULL
          ) STRICT;
          CREATE INDEX numbers_by_phone_number_id ON numbers (phone_number_id);
          CREATE TABLE number_states (
            number_id INTEGER NOT NULL PRIMARY KEY REFERENCES numbers (id),
            state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
            reason TEXT NOT NULL,
            quality TEXT NOT NULL,
            rate_per_second INTEGER NOT NULL CHECK (rate_per_second > 0)
          ) STRICT;
          """)
    ])
}
