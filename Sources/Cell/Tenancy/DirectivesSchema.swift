import Storage

/// What the control plane told this cell, so that it holds across a restart without it.
enum DirectivesSchema {
  static let part = SchemaPart(
    tables: [
      TableDefinition(id: 501, file: .spool, name: "directory"),
      TableDefinition(id: 502, file: .spool, name: "send_stops"),
      TableDefinition(id: 503, file: .spool, name: "facts"),
    ],
    steps: [
      SchemaStep(
        "directives-1", file: .spool,
        ddl: """
          CREATE TABLE directory (
            tenant TEXT NOT NULL PRIMARY KEY,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            changed_at INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE send_stops (
            scope TEXT NOT NULL,
            id TEXT NOT NULL,
            reason TEXT NOT NULL,
            since INTEGER NOT NULL,
            -- Rises with each change of this stop; an older directive changes nothing.
            version INTEGER NOT NULL,
            lifted INTEGER NOT NULL,
            PRIMARY KEY (scope, id)
          ) STRICT, WITHOUT ROWID;
          CREATE TABLE facts (
            name TEXT NOT NULL PRIMARY KEY,
            value BLOB NOT NULL
          ) STRICT, WITHOUT ROWID;
          """)
    ])
}

/// Who a tenant is, as its own files tell; it moves with the tenant.
enum ProfileSchema {
  static let part = SchemaPart(
    tables: [TableDefinition(id: 50, file: .sessions, name: "profile")],
    steps: [
      SchemaStep(
        "profile-1", file: .sessions,
        ddl: """
          CREATE TABLE profile (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            name TEXT NOT NULL,
            slug TEXT NOT NULL,
            region TEXT NOT NULL,
            currency TEXT NOT NULL,
            time_zone TEXT NOT NULL,
            tier TEXT NOT NULL,
            parent TEXT NOT NULL,
            created_at INTEGER NOT NULL
          ) STRICT;
          """)
    ])
}
