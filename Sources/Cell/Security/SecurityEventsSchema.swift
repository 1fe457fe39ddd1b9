import Storage

/// What anomaly detection will look at: a row per principal and minute, bounded, and where each
/// principal came from before.
enum SecurityEventsSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 78, file: .sessions, name: "security_events"),
      TableDefinition(id: 79, file: .sessions, name: "known_origins"),
    ],
    steps: [
      SchemaStep(
        "security-events-1", file: .sessions,
        ddl: """
          CREATE TABLE security_events (
            id INTEGER NOT NULL PRIMARY KEY,
            principal TEXT NOT NULL,
            body BLOB NOT NULL
          ) STRICT;
          -- Addresses (1) and programs (2) that a principal was seen with, by hash.
          CREATE TABLE known_origins (
            principal TEXT NOT NULL,
            kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
            hash BLOB NOT NULL CHECK (length(hash) = 16),
            seen_at INTEGER NOT NULL,
            PRIMARY KEY (principal, kind, hash)
          ) STRICT;
          """)
    ])
}
