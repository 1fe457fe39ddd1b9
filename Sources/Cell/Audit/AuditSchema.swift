import Storage

/// The tenant's audit log: entries that are only ever added, and the roots of its complete tiles.
enum AuditSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 60, file: .sessions, name: "audit_events"),
      TableDefinition(id: 61, file: .sessions, name: "audit_tiles"),
      TableDefinition(id: 62, file: .sessions, name: "audit_checkpoints"),
      TableDefinition(id: 63, file: .sessions, name: "audit_alerts"),
    ],
    steps: [SchemaStep("audit-1", file: .sessions, ddl: ddl)])

  private static let ddl = """
    CREATE TABLE audit_events (
      -- The position in the log, from 0.
      sequence INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      action TEXT NOT NULL,
      -- The entry's bytes, which the tree is built of.
      body BLOB NOT NULL,
      leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    ) STRICT;
    CREATE TRIGGER audit_events_stay BEFORE UPDATE ON audit_events
      BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;
    CREATE TRIGGER audit_events_remain BEFORE DELETE ON audit_events
      BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;
    -- The root of each complete tile: of 256 entries at level 1, of 256 of those at level 2.
    CREATE TABLE audit_tiles (
      level INTEGER NOT NULL,
      position INTEGER NOT NULL,
      root BLOB NOT NULL CHECK (length(root) = 32),
      PRIMARY KEY (level, position)
    ) STRICT;
    -- What the witness has signed.
    CREATE TABLE audit_checkpoints (
      size INTEGER NOT NULL PRIMARY KEY,
      at INTEGER NOT NULL,
      body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE audit_alerts (
      sequence INTEGER NOT NULL PRIMARY KEY REFERENCES audit_events (sequence)
    ) STRICT;
    """
}
