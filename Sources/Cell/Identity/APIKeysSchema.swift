import Storage

/// The tables of API keys.
///
/// When a key was last used stands apart: it changes often, the rest never.
enum APIKeysSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 1, file: .sessions, name: "api_keys"),
      TableDefinition(id: 2, file: .sessions, name: "api_key_uses"),
    ],
    steps: [
      SchemaStep(
        "api-keys-1", file: .sessions,
        ddl: """
          CREATE TABLE api_keys (
            id INTEGER NOT NULL PRIMARY KEY,
            public_id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
            secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
            scopes INTEGER NOT NULL,
            -- Ranges in CIDR form with blanks between them.
            allow_cidrs TEXT NOT NULL,
            per_second INTEGER NOT NULL CHECK (per_second > 0),
            burst INTEGER NOT NULL CHECK (burst > 0),
            created_at INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER
          ) STRICT;
          CREATE TABLE api_key_uses (
            key_id INTEGER NOT NULL PRIMARY KEY REFERENCES api_keys (id),
            last_used_at INTEGER NOT NULL
          ) STRICT;
          """),
      SchemaStep(
        "api-keys-2", file: .sessions,
        ddl: """
          -- The secret before the last rotation, and until when it works.
          ALTER TABLE api_keys ADD COLUMN previous_hash BLOB CHECK (length(previous_hash) = 32);
          ALTER TABLE api_keys ADD COLUMN previous_until INTEGER;
          """),
    ])
}
